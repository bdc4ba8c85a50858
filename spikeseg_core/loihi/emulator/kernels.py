"""The inner loops, compiled by numba.

Spikes travel as *events*: for every step and row of a population, the positions in the row that
spiked. Most work is then proportional to the spikes, and a row of targets with its accumulators,
currents and voltages stays in the first-level cache for all steps.

Vector instructions are in :mod:`spikeseg_core.loihi.emulator.vectors`.
"""

# numba takes arguments by position.
# ruff: noqa: PLR0917

from __future__ import annotations

import os
from typing import Any, NamedTuple

import numpy as np
from numba import njit, prange

from spikeseg_core.loihi.emulator.steady import list_spikes
from spikeseg_core.loihi.emulator.vectors import LANES, add_run, lowest_bit, update

# OpenMP's threads spin while they wait for each other. If another program uses one of the cores,
# each parallel region then takes a scheduler time slice (8 ms) instead of 10 us. The setting is
# read when numba first loads OpenMP.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")


class Links(NamedTuple):
    """How spikes of source rows reach the rows of one ensemble.

    ``start[r]:start[r + 1]`` are the links of target row ``r``; ``row``, ``first`` and ``length``
    locate the source row. A link with nonzero ``vectors`` is a row of a convolution's kernel:
    position ``e`` of the source row adds ``vectors * LANES`` weights, from ``weight +
    run[table + e]``, to the targets from ``to[table + e]`` on. Otherwise it is a list: its synapses
    are ``list_start[table + e]`` to ``list_start[table + e + 1]``.
    """

    start: np.ndarray
    row: np.ndarray
    first: np.ndarray
    length: np.ndarray
    table: np.ndarray
    weight: np.ndarray
    vectors: np.ndarray
    to: np.ndarray
    run: np.ndarray
    weights: np.ndarray
    list_start: np.ndarray
    list_target: np.ndarray
    list_weight: np.ndarray


class Rows(NamedTuple):
    """Position of the rows of one population in the arrays shared by all populations.

    ``lead`` is where targets begin in the totals of a row (a kernel may extend over both edges),
    ``width`` the length of the totals, ``order`` the order in which threads take the rows.
    """

    order: np.ndarray
    first_row: int
    first: int
    length: int
    padded: int
    lead: int
    width: int


@njit
def add_events(totals, events, first, n, links, k):  # type: ignore[no-untyped-def]
    """Add the runs of weights of ``n`` events of one source row to one row of targets.

    Neighbouring events write to overlapping targets, and a load that overlaps an unfinished store
    has to wait; so four stretches of the list are interleaved.
    """
    table, weight, vectors = links.table[k], links.weight[k], links.vectors[k]
    stretch = n // 4
    for i in range(stretch):
        for part in range(4):
            entry = table + events[first + i + part * stretch]
            target, run = links.to[entry], weight + links.run[entry]
            for j in range(vectors):
                add_run(totals, target + LANES * j, links.weights, run + LANES * j)
    for i in range(4 * stretch, n):
        entry = table + events[first + i]
        target, run = links.to[entry], weight + links.run[entry]
        for j in range(vectors):
            add_run(totals, target + LANES * j, links.weights, run + LANES * j)


@njit
def add_lists(totals, events, first, n, links, k):  # type: ignore[no-untyped-def]
    """Add listed synapses of ``n`` events of one source row to one row of targets."""
    table = links.table[k]
    for i in range(n):
        entry = table + events[first + i]
        for j in range(links.list_start[entry], links.list_start[entry + 1]):
            totals[links.list_target[j]] += links.list_weight[j]


@njit
def add_arrivals(totals, events, counts, links, row, t):  # type: ignore[no-untyped-def]
    """Add the events of all sources at time ``t`` to one row of targets."""
    for k in range(links.start[row], links.start[row + 1]):
        n = counts[links.row[k], t]
        first = links.first[k] * counts.shape[1] + t * links.length[k]
        if links.vectors[k]:
            add_events(totals, events, first, n, links, k)
        else:
            add_lists(totals, events, first, n, links, k)


@njit
def layer_row(  # type: ignore[no-untyped-def]
    rows,
    row,
    links,
    constants,
    bias,
    vth,
    current,
    voltage,
    resting,
    n_steps,
    events,
    counts,
    segment,
    slot,
    by_slot,
    by_segment,
):
    """Advance one row of an ensemble by ``n_steps`` steps.

    ``counts`` (rows, times) and ``events`` hold the spikes of every row at every time, row by row.
    Step ``t`` reads its sources at time ``t`` (of the step before, because axons delay by one step)
    and writes time ``t + 1``. Every spike is counted in ``by_slot`` (steps, counters) and, unless
    ``segment`` of its step is -1, in ``by_segment`` (segments, neurons of this ensemble); ``slot``
    is the counter of every neuron.
    """
    times = counts.shape[1]
    totals = np.zeros(rows.width, links.weights.dtype)
    state = row * rows.padded
    start = rows.first + row * rows.length
    for t in range(n_steps):
        add_arrivals(totals, events, counts, links, row, t)
        n = 0
        to = start * times + (t + 1) * rows.length
        for i in range(0, rows.padded, LANES):
            spiked = update(
                totals, rows.lead + i, current, voltage, resting, bias, vth, state + i, constants
            )
            while spiked:
                event = i + lowest_bit(spiked)
                spiked &= spiked - np.uint64(1)
                events[to + n] = event
                by_slot[t, slot[start + event]] += 1
                if segment[t] >= 0:
                    by_segment[segment[t], row * rows.length + event] += 1
                n += 1
        counts[rows.first_row + row, t + 1] = n


@njit
def input_row(  # type: ignore[no-untyped-def]
    rows, row, spikes, events, counts, segment, slot, by_slot, by_segment
):
    """Convert a row of an input's spikes, ``(steps, neurons)`` of 0 and 1, to events.

    They are from time 1 on, and counted as in :func:`layer_row`.
    """
    times = counts.shape[1]
    start = rows.first + row * rows.length
    begin = row * rows.length
    end = min(begin + rows.length, spikes.shape[1])
    for t in range(spikes.shape[0]):
        n = 0
        to = start * times + (t + 1) * rows.length
        for i in range(begin, end):
            if spikes[t, i]:
                events[to + n] = i - begin
                by_slot[t, slot[rows.first + i]] += 1
                if segment[t] >= 0:
                    by_segment[segment[t], i] += 1
                n += 1
        counts[rows.first_row + row, t + 1] = n


@njit
def steady_row(  # type: ignore[no-untyped-def]
    rows, row, first, period, n_steps, events, counts, segment, slot, by_slot, by_segment
):
    """Advance a row of host neurons under constant input by ``n_steps`` steps.

    ``first`` and ``period`` (neurons,) are their
    :class:`~spikeseg_core.loihi.emulator.steady.Calendar`. Spikes become events and are counted as
    in :func:`input_row`.
    """
    start = rows.first + row * rows.length
    begin = row * rows.length
    end = min(begin + rows.length, first.shape[0])
    begins = start * counts.shape[1] + rows.length * np.arange(1, n_steps + 1)
    ends = begins.copy()
    list_spikes(first[begin:end], period[begin:end], n_steps, 0, events, ends)
    for t in range(n_steps):
        counts[rows.first_row + row, t + 1] = ends[t] - begins[t]
        for k in range(begins[t], ends[t]):
            event = events[k]
            by_slot[t, slot[start + event]] += 1
            if segment[t] >= 0:
                by_segment[segment[t], begin + event] += 1


@njit(cache=True, parallel=True)
def run_layer(  # type: ignore[no-untyped-def]
    rows, links, constants, bias, vth, current, voltage, resting, n_steps, events, counts,
    segment, slot, by_slot, by_segment,
):  # fmt: skip
    """Do :func:`layer_row` for every row; all threads share the rows."""
    for item in prange(rows.order.shape[0]):
        layer_row(
            rows, rows.order[item], links, constants, bias, vth, current, voltage, resting,
            n_steps, events, counts, segment, slot, by_slot, by_segment,
        )  # fmt: skip


@njit(cache=True, parallel=True)
def read_input(  # type: ignore[no-untyped-def]
    rows, spikes, events, counts, segment, slot, by_slot, by_segment
):
    """Do :func:`input_row` for every row; all threads share the rows."""
    for item in prange(rows.order.shape[0]):
        row = rows.order[item]
        input_row(rows, row, spikes, events, counts, segment, slot, by_slot, by_segment)


@njit(cache=True, parallel=True)
def run_steady(  # type: ignore[no-untyped-def]
    rows, first, period, n_steps, events, counts, segment, slot, by_slot, by_segment
):
    """Do :func:`steady_row` for every row; all threads share the rows."""
    for item in prange(rows.order.shape[0]):
        steady_row(
            rows, rows.order[item], first, period, n_steps, events, counts, segment, slot,
            by_slot, by_segment,
        )  # fmt: skip


@njit(cache=True, nogil=True)
def run_layer_alone(rows, *args):  # type: ignore[no-untyped-def]
    """Do :func:`layer_row` for every row in this thread."""
    for row in range(rows.order.shape[0]):
        layer_row(rows, row, *args)


@njit(cache=True, nogil=True)
def read_input_alone(rows, *args):  # type: ignore[no-untyped-def]
    """Do :func:`input_row` for every row in this thread."""
    for row in range(rows.order.shape[0]):
        input_row(rows, row, *args)


@njit(cache=True, nogil=True)
def run_steady_alone(rows, *args):  # type: ignore[no-untyped-def]
    """Do :func:`steady_row` for every row in this thread."""
    for row in range(rows.order.shape[0]):
        steady_row(rows, row, *args)


class Loops(NamedTuple):
    """The loops over the rows of one tile."""

    run_layer: Any
    read_input: Any
    run_steady: Any


TOGETHER = Loops(run_layer, read_input, run_steady)
"""All threads share the rows of a tile, and wait for each other after every layer."""

ALONE = Loops(run_layer_alone, read_input_alone, run_steady_alone)
"""Each thread takes whole tiles, so none waits: on a busy machine, waiting costs most."""
