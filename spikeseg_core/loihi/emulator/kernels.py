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
from spikeseg_core.loihi.emulator.vectors import LANES, add_run, lowest_bit, nonzero, update

# OpenMP's threads spin while they wait for each other. If another program uses one of the cores,
# each parallel region then takes a scheduler time slice (8 ms) instead of 10 us. The setting is
# read when numba first loads OpenMP.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")


STEPS_AT_ONCE = 4
"""Steps whose spikes are added in turn."""


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
def add_event(totals, first, event, links, table, weight, vectors):  # type: ignore[no-untyped-def]
    """Add the run of weights of one event to the totals of a step, which begin at ``first``."""
    entry = table + event
    to, run = first + links.to[entry], weight + links.run[entry]
    for j in range(vectors):
        add_run(totals, to + LANES * j, links.weights, run + LANES * j)


@njit
def add_list(totals, first, event, links, table):  # type: ignore[no-untyped-def]
    """Add the listed synapses of one event to the totals of a step, which begin at ``first``."""
    entry = table + event
    for j in range(links.list_start[entry], links.list_start[entry + 1]):
        totals[first + links.list_target[j]] += links.list_weight[j]


@njit
def add_arrivals(totals, width, events, counts, links, row, t, steps):  # type: ignore[no-untyped-def]
    """Add the events of all sources at times ``t : t + steps`` to one row of targets.

    Each time has ``width`` totals of its own. Neighbouring events of a time write to overlapping
    targets, and a load that overlaps an unfinished store has to wait; so the times take turns.
    """
    for k in range(links.start[row], links.start[row + 1]):
        source, length = links.row[k], links.length[k]
        table, weight, vectors = links.table[k], links.weight[k], links.vectors[k]
        first = links.first[k] * counts.shape[1] + t * length
        in_turn = 0
        if vectors:
            in_turn = counts[source, t]
            for ahead in range(1, steps):
                in_turn = min(in_turn, counts[source, t + ahead])
        for i in range(in_turn):
            for ahead in range(steps):
                event = events[first + ahead * length + i]
                add_event(totals, ahead * width, event, links, table, weight, vectors)
        for ahead in range(steps):
            for i in range(in_turn, counts[source, t + ahead]):
                event = events[first + ahead * length + i]
                if vectors:
                    add_event(totals, ahead * width, event, links, table, weight, vectors)
                else:
                    add_list(totals, ahead * width, event, links, table)


@njit
def no_bits(rows):  # type: ignore[no-untyped-def]
    """Return a bit for every neuron of a row, in whole words: written by 16, read by 64."""
    return np.zeros(4 * -(-rows.padded // 64), np.uint16)


@njit
def spikes_at(rows, row, t, counts):  # type: ignore[no-untyped-def]
    """Return where the spikes of a row in step ``t``, which are of time ``t + 1``, begin."""
    return (rows.first + row * rows.length) * counts.shape[1] + (t + 1) * rows.length


@njit
def count_spikes(  # type: ignore[no-untyped-def]
    rows, row, t, n, events, counts, segment, slot, by_slot, by_segment
):
    """Count the ``n`` spikes that are listed for a row in step ``t``.

    ``counts`` (rows, times) and ``events`` hold the spikes of every row at every time, row by row.
    Every spike is counted in ``by_slot`` (steps, counters) and, unless ``segment`` of its step is
    -1, in ``by_segment`` (segments, neurons of this population); ``slot`` is the counter of every
    neuron.
    """
    begin = row * rows.length
    start = rows.first + begin
    first = spikes_at(rows, row, t, counts)
    counts[rows.first_row + row, t + 1] = n
    for k in range(first, first + n):
        by_slot[t, slot[start + np.int64(events[k])]] += 1
    if segment[t] >= 0:
        for k in range(first, first + n):
            by_segment[segment[t], begin + np.int64(events[k])] += 1


@njit
def list_bits(  # type: ignore[no-untyped-def]
    rows, row, t, bits, events, counts, segment, slot, by_slot, by_segment
):
    """List the spikes of a row in step ``t``, a bit for every neuron, and count them."""
    first = spikes_at(rows, row, t, counts)
    words = bits.view(np.uint64)
    n = 0
    for k in range(words.shape[0]):
        word = words[k]
        while word:
            events[first + n] = 64 * k + lowest_bit(word)
            word &= word - np.uint64(1)
            n += 1
    count_spikes(rows, row, t, n, events, counts, segment, slot, by_slot, by_segment)


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

    Step ``t`` reads its sources at time ``t`` (of the step before, because axons delay by one step)
    and writes time ``t + 1``; see :func:`count_spikes`.
    """
    totals = np.zeros(STEPS_AT_ONCE * rows.width, links.weights.dtype)
    bits = no_bits(rows)
    state = row * rows.padded
    for t in range(n_steps):
        at = t % STEPS_AT_ONCE * rows.width
        if at == 0:
            steps = min(STEPS_AT_ONCE, n_steps - t)
            add_arrivals(totals, rows.width, events, counts, links, row, t, steps)
        at += rows.lead
        for i in range(0, rows.padded, LANES):
            bits[i // LANES] = update(
                totals, at + i, current, voltage, resting, bias, vth, state + i, constants
            )
        list_bits(rows, row, t, bits, events, counts, segment, slot, by_slot, by_segment)


@njit
def input_row(  # type: ignore[no-untyped-def]
    rows, row, spikes, events, counts, segment, slot, by_slot, by_segment
):
    """Convert a row of an input's spikes, ``(steps, neurons)``, to events: nonzero is a spike."""
    begin = row * rows.length
    end = min(begin + rows.length, spikes.shape[1])
    spiked, bits = np.zeros(rows.padded, np.uint8), no_bits(rows)
    for t in range(spikes.shape[0]):
        spiked[: end - begin] = spikes[t, begin:end]
        for i in range(0, rows.padded, LANES):
            bits[i // LANES] = nonzero(spiked, i)
        list_bits(rows, row, t, bits, events, counts, segment, slot, by_slot, by_segment)


@njit
def steady_row(  # type: ignore[no-untyped-def]
    rows, row, first, period, n_steps, events, counts, segment, slot, by_slot, by_segment
):
    """Advance a row of host neurons under constant input by ``n_steps`` steps.

    ``first`` and ``period`` (neurons,) are their
    :class:`~spikeseg_core.loihi.emulator.steady.Calendar`.
    """
    begin = row * rows.length
    end = min(begin + rows.length, first.shape[0])
    begins = spikes_at(rows, row, 0, counts) + rows.length * np.arange(n_steps)
    ends = begins.copy()
    list_spikes(first[begin:end], period[begin:end], n_steps, 0, events, ends)
    for t in range(n_steps):
        n = ends[t] - begins[t]
        count_spikes(rows, row, t, n, events, counts, segment, slot, by_slot, by_segment)


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
