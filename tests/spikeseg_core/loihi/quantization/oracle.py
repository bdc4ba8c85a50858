"""What every core makes of its weights, core by core: what training's rounding must be."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from spikeseg_core.loihi.mapping.axis import axis_of, cuts
from spikeseg_core.loihi.mapping.fit import Tile
from spikeseg_core.loihi.quantization.fixed_point import FixedPoint, fixed_point
from spikeseg_core.network import Network, Weights
from spikeseg_core.stack import tf


@dataclass(frozen=True)
class CorePart:
    """What a core sees of its layer's weights.

    Attributes
    ----------
    channels : slice
        Channels that it holds.
    rows, columns : tuple of bool array (kernel,)
        By connection: the positions of the kernel that reach it.
    """

    channels: slice
    rows: tuple[np.ndarray, ...]
    columns: tuple[np.ndarray, ...]

    @property
    def is_whole(self) -> bool:
        """Whether every position of every kernel reaches it."""
        return all(used.all() for used in (*self.rows, *self.columns))


def core_parts(network: Network, name: str, tile: Tile) -> list[CorePart]:
    """Parts of a layer's kernels that its cores see, in the order of its blocks."""
    shape = network.shape(name)
    rows, columns = (
        [
            tuple(_positions(network, name, c, *part) for c in network.layer(name).inputs)
            for part in cuts(shape[axis], tile[axis])
        ]
        for axis in (0, 1)
    )
    return [
        CorePart(slice(*channels), r, c)
        for r in rows
        for c in columns
        for channels in cuts(shape[2], tile[2])
    ]


def _positions(network: Network, name: str, c: Any, start: int, stop: int) -> np.ndarray:
    """Positions of a kernel along one axis that reach targets ``start..stop``."""
    axis = axis_of(network, name, c)
    first, last = axis.reach()
    used = np.zeros(c.kernel, bool)
    for target in range(start, stop):
        sources = np.flatnonzero((first <= target) & (target < last))
        used[axis.kernel_position(sources, np.asarray(target))] = True
    return used


def fixed_point_of_cores(
    network: Network,
    weights: Weights,
    tiles: Mapping[str, Tile],
    *,
    weight_bits: int = 8,
    synapse_ms: float = 0.0,
) -> dict[str, list[tuple[CorePart, FixedPoint]]]:
    """Round a network core by core: by on-chip layer, in the order of its blocks."""
    found: dict[str, list[tuple[CorePart, FixedPoint]]] = {}
    for layer in network.chip_layers():
        kernels = [weights.kernel(layer.name, c.source) for c in layer.inputs]
        known: dict[bytes, FixedPoint] = {}
        found[layer.name] = []
        for part in core_parts(network, layer.name, tiles[layer.name]):
            key = repr((part.channels, part.rows, part.columns)).encode()
            if key not in known:
                channels = part.channels
                known[key] = fixed_point(
                    [
                        tf.constant(kernel[rows][:, columns][..., channels])
                        for kernel, rows, columns in zip(
                            kernels, part.rows, part.columns, strict=True
                        )
                    ],
                    tf.constant(weights.biases[layer.name][channels]),
                    np.zeros(channels.stop - channels.start, int),
                    weight_bits,
                    synapse_ms,
                )
                assert np.all(known[key].fits)
            found[layer.name].append((part, known[key]))
    return found


def currents(network, weights, activations):
    """Input of every layer in units, from the activations (rows, columns, channels) by name."""
    found = {}
    for layer in network.layers:
        total = weights.biases[layer.name]
        for c in layer.inputs:
            x, kernel = activations[c.source][None], weights.kernel(layer.name, c.source)
            if c.kind == "conv":
                y = tf.nn.conv2d(x, kernel, c.stride, "SAME")
            else:
                shape = (1, *network.shape(layer.name))
                y = tf.nn.conv2d_transpose(x, kernel.transpose(0, 1, 3, 2), shape, c.stride, "SAME")
            total = total + y.numpy()[0]
        found[layer.name] = total
    return found
