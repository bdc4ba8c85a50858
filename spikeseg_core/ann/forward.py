"""The forward pass of a network layer by layer, where the Keras model is not enough.

:func:`convolutions` gives a model's connections as functions, with exact or on-chip weights;
:func:`forward` runs the network of rates with them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from spikeseg_core.ann.unet import convolution_name
from spikeseg_core.loihi.quantization.fixed_point import FixedPoint, fixed_point, rounded
from spikeseg_core.network import IMAGE, Connection, Layer, Network
from spikeseg_core.reporting import Reporter
from spikeseg_core.stack import tf

Convolve = Callable[[str | None, Connection, Any], Any]
"""Map ``(target, connection, x)`` to what the connection adds to the target's current (target None:
the read-out). A layer's first connection adds its bias. ``x`` may be any batch."""


def weights_into(model: Any, layer: Layer) -> tuple[list[Any], Any]:
    """Read a layer's kernels, laid out as in :class:`~spikeseg_core.network.Weights`, and bias."""
    found = [model.get_layer(convolution_name(layer.name, c.source)) for c in layer.inputs]
    kernels = [_swap(c, f.kernel) for c, f in zip(layer.inputs, found, strict=True)]
    return kernels, tf.convert_to_tensor(found[0].bias)


def integers_of(
    network: Network,
    model: Any,
    cores: Mapping[str, np.ndarray],
    weight_bits: int,
    synapse_ms: float = 0.0,
) -> dict[str, FixedPoint]:
    """Round the weights of every on-chip layer as its cores do.

    Parameters
    ----------
    cores : mapping of str to int array (channels,)
        By on-chip layer, the core that holds each channel.
    """
    return {
        layer.name: fixed_point(
            *weights_into(model, layer), cores[layer.name], weight_bits, synapse_ms
        )
        for layer in network.chip_layers()
    }


def convolutions(
    network: Network, model: Any, integers: Mapping[str, FixedPoint] | None = None
) -> Convolve:
    """Give the connections of a model; weights are read once, here.

    Parameters
    ----------
    integers : mapping of str to FixedPoint, optional
        From :func:`integers_of`: what the weights of on-chip layers are rounded to.
    """
    weights: dict[tuple[str | None, str], tuple[Any, Any]] = {}
    for layer in network.layers:
        kernels, bias = weights_into(model, layer)
        if integers is not None and layer.on_chip:
            kernels, bias = rounded(kernels, bias, integers[layer.name])
        for index, (c, kernel) in enumerate(zip(layer.inputs, kernels, strict=True)):
            weights[layer.name, c.source] = kernel, bias if index == 0 else None
    readout = model.get_layer(convolution_name(None, network.readout.source))
    weights[None, network.readout.source] = _swap(network.readout, readout.kernel), readout.bias

    def convolve(target: str | None, c: Connection, x: Any) -> Any:
        kernel, bias = weights[target, c.source]
        if c.kind == "conv":
            y = tf.nn.conv2d(x, kernel, c.stride, "SAME")
        else:
            side = x.shape[1] * c.stride
            shape = (tf.shape(x)[0], side, side, kernel.shape[-1])
            y = tf.nn.conv2d_transpose(x, _swap(c, kernel), shape, c.stride, "SAME")
        return y if bias is None else tf.nn.bias_add(y, bias)

    return convolve


def _swap(c: Connection, kernel: Any) -> Any:
    """Swap input and output channels where TensorFlow stores them the other way round."""
    return tf.transpose(kernel, (0, 1, 3, 2)) if c.kind != "conv" else tf.convert_to_tensor(kernel)


def forward(
    network: Network, convolve: Convolve, tiles: Any, activation: Callable[[str, Any], Any]
) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """Run the network of rates on tiles.

    Parameters
    ----------
    tiles : tensor (batch, tile, tile, 1)
        Standardised.
    activation : callable
        Layer name and currents to rates, both in units of 100 Hz.

    Returns
    -------
    logits : tensor (batch, tile, tile, 1)
    currents : dict of str to tensor (batch, rows, columns, channels)
        Input of every neuron, in units of 100 Hz.
    rates : dict of str to tensor (batch, rows, columns, channels)
        Output of ``activation``.
    """
    rates = {IMAGE: tiles}
    currents = {}
    for layer in network.layers:
        currents[layer.name] = tf.add_n(
            [convolve(layer.name, c, rates[c.source]) for c in layer.inputs]
        )
        rates[layer.name] = activation(layer.name, currents[layer.name])
    return convolve(None, network.readout, rates[network.readout.source]), currents, rates


def segment_in_batches(
    tiles: np.ndarray, batch: int, logits_of: Callable[[Any], Any], report: Reporter, what: str
) -> np.ndarray:
    """Segment tiles, some at a time, and report the progress as ``what``.

    Parameters
    ----------
    tiles : float32 array (tiles, tile, tile)
        Standardised.
    logits_of : callable
        Maps a tensor (batch, tile, tile, 1) to its logits, of the same shape.

    Returns
    -------
    float32 array (tiles, tile, tile)
        Logits.
    """
    logits = []
    for first in range(0, len(tiles), batch):
        shown = tf.constant(tiles[first : first + batch, ..., np.newaxis])
        logits.append(logits_of(shown).numpy()[..., 0])
        report.progress(min(first + batch, len(tiles)), len(tiles), what)
    return np.concatenate(logits)
