"""Running an integer network: the same spikes as NengoLoihi's emulator, much faster."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import chain, pairwise
from queue import SimpleQueue
from typing import NamedTuple

import numpy as np
from numba import get_num_threads

from spikeseg_core.errors import DeploymentError
from spikeseg_core.loihi.emulator.kernels import ALONE, TOGETHER, Loops, Rows
from spikeseg_core.loihi.emulator.plan import Plan, build_plan
from spikeseg_core.loihi.emulator.runs import CoreEvents, EmulatorRun, Input, SteadyInput
from spikeseg_core.loihi.emulator.steady import Calendar, calendar
from spikeseg_core.loihi.integer_network import IntegerNetwork

CHUNK_STEPS = 32
"""Steps computed for one layer before the next layer."""


class Emulator:
    """The chip, computed layer by layer, many steps at a time.

    Threads take whole tiles if there are several, and share the rows of a single one.

    Attributes
    ----------
    plan : Plan
        May be replaced by another of the same :class:`~spikeseg_core.loihi.emulator.layout.Layout`.

    Parameters
    ----------
    network : IntegerNetwork or Plan
        The network, or how it is laid out.
    chunk_steps : int
        Steps computed for one layer before the next layer. Memory for spikes is
        ``2 * (neurons + inputs) * (chunk_steps + 1)`` bytes for any number of tiles and steps.
        Every thread has its own, kept between runs, so an emulator runs one batch at a time.

    Raises
    ------
    DeploymentError
        If the network has loops, or compartments of an ensemble differ; see :func:`build_plan`.
    """

    def __init__(self, network: IntegerNetwork | Plan, chunk_steps: int = CHUNK_STEPS) -> None:
        self.plan = network if isinstance(network, Plan) else build_plan(network)
        self.chunk_steps = chunk_steps
        self._buffers: list[_Buffers] = []

    def run(
        self,
        inputs: Mapping[str, Input] | Sequence[Input],
        n_steps: int,
        *,
        windows: Sequence[tuple[int, int]] | None = None,
        count: Sequence[str] | None = None,
        record: Sequence[str] = (),
        total_steps: int | None = None,
        in_a_row: int = 1,
    ) -> EmulatorRun:
        """Run every tile for ``n_steps`` steps, by default from its initial voltages.

        Parameters
        ----------
        inputs : mapping of str to, or sequence of, ndarray or SteadyInput
            For every input (by name or in order) its spikes, ``(n_tiles, n_steps, *shape)`` or
            ``(n_tiles, n_steps, n)``, nonzero is a spike; or its currents. A spike that the host
            sends in step ``t`` reaches the chip in step ``t + 1``, as in NengoLoihi.
        windows : sequence of (int, int), optional
            Windows ``(first step, step after the last)`` in which spikes of ``count`` are
            counted; they may overlap. By default one window over all steps.
        count : sequence of str, optional
            Inputs and ensembles to count; by default the last ensemble computed.
        record : sequence of str
            Ensembles to record all spikes of.
        total_steps : int, optional
            Steps that ``totals`` are over; by default all.
        in_a_row : int
            Tiles that are presented one after the other without a reset: each begins with the
            voltages and currents, and the spikes under way, that the one before it left. A steady
            input starts anew with every tile: the host has its neurons in hand.

        Raises
        ------
        DeploymentError
            If an input is missing or has another shape, initial potentials are not from 0 to 1, a
            window or ``total_steps`` is not within the run, an ensemble does not exist, or the
            tiles are not a whole number of rows.
        """
        first, *others = self.each_tile(
            inputs,
            n_steps,
            windows=windows,
            count=count,
            record=record,
            total_steps=total_steps,
            in_a_row=in_a_row,
        )
        for run in others:
            first.events.spikes_of[:] += run.events.spikes_of
            for name, total in first.totals.items():
                np.add(total, run.totals[name], out=total)
        runs = [first, *others]
        return replace(
            first,
            counts={name: _joined(run.counts[name] for run in runs) for name in first.counts},
            spikes={name: _joined(run.spikes[name] for run in runs) for name in first.spikes},
            events=replace(first.events, n_tiles=len(runs)),
        )

    def each_tile(
        self,
        inputs: Mapping[str, Input] | Sequence[Input],
        n_steps: int,
        *,
        windows: Sequence[tuple[int, int]] | None = None,
        count: Sequence[str] | None = None,
        record: Sequence[str] = (),
        total_steps: int | None = None,
        in_a_row: int = 1,
    ) -> Iterator[EmulatorRun]:
        """Yield a run of each tile, in order, with the arguments of :meth:`run`."""
        plan = self.plan
        given = self._inputs(inputs, n_steps)
        n_tiles = len(_of_tiles(given[0])) if given else 1
        if in_a_row < 1 or n_tiles % in_a_row:
            raise DeploymentError(
                f"{n_tiles} tiles cannot be presented {in_a_row} in a row; give a whole number of "
                "rows"
            )
        windows = tuple((int(a), int(b)) for a, b in (windows or [(0, n_steps)]))
        total_steps = n_steps if total_steps is None else total_steps
        if count is None:
            count = [plan.ensembles[plan.layers[-1].index].name]
        self._check_names(count, record)
        segments = _Segments(windows, n_steps, total_steps)
        total_only = _Segments((), n_steps, total_steps)
        cut = {name: segments if name in count else total_only for name in plan.rows}
        workers = max(1, min(n_tiles // in_a_row, get_num_threads()))
        free: SimpleQueue[_Buffers] = SimpleQueue()
        for buffers in self._buffers_of(workers):
            free.put(buffers)

        def run_row(first: int) -> list[EmulatorRun]:
            buffers, states = free.get(), self._initial_states()
            buffers.counts[:, 0] = 0
            results = [
                self._run_tile(
                    [_of_tile(source, tile) for source in given],
                    self._nothing_yet(n_steps, windows, count, record),
                    states=states,
                    buffers=buffers,
                    loops=ALONE if workers > 1 else TOGETHER,
                    cut=cut,
                    total_steps=total_steps,
                )
                for tile in range(first, first + in_a_row)
            ]
            free.put(buffers)
            return results

        firsts = range(0, n_tiles, in_a_row)
        if workers == 1:
            yield from chain.from_iterable(map(run_row, firsts))
        else:
            with ThreadPoolExecutor(workers) as pool:
                yield from chain.from_iterable(pool.map(run_row, firsts))

    def _buffers_of(self, workers: int) -> list[_Buffers]:
        """Give every thread its lists of spikes, which later runs use again."""
        plan, times = self.plan, self.chunk_steps + 1
        while len(self._buffers) < workers:
            events = np.zeros(times * plan.n_positions, np.uint16)
            self._buffers.append(_Buffers(events, np.zeros((plan.n_rows, times), np.int32)))
        return self._buffers[:workers]

    def _check_names(self, count: Sequence[str], record: Sequence[str]) -> None:
        ensembles = [population.name for population in self.plan.ensembles]
        for names, known in ((count, list(self.plan.rows)), (record, ensembles)):
            for name in names:
                if name not in known:
                    raise DeploymentError(f"no ensemble {name!r} in the network; there are {known}")

    def _nothing_yet(
        self,
        n_steps: int,
        windows: tuple[tuple[int, int], ...],
        count: Sequence[str],
        record: Sequence[str],
    ) -> EmulatorRun:
        """Return a run of one tile whose counts are all 0, to add to."""
        plan = self.plan
        shapes = {p.name: p.shape for p in (*plan.sources, *plan.ensembles)}
        return EmulatorRun(
            n_steps=n_steps,
            windows=windows,
            counts={name: np.zeros((1, len(windows), *shapes[name]), np.int32) for name in count},
            totals={name: np.zeros(shape, np.int64) for name, shape in shapes.items()},
            spikes={name: np.zeros((1, n_steps, *shapes[name]), bool) for name in record},
            events=CoreEvents(
                n_steps=n_steps,
                n_cores=plan.n_cores,
                n_inputs=len(plan.sources),
                n_tiles=1,
                source=plan.slot_source,
                spikes_of=np.zeros((plan.slot_source.size, n_steps), np.int64).T,
                fan_out_start=plan.fan_out_start,
                fan_out_core=plan.fan_out_core,
                fan_out_synapses=plan.fan_out_synapses,
            ),
        )

    def _initial_states(self) -> list[_State]:
        return [
            (
                np.zeros_like(layer.vth),
                layer.voltage.copy(),
                np.zeros_like(layer.vth) if layer.constants[5] > 1 else None,
            )
            for layer in self.plan.layers
        ]

    def _run_tile(
        self,
        inputs: list[Input],
        result: EmulatorRun,
        *,
        states: Sequence[_State],
        buffers: _Buffers,
        loops: Loops,
        cut: Mapping[str, _Segments],
        total_steps: int,
    ) -> EmulatorRun:
        """Run one tile from these states, and add what it did to ``result``."""
        plan, n_steps, (lists, counts) = self.plan, result.n_steps, buffers
        found = {
            name: np.zeros((len(cut[name].bounds), rows.order.size * rows.length), np.int32)
            for name, rows in plan.rows.items()
        }
        recorded = {name: spikes[0].reshape(n_steps, -1) for name, spikes in result.spikes.items()}
        sources = [
            calendar(*given, n_steps) if isinstance(given, SteadyInput) else given
            for given in inputs
        ]
        for begin in range(0, n_steps, self.chunk_steps):
            n = min(self.chunk_steps, n_steps - begin)
            part = slice(begin, begin + n)
            by_slot = result.events.spikes_of[part]
            for population, rows, given in zip(plan.sources, plan.inputs, sources, strict=True):
                name = population.name
                counted = cut[name].of_step[part], plan.slot, by_slot, found[name]
                if isinstance(given, Calendar):
                    loops.run_steady(rows, *given, n, lists, counts, *counted)
                else:
                    loops.read_input(rows, given[part], lists, counts, *counted)
            for layer, state in zip(plan.layers, states, strict=True):
                name = plan.ensembles[layer.index].name
                loops.run_layer(
                    layer.rows, layer.links, layer.constants, layer.bias, layer.vth, *state,
                    n, lists, counts, cut[name].of_step[part], plan.slot, by_slot, found[name],
                )  # fmt: skip
                if name in recorded:
                    _unpack(layer.rows, lists, counts, recorded[name][part])
            # The next chunk begins with the spikes of the last step.
            counts[:, 0] = counts[:, n]
            for rows in (*plan.inputs, *(layer.rows for layer in plan.layers)):
                by_row = _by_row(rows, lists, counts)
                by_row[:, 0] = by_row[:, n]
        for name, of_name in found.items():
            total, segments = result.totals[name], cut[name]
            by_segment = of_name[:, : total.size].reshape(-1, *total.shape)
            for k in segments.inside(0, total_steps):
                total += by_segment[k]
            for window, (first, last) in enumerate(result.windows if name in result.counts else ()):
                for k in segments.inside(first, last):
                    result.counts[name][0, window] += by_segment[k]
        return result

    def _inputs(
        self, given: Mapping[str, Input] | Sequence[Input], n_steps: int
    ) -> list[np.ndarray | SteadyInput]:
        populations = self.plan.sources
        names = [population.name for population in populations]
        if isinstance(given, Mapping):
            if set(given) != set(names):
                raise DeploymentError(f"inputs {sorted(given)} given, the network has {names}")
            given = [given[name] for name in names]
        if len(given) != len(names):
            raise DeploymentError(f"{len(given)} inputs given, the network has {names}")
        inputs: list[Input] = []
        for population, source in zip(populations, given, strict=True):
            n_tiles = len(_of_tiles(given[0]))
            before = (n_tiles,) if isinstance(source, SteadyInput) else (n_tiles, n_steps)
            found = _of_tiles(source)
            if found.shape not in ((*before, population.size), (*before, *population.shape)):
                raise DeploymentError(
                    f"input {population.name!r} has shape {found.shape}; expected "
                    f"{(*before, *population.shape)} "
                    f"({'tiles, neurons' if len(before) == 1 else 'tiles, steps, neurons'})"
                )
            flat = np.ascontiguousarray(found).reshape(*before, population.size)
            if isinstance(source, SteadyInput):
                initial = np.ascontiguousarray(source.initial, np.float64).ravel()
                if initial.size != population.size or not ((initial >= 0) & (initial <= 1)).all():
                    raise DeploymentError(
                        f"input {population.name!r}: initial potentials must be {population.size} "
                        "numbers from 0 to 1, in thresholds"
                    )
                inputs.append(SteadyInput(flat.astype(np.float64, copy=False), initial))
            else:
                inputs.append((flat if flat.dtype.itemsize == 1 else flat != 0).view(np.uint8))
        return inputs


_State = tuple[np.ndarray, np.ndarray, np.ndarray | None]
"""Currents, voltages and, if there is one, refractory counters of a layer."""


class _Buffers(NamedTuple):
    """Spikes of a chunk of steps: positions by row and time, and their numbers (rows, times)."""

    events: np.ndarray
    counts: np.ndarray


class _Segments:
    """The steps of a run, cut so that each window, and the totals, are whole segments.

    Attributes
    ----------
    bounds : list of (int, int)
        First step of each segment, and the step after its last.
    of_step : (n_steps,) int64
        Segment of every step; -1 for steps that nothing counts.
    """

    def __init__(self, windows: Sequence[tuple[int, int]], n_steps: int, total_steps: int) -> None:
        for first, last in windows:
            if not 0 <= first < last <= n_steps:
                raise DeploymentError(
                    f"window {(first, last)} must begin at or after step 0, have a step, and end "
                    f"by step {n_steps}"
                )
        if not 0 <= total_steps <= n_steps:
            raise DeploymentError(
                f"total_steps is {total_steps}; it must be 0 to {n_steps}, the steps of the run"
            )
        counted = [*windows, (0, total_steps)]
        edges = sorted({edge for window in counted for edge in window})
        self.bounds = [
            (a, b)
            for a, b in pairwise(edges)
            if any(first <= a and b <= last for first, last in counted)
        ]
        self.of_step = np.full(n_steps, -1)
        for k, (first, last) in enumerate(self.bounds):
            self.of_step[first:last] = k

    def inside(self, first: int, last: int) -> list[int]:
        """Segments from step ``first`` until before step ``last``."""
        return [k for k, (a, b) in enumerate(self.bounds) if first <= a and b <= last]


def _joined(parts: Iterable[np.ndarray]) -> np.ndarray:
    """Join arrays of one tile each; a single one is not copied."""
    arrays = [*parts]
    return np.concatenate(arrays) if len(arrays) > 1 else arrays[0]


def _of_tiles(source: Input) -> np.ndarray:
    """Array of an input whose first axis is tiles."""
    return source.rise if isinstance(source, SteadyInput) else source


def _of_tile(source: Input, tile: int) -> Input:
    if isinstance(source, SteadyInput):
        return SteadyInput(source.rise[tile], source.initial)
    return source[tile]


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
