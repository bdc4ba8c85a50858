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
        kept = _slope(rates[layer.name], expected)
        gain = float(np.clip(layer.gain / kept, 1 / LARGEST_GAIN, LARGEST_GAIN))
        layers.append(replace(layer, gain=gain))
    return replace(graph, layers=tuple(layers))


def _slope(found: np.ndarray, expected: np.ndarray) -> float:
    """Share of the expected rates that is found; 1 if there are none."""
    power = float((expected * expected).sum())
    kept = float((found * expected).sum()) / power if power else 1.0
    return kept or 1.0


def stacked(rates: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Put the rates of single items together, ``(items, *shape)`` by ensemble."""
    return {name: np.stack([each[name] for each in rates]) for name in rates[0]}
