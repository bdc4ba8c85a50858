"""Balanced sparsity: synapses that are left out, so that the chip needs neither time nor memory.

A spike of one source channel reaches a row of synapses. The weight rows of one population axon must
be equally long, and a layer may be cut between channels, so the synapses that stay are balanced: of
every group of 8 neighbouring channels of the target, each pair of kernel position and source
channel reaches the same number, those with the largest weights (after "balanced sparsity", Yao et
al. 2019, arXiv 1811.00206). Which ones differs from row to row.

Which weights are kept is not stored: it follows from the weights, of which all others are zero.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spikeseg_core.errors import ConfigError
from spikeseg_core.network.description import Layer, Network, Weights, kernel_key

GROUP = 8
"""Channels of a group, in layers whose channels are a multiple of it; in others it is half."""


def sparse(network: Network, keep_of_8: int) -> Network:
    """Let every on-chip layer keep ``keep_of_8`` of 8 synapses.

    Layers with an odd multiple of 4 channels keep half as many of 4, rounded up; layers whose
    channels are no multiple of 4 stay dense.

    Parameters
    ----------
    keep_of_8 : int
        1 to 8; 8 is dense.

    Raises
    ------
    ConfigError
        If it is outside 1 to 8.
    """
    if not 1 <= keep_of_8 <= GROUP:
        raise ConfigError(f"keep_of_8 is {keep_of_8}; it must be from 1 to {GROUP}, which is dense")
    return replace(network, layers=tuple(_sparse(layer, keep_of_8) for layer in network.layers))


def _sparse(layer: Layer, keep_of_8: int) -> Layer:
    for group in (GROUP, GROUP // 2):
        kept = -(-keep_of_8 * group // GROUP)
        if layer.on_chip and kept < group and layer.channels % group == 0:
            return replace(layer, kept=kept, group=group)
    return replace(layer, kept=1, group=1)


def kept(kernel: np.ndarray, layer: Layer) -> np.ndarray:
    """Say which weights of a kernel into a layer are kept, as bool of the same shape.

    In every group these are the largest; of equal ones, those of the first channels.

    Parameters
    ----------
    kernel : float array (rows, columns, in_channels, channels)
    """
    grouped = np.abs(kernel).reshape(*kernel.shape[:3], -1, layer.group)
    order = np.argsort(-grouped, axis=-1, kind="stable")
    found = np.zeros(grouped.shape, bool)
    np.put_along_axis(found, order[..., : layer.kept], values=True, axis=-1)
    return found.reshape(kernel.shape)


def masks(network: Network, weights: Weights) -> dict[str, np.ndarray]:
    """Say which weights are kept, by :func:`kernel_key`, for the layers that are sparse."""
    return {
        kernel_key(layer.name, c.source): kept(weights.kernel(layer.name, c.source), layer)
        for layer, c in network.connections()
        if layer.kept < layer.group
    }


def pruned(network: Network, weights: Weights) -> Weights:
    """Set the weights to zero that a sparse network does not keep."""
    gone = {key: weights.kernels[key] * mask for key, mask in masks(network, weights).items()}
    return replace(weights, kernels={**weights.kernels, **gone})
