"""What goes into a run of the emulator, and what comes out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np


class SteadyInput(NamedTuple):
    """An input whose neurons, on the host, have a constant input current during a presentation.

    Its spikes are those of :func:`spikeseg_core.network.neuron.spike_trains`.

    Attributes
    ----------
    rise : ``(n_tiles, *shape)`` float64
        Increase of every neuron's membrane potential in a step, in thresholds.
    initial : shape float64
        Membrane potentials before the first step, from 0 to 1, in thresholds.
    """

    rise: np.ndarray
    initial: np.ndarray


Input = np.ndarray | SteadyInput
"""What an input of the network sends: spikes, or the currents that make them."""


@dataclass(frozen=True, eq=False)
class CoreEvents:
    """Exact counts of events on the chip, summed over the tiles of a run.

    A spike made in step ``t`` (counted from 0) is delivered in step ``t + 1``; spikes of the last
    step are sent but not delivered.

    Attributes
    ----------
    source : (counters,) int32
        Core of the neurons of a counter; ``-1 - i`` for input ``i``.
    spikes_of : (n_steps, counters) int64
        Spikes of these neurons per step. The neurons of a counter share their fan-out.
    fan_out_start, fan_out_core, fan_out_synapses : ndarray
        Axons of these neurons: target core, and synapses there.
    """

    n_steps: int
    n_cores: int
    n_inputs: int
    n_tiles: int
    source: np.ndarray
    spikes_of: np.ndarray
    fan_out_start: np.ndarray
    fan_out_core: np.ndarray
    fan_out_synapses: np.ndarray

    @cached_property
    def spikes(self) -> np.ndarray:
        """Spikes made, ``(n_steps, n_cores)`` int64."""
        return self._by_source(self.spikes_of)[:, : self.n_cores]

    @cached_property
    def input_spikes(self) -> np.ndarray:
        """Spikes sent by the host, ``(n_steps, n_inputs)`` int64."""
        return self._by_source(self.spikes_of)[:, self.n_cores :]

    @cached_property
    def messages_out(self) -> np.ndarray:
        """Messages sent per core, one per spike and axon, ``(n_steps, n_cores)`` int64."""
        sent = self.spikes_of * np.diff(self.fan_out_start)
        return self._by_source(sent)[:, : self.n_cores]

    @cached_property
    def messages_in(self) -> np.ndarray:
        """Messages received per core, from cores and the host, ``(n_steps, n_cores)`` int64."""
        return self._by_target(np.ones_like(self.fan_out_synapses))

    @cached_property
    def synaptic_operations(self) -> np.ndarray:
        """Synaptic operations (spike, synapse) per core, ``(n_steps, n_cores)`` int64."""
        return self._by_target(self.fan_out_synapses)

    @property
    def _source_column(self) -> np.ndarray:
        return np.where(self.source < 0, self.n_cores - 1 - self.source, self.source)

    def _by_source(self, values: np.ndarray) -> np.ndarray:
        counts = np.zeros((self.n_cores + self.n_inputs, values.shape[0]), np.int64)
        np.add.at(counts, self._source_column, values.T)
        return counts.T

    def _by_target(self, per_axon: np.ndarray) -> np.ndarray:
        """Sum over axons, delivered one step after the spike."""
        n_counters = self.source.size
        fan_out = np.zeros((n_counters, self.n_cores))
        counter = np.repeat(np.arange(n_counters), np.diff(self.fan_out_start))
        np.add.at(fan_out, (counter, self.fan_out_core), per_axon)
        counts = np.zeros((self.n_steps, self.n_cores), np.int64)
        # Sums of whole numbers far below 2**53: exact in float64.
        counts[1:] = np.rint(self.spikes_of[:-1].astype(np.float64) @ fan_out)
        return counts


@dataclass(frozen=True, eq=False)
class EmulatorRun:
    """Result of a run.

    Attributes
    ----------
    n_steps : int
        Steps of each tile.
    windows : tuple of (int, int)
        First step, and step after the last, of each window, counted from 0.
    counts : dict of str to ``(n_tiles, n_windows, *shape)`` int32
        Spikes of every neuron per window, for the requested inputs and ensembles.
    totals : dict of str to shape int64
        Spikes of every neuron over the first ``total_steps`` steps of all tiles, for every input
        and ensemble.
    spikes : dict of str to ``(n_tiles, n_steps, *shape)`` bool
        All spikes of the requested ensembles.
    events : CoreEvents
        Counts per core and step.
    """

    n_steps: int
    windows: tuple[tuple[int, int], ...]
    counts: dict[str, np.ndarray]
    totals: dict[str, np.ndarray]
    spikes: dict[str, np.ndarray]
    events: CoreEvents
