"""A mapped network on the emulator: spikes, output, energy, and how near to the ANN it comes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from spikeseg_core.errors import ConfigError
from spikeseg_core.frontends.mapped import MappedGraph
from spikeseg_core.frontends.presenting import present, stacked
from spikeseg_core.loihi.cost.counted import EventCounter
from spikeseg_core.loihi.cost.events import StepEvents
from spikeseg_core.loihi.cost.model import LoihiEstimate, loihi_energy
from spikeseg_core.network import RATE_HZ_PER_UNIT
from spikeseg_core.reporting import SILENT, Reporter

STEPS = 200
"""Default presentation of an item, in steps of 1 ms."""


@dataclass(frozen=True, eq=False)
class GraphRun:
    """Result of presenting items of the input.

    Attributes
    ----------
    output : ndarray
        Output of the network from spikes, ``(items, rows, columns, channels)``.
    expected : ndarray
        The same from the ANN.
    rates : mapping of str to ndarray
        Spike rate in Hz in the read-out window, ``(items, *shape)``, by ensemble, also on the host.
    correlation : mapping of str to float
        Between spike rates and the ANN's activations, over all neurons and items, by ensemble; not
        a number if one of them is constant.
    events : StepEvents
        Every event of every step.
    """

    output: np.ndarray
    expected: np.ndarray
    rates: Mapping[str, np.ndarray]
    correlation: Mapping[str, float]
    events: StepEvents

    @property
    def energy(self) -> LoihiEstimate:
        """Modelled energy and time of one item, from the counted events."""
        return loihi_energy(self.events.until(self.events.steps))

    @property
    def output_correlation(self) -> float:
        """Correlation of the outputs."""
        return correlation(self.output, self.expected)

    @property
    def agreement(self) -> float:
        """Share of items (or pixels) whose largest output is that of the ANN."""
        return float((self.output.argmax(-1) == self.expected.argmax(-1)).mean())


def emulate(
    mapped: MappedGraph,
    items: np.ndarray,
    steps: int = STEPS,
    start: int | None = None,
    report: Reporter = SILENT,
) -> GraphRun:
    """Present items of the input, each for ``steps`` steps from the initial potentials.

    Parameters
    ----------
    items : ndarray
        ``(items, rows, columns, channels)``; the host computes constant currents from them.
    start : int, optional
        First step of the read-out window, which ends with the last; by default the middle.

    Raises
    ------
    ConfigError
        If there is no step in the window.
    """
    start = steps // 2 if start is None else start
    if not 0 <= start < steps:
        raise ConfigError(
            f"a read-out from step {start} of {steps} steps; it must begin at 0 or later, and "
            "before the last step: present items for longer"
        )
    graph, integer = mapped.graph, mapped.integer
    chip = [layer.name for layer in graph.chip_layers()]
    read = [link.source for link in graph.readout.inputs if link.source in chip]
    counter = EventCounter(integer, mapped.placement, read)
    rates, events = [], []
    for index, (ran, found) in enumerate(present(graph, integer, items, steps, start), start=1):
        events.append(counter.count(ran.events))
        rates.append(found)
        report.progress(index, len(items), "items on the emulator")
    return compared(mapped, items, stacked(rates), StepEvents.join(events))


def compared(
    mapped: MappedGraph, items: np.ndarray, rates: Mapping[str, np.ndarray], events: StepEvents
) -> GraphRun:
    """Put spike rates in units of 100 Hz beside the ANN's activations."""
    graph = mapped.graph
    exact = graph.forward(items)
    return GraphRun(
        graph.read_out(rates),
        graph.read_out(exact),
        {name: rate * np.float32(RATE_HZ_PER_UNIT) for name, rate in rates.items()},
        {name: correlation(rates[name], exact[name]) for name in rates},
        events,
    )


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson's correlation; not a number if one of them is constant."""
    if a.size < 2 or a.std() == 0 or b.std() == 0:
        return float("nan")
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])
