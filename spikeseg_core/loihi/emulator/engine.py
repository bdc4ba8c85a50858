"""Running an integer network: the same spikes as NengoLoihi's emulator, much faster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from spikeseg_core.errors import DeploymentError
from spikeseg_core.loihi.emulator.kernels import Rows, read_input, run_layer
from spikeseg_core.loihi.emulator.plan import Plan, build_plan
from spikeseg_core.loihi.integer_network import IntegerNetwork

CHUNK_STEPS = 32
"""Steps computed for one layer before the next layer."""


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
    counts : dict of str to (n_tiles, n_windows, *shape) int32
        Spikes of every neuron per window, for the requested ensembles.
    totals : dict of str to shape int64
        Spikes of every neuron over all steps and tiles, for every ensemble.
    spikes : dict of str to (n_tiles, n_steps, *shape) bool
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


class Emulator:
    """The chip, computed layer by layer, many steps at a time.

    Parameters
    ----------
    chunk_steps : int
        Steps computed for one layer before the next layer. Memory for spikes is
        ``2 * (neurons + inputs) * (chunk_steps + 1)`` bytes for any number of tiles and steps.
        It is shared between runs, so an emulator runs one batch at a time.

    Raises
    ------
    DeploymentError
        If the network has loops, or compartments of an ensemble differ; see :func:`build_plan`.
    """

    def __init__(self, network: IntegerNetwork, chunk_steps: int = CHUNK_STEPS) -> None:
        self.network = network
        self.plan: Plan = build_plan(network)
        self.chunk_steps = chunk_steps
        self._events = np.zeros((chunk_steps + 1) * self.plan.n_positions, np.uint16)
        self._counts = np.zeros((self.plan.n_rows, chunk_steps + 1), np.int32)

    def run(
        self,
        input_spikes: Mapping[str, np.ndarray] | Sequence[np.ndarray],
        n_steps: int,
        *,
        windows: Sequence[tuple[int, int]] | None = None,
        count: Sequence[str] | None = None,
        record: Sequence[str] = (),
    ) -> EmulatorRun:
        """Run every tile from its initial voltages for ``n_steps`` steps.

        Parameters
        ----------
        input_spikes : mapping of str to ndarray, or sequence of ndarray
            For every input (by name or in order) ``(n_tiles, n_steps, *shape)`` or
            ``(n_tiles, n_steps, n)``; nonzero is a spike. A spike that the host sends in step
            ``t`` reaches the chip in step ``t + 1``, as in NengoLoihi.
        windows : sequence of (int, int), optional
            Ascending, disjoint windows ``(first step, step after the last)`` in which spikes of
            ``count`` are counted. By default one window over all steps.
        count : sequence of str, optional
            Ensembles to count; by default the last one computed.
        record : sequence of str
            Ensembles to record all spikes of.

        Raises
        ------
        DeploymentError
            If an input is missing or has another shape, a window is not in order, or an ensemble
            does not exist.
        """
        network, plan = self.network, self.plan
        inputs = self._inputs(input_spikes, n_steps)
        n_tiles = inputs[0].shape[0] if inputs else 1
        windows = tuple((int(a), int(b)) for a, b in (windows or [(0, n_steps)]))
        window = _window_of_step(windows, n_steps)
        if count is None:
            count = [network.ensembles[plan.layers[-1].index].name]
        layers = {network.ensembles[layer.index].name: layer for layer in plan.layers}
        for name in (*count, *record):
            network.ensemble_index(name)
        result = self._nothing_yet(n_tiles, n_steps, windows, count, record)
        for tile in range(n_tiles):
            tile_counts = np.zeros((len(windows) + 1, plan.n_positions), np.int32)
            recorded = {name: result.spikes[name][tile].reshape(n_steps, -1) for name in record}
            self._run_tile(
                [spikes[tile] for spikes in inputs],
                n_steps,
                window=window,
                tile_counts=tile_counts,
                result=result,
                recorded=recorded,
            )
            for name, layer in layers.items():
                n = result.totals[name].size
                part = tile_counts[:, layer.rows.first : layer.rows.first + n]
                result.totals[name].ravel()[:] += part.sum(0)
                if name in result.counts:
                    counted = result.counts[name][tile]
                    counted[:] = part[:-1].reshape(counted.shape)
        return result

    def _nothing_yet(
        self,
        n_tiles: int,
        n_steps: int,
        windows: tuple[tuple[int, int], ...],
        count: Sequence[str],
        record: Sequence[str],
    ) -> EmulatorRun:
        """Return a run whose counts are all 0, to add to."""
        network, plan = self.network, self.plan
        shapes = {e.name: e.shape for e in network.ensembles}
        return EmulatorRun(
            n_steps=n_steps,
            windows=windows,
            counts={
                name: np.zeros((n_tiles, len(windows), *shapes[name]), np.int32) for name in count
            },
            totals={name: np.zeros(shape, np.int64) for name, shape in shapes.items()},
            spikes={name: np.zeros((n_tiles, n_steps, *shapes[name]), bool) for name in record},
            events=CoreEvents(
                n_steps=n_steps,
                n_cores=network.n_blocks,
                n_inputs=len(network.inputs),
                n_tiles=n_tiles,
                source=plan.slot_source,
                spikes_of=np.zeros((plan.slot_source.size, n_steps), np.int64).T,
                fan_out_start=plan.fan_out_start,
                fan_out_core=plan.fan_out_core,
                fan_out_synapses=plan.fan_out_synapses,
            ),
        )

    def _run_tile(
        self,
        inputs: list[np.ndarray],
        n_steps: int,
        *,
        window: np.ndarray,
        tile_counts: np.ndarray,
        result: EmulatorRun,
        recorded: dict[str, np.ndarray],
    ) -> None:
        """Run one tile from the start, adding to its counts and to the counts of the run."""
        plan, events, counts = self.plan, self._events, self._counts
        counts[:, 0] = 0
        states = [
            (
                np.zeros_like(layer.vth),
                layer.voltage.copy(),
                np.zeros_like(layer.vth) if layer.constants[5] > 1 else None,
            )
            for layer in plan.layers
        ]
        for begin in range(0, n_steps, self.chunk_steps):
            n = min(self.chunk_steps, n_steps - begin)
            by_slot = result.events.spikes_of[begin : begin + n]
            for rows, spikes in zip(plan.inputs, inputs, strict=True):
                read_input(rows, spikes[begin : begin + n], events, counts, plan.slot, by_slot)
            for layer, state in zip(plan.layers, states, strict=True):
                run_layer(
                    layer.rows, layer.links, layer.constants, layer.bias, layer.vth, *state,
                    n, events, counts, window[begin : begin + n], plan.slot, by_slot, tile_counts,
                )  # fmt: skip
                name = self.network.ensembles[layer.index].name
                if name in recorded:
                    _unpack(layer.rows, events, counts, recorded[name][begin : begin + n])
            # The next chunk begins with the spikes of the last step.
            counts[:, 0] = counts[:, n]
            for rows in (*plan.inputs, *(layer.rows for layer in plan.layers)):
                lists = _by_row(rows, events, counts)
                lists[:, 0] = lists[:, n]

    def _inputs(
        self, given: Mapping[str, np.ndarray] | Sequence[np.ndarray], n_steps: int
    ) -> list[np.ndarray]:
        populations = self.network.inputs
        names = [population.name for population in populations]
        if isinstance(given, Mapping):
            if set(given) != set(names):
                raise DeploymentError(f"inputs {sorted(given)} given, the network has {names}")
            given = [given[name] for name in names]
        if len(given) != len(names):
            raise DeploymentError(f"{len(given)} inputs given, the network has {names}")
        arrays = []
        for population, spikes in zip(populations, given, strict=True):
            n_tiles = given[0].shape[0]
            if spikes.shape not in (
                (n_tiles, n_steps, population.size),
                (n_tiles, n_steps, *population.shape),
            ):
                raise DeploymentError(
                    f"input {population.name!r} has shape {spikes.shape}; expected "
                    f"{(n_tiles, n_steps, *population.shape)} (tiles, steps, neurons)"
                )
            flat = np.ascontiguousarray(spikes).reshape(n_tiles, n_steps, population.size)
            arrays.append((flat if flat.dtype.itemsize == 1 else flat != 0).view(np.uint8))
        return arrays


def _window_of_step(windows: Sequence[tuple[int, int]], n_steps: int) -> np.ndarray:
    """Index of each step's window; ``len(windows)`` for none."""
    window = np.full(n_steps, len(windows), np.int64)
    end = 0
    for k, (first, last) in enumerate(windows):
        if not end <= first < last <= n_steps:
            raise DeploymentError(
                f"window {(first, last)} must begin at or after step {end}, where the one before "
                f"ends, and end by step {n_steps}"
            )
        window[first:last] = k
        end = last
    return window


def _by_row(rows: Rows, events: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """View the events of a population as ``(rows, times, positions)``."""
    times = counts.shape[1]
    first, size = rows.first * times, rows.order.size * rows.length * times
    return events[first : first + size].reshape(rows.order.size, times, rows.length)


def _unpack(rows: Rows, events: np.ndarray, counts: np.ndarray, spikes: np.ndarray) -> None:
    """Write the events of a chunk as ``(steps, neurons)`` booleans."""
    lists = _by_row(rows, events, counts)
    for row in range(rows.order.size):
        for t in range(spikes.shape[0]):
            n = counts[rows.first_row + row, t + 1]
            spikes[t, row * rows.length + lists[row, t + 1, :n].astype(np.int64)] = True
