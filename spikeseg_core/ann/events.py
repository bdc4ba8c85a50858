"""The spikes of the chip itself, for tuning: the mapped integer network in the emulator's kernels.

The forward pass of the epochs with spikes needs no gradient through spikes (it runs through the
rates, :mod:`spikeseg_core.ann.spiking`). So it is the emulator: 8-bit weights with the scales of
their cores, 12-bit biases, accumulators of 21 and 23 bits, a step from layer to layer. Work is
proportional to spikes, which are zero 98 times out of 100.

The spikes are those of :meth:`~spikeseg_core.loihi.emulator.Emulator.run` on the same weights, if
every core sees whole kernels (:mod:`spikeseg_core.loihi.quantization.fixed_point`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from spikeseg_core.ann.forward import weights_into
from spikeseg_core.errors import MappingError
from spikeseg_core.loihi.emulator import Emulator, EmulatorRun
from spikeseg_core.loihi.emulator.layout import LayerIntegers, Layout
from spikeseg_core.loihi.mapping.fit import Tile
from spikeseg_core.loihi.mapping.tiles import choose_tiles
from spikeseg_core.loihi.quantization.fixed_point import FixedPoint, cores_of_channels
from spikeseg_core.loihi.run.base import steady_input
from spikeseg_core.network import IMAGE, Network
from spikeseg_core.network.neuron import UNITS_PER_SPIKE
from spikeseg_core.stack import tf


def runs_on_events(network: Network) -> bool:
    """Whether the host's layers take the image alone, and the chip's take only spikes."""
    return all(
        (c.source != IMAGE) if layer.on_chip else (c.source == IMAGE and len(layer.inputs) == 1)
        for layer, c in network.connections()
    )


class ChipSpikes:
    """Measures the rates of all layers on the chip, for weights that change from batch to batch.

    Parameters
    ----------
    continuous : bool
        Whether every tile of a batch follows the one before it, the first the last, without a
        reset.

    Attributes
    ----------
    problem : MappingError or None
        Why the last run stopped, which TensorFlow reports only as text.
    """

    def __init__(self, network: Network, *, continuous: bool = False) -> None:
        self.network, self.continuous = network, continuous
        self.problem: MappingError | None = None
        self._layout = Layout(network)
        self._emulator: Emulator | None = None

    def rates(
        self,
        model: Any,
        integers: Mapping[str, FixedPoint],
        tiles: Any,
        windows: Sequence[tuple[int, int]],
    ) -> dict[str, Any]:
        """Run the chip on tiles; may be called in a graph.

        Parameters
        ----------
        integers : mapping of str to FixedPoint
            Of the model's weights, by on-chip layer.
        tiles : tensor (batch, tile, tile, 1)
            Standardised.
        windows : sequence of (int, int)
            First step, and step after the last, of each mean.

        Returns
        -------
        dict of str to tensor (windows * batch, rows, columns, channels)
            Measured rate of every neuron in each window, in units of 100 Hz, by layer.

        Raises
        ------
        MappingError
            If no exponent fits a core's thresholds and biases; in a graph as TensorFlow's error,
            with the reason in ``problem``.
        """
        currents = []
        for layer in self._layout.hosts:
            (kernel,), bias = weights_into(model, layer)
            wide = (tf.cast(x, tf.float64) for x in (tiles, kernel))
            currents += [tf.nn.conv2d(*wide, layer.inputs[0].stride, "SAME"), bias]
        whole = [
            (*found.kernels, found.biases, found.thresholds, found.fits)
            for found in (integers[layer.name] for layer in self.network.chip_layers())
        ]
        steps = max(end for _, end in windows)

        def measure(*arrays: np.ndarray) -> list[np.ndarray]:
            given = iter(arrays)
            units = {x.name: next(given) + next(given) for x in self._layout.hosts}
            counts = self.run(units, self._integers(given), steps, windows).counts
            return [_rates(counts[layer.name], windows) for layer in self.network.layers]

        arrays = [*currents, *(array for layer in whole for array in layer)]
        layers = self.network.layers
        found = tf.numpy_function(measure, arrays, [tf.float32] * len(layers), stateful=False)
        batch = len(windows) * tiles.shape[0]
        return {
            layer.name: tf.ensure_shape(rates, (batch, *self.network.shape(layer.name)))
            for layer, rates in zip(layers, found, strict=True)
        }

    def run(
        self,
        units: Mapping[str, np.ndarray],
        integers: Mapping[str, LayerIntegers],
        steps: int,
        windows: Sequence[tuple[int, int]],
        record: Sequence[str] = (),
    ) -> EmulatorRun:
        """Run the chip on the host's currents (units of 100 Hz); count every layer.

        In continuous presentation the counts alone leave out the tiles that go before.
        """
        plan = self._layout.plan(integers)
        if self._emulator is None:
            self._emulator = Emulator(plan)
        self._emulator.plan = plan
        if self.continuous:
            units = {name: _each_after_another(values) for name, values in units.items()}
        ran = self._emulator.run(
            {name: steady_input(self.network, name, values) for name, values in units.items()},
            steps,
            windows=windows,
            count=[layer.name for layer in self.network.layers],
            record=record,
            total_steps=0,
            in_a_row=1 + self.continuous,
        )
        if self.continuous:
            return replace(ran, counts={name: found[1::2] for name, found in ran.counts.items()})
        return ran

    def _integers(self, given: Any) -> dict[str, LayerIntegers]:
        """Take the arrays of every layer, in order."""
        found = {}
        for layer in self.network.chip_layers():
            kernels = {c.source: next(given) for c in layer.inputs}
            biases, thresholds, fits = next(given), next(given), next(given)
            connected = np.any([k.any(axis=(0, 1, 2)) for k in kernels.values()], axis=0)
            if (connected & ~fits).any():
                self.problem = MappingError(
                    f"layer {layer.name!r} of network {self.network.name!r} cannot be expressed in "
                    "Loihi's integers: its weights are tiny compared with its biases; lower "
                    "spiking_learning_rate"
                )
                raise self.problem
            found[layer.name] = LayerIntegers(kernels, biases, thresholds)
        return found


def assumed_cores(
    network: Network, weight_bits: int, tiles: Mapping[str, Tile] | None = None
) -> dict[str, np.ndarray]:
    """Core of every channel, by on-chip layer, for tiles; by default those of fewest cores.

    Raises
    ------
    MappingError
        If a layer does not fit a core.
    """
    tiles = tiles or choose_tiles(network, weight_bits=weight_bits)
    return {
        name: cores_of_channels(network.shape(name)[2], depth)
        for name, (_, _, depth) in tiles.items()
    }


def _each_after_another(tiles: np.ndarray) -> np.ndarray:
    """Put before every tile of a batch the one before it."""
    return np.stack([np.roll(tiles, 1, axis=0), tiles], axis=1).reshape(-1, *tiles.shape[1:])


def _rates(counts: np.ndarray, windows: Sequence[tuple[int, int]]) -> np.ndarray:
    """Spikes ``(tiles, windows, ...)`` as rates ``(windows * tiles, ...)``, in units of 100 Hz."""
    tiles, _, *shape = counts.shape
    rates = np.empty((len(windows), tiles, *shape), np.float32)
    for k, (first, last) in enumerate(windows):
        np.multiply(counts[:, k], np.float32(UNITS_PER_SPIKE / (last - first)), out=rates[k])
    return rates.reshape(-1, *shape)
