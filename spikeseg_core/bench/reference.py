"""The network ``reference-235k``: 235,008 neurons on the chip, a fixed point for comparisons.

A small U-Net with random weights, written in plain Nengo and NengoLoihi so that it depends on no
other part of this project: a 96 x 96 image, one layer of spiking neurons on the host, an encoder of
three levels, and a decoder with skips. This project's emulator and partitioner are compared with
its results on NengoLoihi's emulator (blocks, messages, seconds per step).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from spikeseg_core.stack import nengo_loihi

GAINS = (120.0, 200.0, 400.0)
"""Gains for a low, a middle and a high rate: about 12, 48 and 164 Hz over the first 40 steps."""

AMPLITUDE = 0.01
TAU_SYNAPSE = 0.01
LAYERS = {  # name: shape, tile
    "e0": ((96, 96, 8), (16, 16, 4)),
    "e1": ((48, 48, 16), (8, 8, 16)),
    "e2": ((24, 24, 24), (6, 6, 24)),
    "d1": ((48, 48, 16), (8, 8, 16)),
    "d0": ((96, 96, 8), (16, 16, 4)),
}
"""Shape and tile ``(rows, columns, channels)`` of every ensemble on the chip."""


@dataclass(frozen=True)
class ReferenceNetwork:
    """The network and handles into it.

    Attributes
    ----------
    network : nengo.Network
        With NengoLoihi's configuration: tiles, population type 16, the stem off the chip.
    stem : nengo.Ensemble
        The 96 x 96 x 4 ensemble on the host.
    currents : (1, 96, 96, 4) ndarray
        Input current of the neurons of ``stem`` in Hz, constant.
    """

    network: Any
    stem: Any
    currents: np.ndarray


def reference_network(gain: float = 400.0) -> ReferenceNetwork:
    """Build ``reference-235k`` with a gain that sets its mean rate (see ``GAINS``)."""
    import nengo

    rng = np.random.RandomState(0)
    pixels = np.random.RandomState(1).uniform(size=(96, 96, 1))
    with nengo.Network(seed=0) as network:
        nengo_loihi.add_params(network)
        image = nengo.Node(pixels.ravel(), label="image")
        stem = _ensemble(network, "stem", (96, 96, 4), gain, on_chip=False)
        layers = {}
        for name, (shape, tile) in LAYERS.items():
            layers[name] = _ensemble(network, name, shape, gain)
            network.config[layers[name]].block_shape = nengo_loihi.BlockShape(tile, shape)
        for source, target, transform in (
            (stem, "e0", _conv(rng, (96, 96, 4), 8)),
            (layers["e0"], "e1", _conv(rng, (96, 96, 8), 16, stride=2)),
            (layers["e1"], "e2", _conv(rng, (48, 48, 16), 24, stride=2)),
            (layers["e2"], "d1", _up(rng, (24, 24, 24), 16)),
            (layers["e1"], "d1", _conv(rng, (48, 48, 16), 16)),
            (layers["d1"], "d0", _up(rng, (48, 48, 16), 8)),
            (layers["e0"], "d0", _conv(rng, (96, 96, 8), 8)),
        ):
            connection = nengo.Connection(
                source.neurons,
                layers[target].neurons,
                transform=transform,
                synapse=nengo.Lowpass(TAU_SYNAPSE),
            )
            network.config[connection].pop_type = 16
        into_stem = _conv(rng, (96, 96, 1), 4, kernel=1)
        nengo.Connection(image, stem.neurons, transform=into_stem, synapse=None)
        nengo.Probe(layers["d0"].neurons, label="d0")
    currents = gain * (pixels @ into_stem.init[0, 0])
    return ReferenceNetwork(network, stem, currents[None])


def _ensemble(
    network: Any, name: str, shape: tuple[int, int, int], gain: float, on_chip: bool = True
) -> Any:
    import nengo

    n = int(np.prod(shape))
    ensemble = nengo.Ensemble(
        n,
        1,
        neuron_type=nengo_loihi.neurons.LoihiSpikingRectifiedLinear(amplitude=AMPLITUDE),
        gain=np.full(n, gain),
        bias=np.zeros(n),
        label=name,
    )
    network.config[ensemble].on_chip = on_chip
    return ensemble


def _conv(
    rng: np.random.RandomState,
    shape: tuple[int, int, int],
    channels: int,
    kernel: int = 3,
    stride: int = 1,
) -> Any:
    import nengo

    return nengo.Convolution(
        channels,
        shape,
        strides=(stride, stride),
        kernel_size=(kernel, kernel),
        padding="same",
        init=_he_normal(rng, (kernel, kernel, shape[2], channels)),
    )


def _up(rng: np.random.RandomState, shape: tuple[int, int, int], channels: int) -> Any:
    import nengo

    return nengo.transforms.ConvolutionTranspose(
        channels,
        shape,
        strides=(2, 2),
        kernel_size=(2, 2),
        padding="valid",
        init=_he_normal(rng, (2, 2, shape[2], channels)),
    )


def _he_normal(rng: np.random.RandomState, shape: tuple[int, int, int, int]) -> np.ndarray:
    """Draw normal weights with variance 2 / fan-in."""
    return rng.normal(0.0, np.sqrt(2.0 / np.prod(shape[:3])), size=shape)
