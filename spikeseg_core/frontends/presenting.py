"""Presenting items of the input to a network in integers, and what neurons lose by spiking.

A neuron of the chip starts again at rest when it spikes; what its potential had beyond the
threshold is lost, more if single spikes have large weights. So its rate is a little less than its
input asks for, and from layer to layer less. :func:`with_gains` measures that on the emulator and
makes up for it by larger weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from spikeseg_core.loihi.emulator import Emulator, EmulatorRun, SteadyInput
from spikeseg_core.loihi.integer_network import IntegerNetwork
from spikeseg_core.network import DT, IMAGE, RATE_HZ_PER_UNIT, Graph
from spikeseg_core.network.initial_state import initial_potentials

GAIN_ITEMS, GAIN_STEPS = 4, 200
"""Items and steps that gains are measured with."""

LARGEST_GAIN = 4.0

NEURONS_OF_ALL = 16
"""A channel with as many neurons (and items) counts as much as the mean of all."""


def present(
    graph: Graph, integer: IntegerNetwork, items: np.ndarray, steps: int, start: int
) -> Iterator[tuple[EmulatorRun, dict[str, np.ndarray]]]:
    """Yield the run of each item, and every neuron's rate from step ``start`` on.

    Returns
    -------
    iterator of (EmulatorRun, dict of str to float32 ndarray)
        Rates in units of 100 Hz, by ensemble, the host's included.
    """
    names = [population.name for population in (*integer.inputs, *integer.ensembles)]
    runs = Emulator(integer).each_tile(
        _currents(graph, integer, items), steps, windows=[(start, steps)], count=names
    )
    unit = np.float32((steps - start) * DT * RATE_HZ_PER_UNIT)
    for run in runs:
        yield run, {name: run.counts[name][0, 0].astype(np.float32) / unit for name in names}


def _currents(graph: Graph, integer: IntegerNetwork, items: np.ndarray) -> dict[str, SteadyInput]:
    """Currents of the host's ensembles, which are constant."""
    found = {}
    for population in integer.inputs:
        layer = graph.layer(population.name)
        units = layer.current({link.source: items.astype(np.float64) for link in layer.inputs})
        initial = initial_potentials(graph, layer.name)
        found[layer.name] = SteadyInput(layer.gain * units * RATE_HZ_PER_UNIT * DT, initial)
    return found


def with_gains(graph: Graph, integer: IntegerNetwork, items: np.ndarray) -> Graph:
    """Return the network with gains that make up for what its neurons lose.

    Parameters
    ----------
    integer : IntegerNetwork
        Compiled from ``graph``, with its gains so far.
    items : ndarray
        ``(items, rows, columns, channels)``; the first few are presented.
    """
    items = items[:GAIN_ITEMS]
    runs = present(graph, integer, items, GAIN_STEPS, GAIN_STEPS // 2)
    rates = {IMAGE: items, **stacked([found for _, found in runs])}
    layers = []
    for layer in graph.layers:
        expected = np.maximum(layer.current(rates), 0)
        gain = layer.gain / _kept(rates[layer.name], expected)
        limited = np.clip(gain, 1 / LARGEST_GAIN, LARGEST_GAIN).astype(np.float32)
        layers.append(replace(layer, gain=limited))
    return replace(graph, layers=tuple(layers))


def _kept(found: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Share of the expected rates that is found, ``(channels,)``; 1 if there are none.

    Channels with few or weak neurons are taken to be nearer to all others.
    """
    axes = tuple(range(expected.ndim - 1))
    power, both = (expected**2).sum(axes), (found * expected).sum(axes)
    if not power.any() or not both.any():
        return np.ones(power.shape)
    weight = NEURONS_OF_ALL / found[..., 0].size * power.mean()
    return np.asarray((both + weight * both.sum() / power.sum()) / (power + weight))


def stacked(rates: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Put the rates of single items together, ``(items, *shape)`` by ensemble."""
    return {name: np.stack([each[name] for each in rates]) for name in rates[0]}
