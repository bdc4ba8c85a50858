"""The Keras model of a :class:`~spikeseg_core.network.Network`, and the way back to its weights.

Each layer is the sum of its convolutions, one bias per channel, and the activation of a neuron;
batch normalization, where it is used, stands between sum and activation and folds away exactly.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from spikeseg_core.ann.neuron import loihi_rate
from spikeseg_core.network import IMAGE, Connection, Network, Weights, kernel_key
from spikeseg_core.stack import keras

Activation = Literal["relu", "loihi"]

_ACTIVATIONS = {"relu": keras.activations.relu, "loihi": loihi_rate}


def build_model(
    network: Network,
    activation: Activation = "relu",
    *,
    batch_norm: bool = False,
    seed: int = 0,
    masks: Mapping[str, np.ndarray] | None = None,
) -> Any:
    """Build the Keras model of a network, with random weights.

    Parameters
    ----------
    batch_norm : bool
        Normalize each channel between the sum and the activation.
    masks : mapping of str to bool array, optional
        By :func:`kernel_key`, the weights that training may change
        (:func:`spikeseg_core.network.sparsity.masks`); by default all.

    Returns
    -------
    keras.Model
        Standardised tiles ``(batch, tile, tile, 1)`` to logits of membrane, the same shape. The
        output of layer ``name`` is its neurons' rates, its input their currents.
    """
    outputs = {IMAGE: keras.Input((network.tile, network.tile, 1), name=IMAGE)}
    for index, layer in enumerate(network.layers):
        branches = [
            _convolution(
                layer.name,
                c,
                layer.channels,
                # One bias per channel of the sum; batch normalization brings its own.
                use_bias=branch == 0 and not batch_norm,
                gain=2 / len(layer.inputs),
                mask=(masks or {}).get(kernel_key(layer.name, c.source)),
                seed=seed * 1000 + index * 10 + branch,
            )(outputs[c.source])
            for branch, c in enumerate(layer.inputs)
        ]
        current = (
            branches[0]
            if len(branches) == 1
            else keras.layers.Add(name=f"{layer.name}_sum")(branches)
        )
        if batch_norm:
            current = keras.layers.BatchNormalization(momentum=0.95, name=_norm_name(layer.name))(
                current
            )
        outputs[layer.name] = keras.layers.Activation(_ACTIVATIONS[activation], name=layer.name)(
            current
        )
    readout = _convolution(None, network.readout, 1, use_bias=True, gain=1, seed=seed * 1000 + 999)
    logits = readout(outputs[network.readout.source])
    # Keras refuses the brackets of a variation's name.
    name = re.sub(r"[^\w.]+", "-", network.name).strip("-")
    return keras.Model(outputs[IMAGE], logits, name=name)


def _convolution(
    target: str | None,
    c: Connection,
    channels: int,
    *,
    use_bias: bool,
    gain: float,
    seed: int,
    mask: np.ndarray | None = None,
) -> Any:
    """Return the Keras layer of one connection, linear."""
    kind = keras.layers.Conv2D if c.kind == "conv" else keras.layers.Conv2DTranspose
    return kind(
        channels,
        c.kernel,
        strides=c.stride,
        padding="same",
        use_bias=use_bias,
        kernel_initializer=keras.initializers.VarianceScaling(gain, seed=seed),
        kernel_constraint=None if mask is None else _Kept(_swap_for(c, mask)),
        name=convolution_name(target, c.source),
    )


class _Kept(keras.constraints.Constraint):
    """Sets weights that are not kept to zero after every step of the optimizer."""

    def __init__(self, mask: np.ndarray) -> None:
        self.mask = mask.astype(np.float32)

    def __call__(self, kernel: Any) -> Any:
        return kernel * self.mask


def convolution_name(target: str | None, source: str) -> str:
    """Name of the Keras layer of the connection from ``source`` into ``target``."""
    return f"{target or 'readout'}_from_{source}"


def _norm_name(layer: str) -> str:
    return f"{layer}_norm"


def _swap_for(c: Connection, kernel: np.ndarray) -> np.ndarray:
    """Swap in and out channels where Keras stores them the other way round."""
    return np.ascontiguousarray(kernel.transpose(0, 1, 3, 2)) if c.kind != "conv" else kernel


def weights_of(network: Network, model: Any) -> Weights:
    """Read a network's weights from its Keras model, with batch normalization folded in.

    :func:`model_from_weights` gives the same output, up to rounding, as ``model`` in inference.
    """
    norms = {
        layer.name: model.get_layer(_norm_name(layer.name))
        for layer in network.layers
        if any(found.name == _norm_name(layer.name) for found in model.layers)
    }
    kernels, biases = {}, {}
    for layer in network.layers:
        scale, shift = np.ones(layer.channels), np.zeros(layer.channels)
        if layer.name in norms:
            norm = norms[layer.name]
            gamma, beta, mean, variance = (w.astype(np.float64) for w in norm.get_weights())
            scale = gamma / np.sqrt(variance + norm.epsilon)
            shift = beta - mean * scale
        for c in layer.inputs:
            found = model.get_layer(convolution_name(layer.name, c.source))
            kernel = _swap_for(c, found.get_weights()[0])
            kernels[kernel_key(layer.name, c.source)] = (kernel * scale).astype(np.float32)
            if found.use_bias:
                shift = shift + found.get_weights()[1] * scale
        biases[layer.name] = shift.astype(np.float32)
    kernel, bias = model.get_layer(convolution_name(None, network.readout.source)).get_weights()
    kernels[kernel_key(None, network.readout.source)] = _swap_for(network.readout, kernel)
    return Weights(kernels, biases | {"readout": bias})


def model_from_weights(
    network: Network,
    weights: Weights,
    activation: Activation = "relu",
    *,
    masks: Mapping[str, np.ndarray] | None = None,
) -> Any:
    """Build the model of :func:`build_model` with these weights and no batch normalization."""
    model = build_model(network, activation, masks=masks)
    set_weights(network, model, weights)
    return model


def set_weights(network: Network, model: Any, weights: Weights) -> None:
    """Give weights to a model without batch normalization, the other way of :func:`weights_of`."""
    for target, c in network.links():
        found = model.get_layer(convolution_name(target, c.source))
        kernel = _swap_for(c, weights.kernel(target, c.source))
        found.set_weights([kernel, weights.biases[target or "readout"]][: 1 + found.use_bias])
