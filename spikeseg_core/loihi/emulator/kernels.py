"""The inner loops, compiled by numba.

Spikes travel as *events*: for every step and row of a population, the positions in the row that
spiked, in ascending order. Most work is then proportional to the spikes, and a row of targets with
its accumulators, currents and voltages stays in the first-level cache for all steps.

Three operations are written as vector instructions, which numba cannot express: adding a run of
weights, updating 16 compartments, and listing which of them spiked. They compile to the vector
width of the processor. Integer arithmetic wraps around, which is what the chip does.
"""

# numba takes arguments by position.
# ruff: noqa: PLR0917

from __future__ import annotations

import os
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import njit, prange, types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

# OpenMP's threads spin while they wait for each other. If another program uses one of the cores,
# each parallel region then takes a scheduler time slice (8 ms) instead of 10 us. The setting is
# read when numba first loads OpenMP.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

LANES = 16
"""Compartments updated at once; rows and runs of weights are padded to multiples of it."""

Q_BITS, U_BITS, DECAY_BITS = 21, 23, 12
"""Bits (without sign) of the synaptic accumulator and of the current; bits of a decay constant."""

_INT32 = ir.IntType(32)
_VECTOR = ir.VectorType(_INT32, LANES)


def _pointer(context: Any, builder: Any, kind: Any, array: Any, index: Any) -> Any:
    """Pointer to ``LANES`` consecutive elements of a one-dimensional array."""
    struct = make_array(kind)(context, builder, array)
    element = context.get_data_type(kind.dtype)
    pointer = builder.gep(struct.data, [index])
    return builder.bitcast(pointer, ir.VectorType(element, LANES).as_pointer())


def _load(builder: Any, pointer: Any) -> Any:
    value = builder.load(pointer)
    value.align = value.type.element.width // 8
    return value


def _store(builder: Any, value: Any, pointer: Any) -> None:
    builder.store(value, pointer).align = value.type.element.width // 8


def _splat(builder: Any, scalar: Any) -> Any:
    vector = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), scalar, _INT32(0))
    return builder.shuffle_vector(
        vector, ir.Constant(_VECTOR, ir.Undefined), ir.Constant(_VECTOR, None)
    )


def _constant(value: int) -> Any:
    return ir.Constant(_VECTOR, [value] * LANES)


def _wrap(builder: Any, value: Any, bits: int) -> Any:
    """Keep ``bits`` bits and a sign, as a register of that width does (``overflow_signed``)."""
    spare = _constant(31 - bits)
    return builder.ashr(builder.shl(value, spare), spare)


def _decay(builder: Any, value: Any, keep: Any) -> Any:
    """``sign(x) * ((|x| * keep) >> 12)`` in 32 bits, by halves, for ``|x| < 2**24``."""
    sign = builder.ashr(value, _constant(31))
    size = builder.sub(builder.xor(value, sign), sign)
    high = builder.mul(builder.lshr(size, _constant(DECAY_BITS)), keep)
    low = builder.mul(builder.and_(size, _constant(2**DECAY_BITS - 1)), keep)
    size = builder.add(high, builder.lshr(low, _constant(DECAY_BITS)))
    return builder.sub(builder.xor(size, sign), sign)


@intrinsic
def add_run(typing: Any, totals: Any, at: Any, weights: Any, start: Any) -> Any:
    """``totals[at:at + LANES] += weights[start:start + LANES]``, wrapping around."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        to = _pointer(context, builder, signature.args[0], args[0], args[1])
        run = _pointer(context, builder, signature.args[2], args[2], args[3])
        _store(builder, builder.add(_load(builder, to), _load(builder, run)), to)
        return context.get_dummy_value()

    return types.void(totals, types.intp, weights, types.intp), code


@intrinsic
def update(
    typing: Any,
    totals: Any,
    at: Any,
    current: Any,
    voltage: Any,
    resting: Any,
    bias: Any,
    vth: Any,
    i: Any,
    constants: Any,
) -> Any:
    """Advance compartments ``i : i + LANES`` by one step; return the spikes as bits.

    ``totals[at:at + LANES]`` is the synaptic input of this step; it is cleared. ``resting`` counts
    the remaining refractory steps, or is None if no neuron has more than one (that of the spike).
    The constants are ``(shift, keep_u, keep_v, vmin, vmax, refract)``: totals are in units of
    ``2**shift``, and ``keep`` is what one step of decay leaves of 4096.
    """

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        shift, keep_u, keep_v, vmin, vmax, refract = (
            _splat(builder, scalar) for scalar in cgutils.unpack_tuple(builder, args[8], 6)
        )
        totals_at = _pointer(context, builder, signature.args[0], args[0], args[1])
        u_at, v_at, rest_at, bias_at, vth_at = (
            None
            if signature.args[k] is types.none
            else _pointer(context, builder, signature.args[k], args[k], args[7])
            for k in (2, 3, 4, 5, 6)
        )
        zero = _constant(0)
        q = _load(builder, totals_at)
        _store(builder, ir.Constant(q.type, None), totals_at)
        if q.type.element.width < _INT32.width:
            q = builder.sext(q, _VECTOR)
        q = _wrap(builder, builder.shl(q, shift), Q_BITS)
        u = builder.add(_decay(builder, _load(builder, u_at), keep_u), q)
        u = _wrap(builder, u, U_BITS)
        _store(builder, u, u_at)
        drive = _wrap(builder, builder.add(u, _load(builder, bias_at)), U_BITS)
        v = builder.add(_decay(builder, _load(builder, v_at), keep_v), drive)
        v = builder.select(builder.icmp_signed("<", v, vmin), vmin, v)
        v = builder.select(builder.icmp_signed(">", v, vmax), vmax, v)
        if rest_at is not None:
            rest = _load(builder, rest_at)
            v = builder.select(builder.icmp_signed(">", rest, zero), zero, v)
        spiked = builder.icmp_signed(">", v, _load(builder, vth_at))
        _store(builder, builder.select(spiked, zero, v), v_at)
        if rest_at is not None:
            rest = builder.sub(builder.select(spiked, refract, rest), _constant(1))
            rest = builder.select(builder.icmp_signed("<", rest, zero), zero, rest)
            _store(builder, rest, rest_at)
        return builder.zext(builder.bitcast(spiked, ir.IntType(LANES)), ir.IntType(64))

    signature = types.uint64(
        totals, types.intp, current, voltage, resting, bias, vth, types.intp, constants
    )
    return signature, code


@intrinsic
def lowest_bit(typing: Any, bits: Any) -> Any:
    """Position of the lowest set bit; ``bits`` must not be 0."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.uint64), code


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


@njit(cache=True, parallel=True)
def run_layer(  # type: ignore[no-untyped-def]
    rows,
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
    window,
    slot,
    by_slot,
    by_window,
):
    """Advance one ensemble by ``n_steps`` steps.

    ``counts`` (rows, times) and ``events`` hold the spikes of every row at every time, row by row.
    Step ``t`` reads its sources at time ``t`` (of the step before, because axons delay by one step)
    and writes time ``t + 1``. Every spike is counted in ``by_slot`` (steps, counters) and in
    ``by_window`` (windows, neurons); ``slot`` is the counter of every neuron, ``window`` the window
    of every step.
    """
    times = counts.shape[1]
    for item in prange(rows.order.shape[0]):
        row = rows.order[item]
        totals = np.zeros(rows.width, links.weights.dtype)
        state = row * rows.padded
        start = rows.first + row * rows.length
        for t in range(n_steps):
            add_arrivals(totals, events, counts, links, row, t)
            n = 0
            to = start * times + (t + 1) * rows.length
            for i in range(0, rows.padded, LANES):
                spiked = update(
                    totals,
                    rows.lead + i,
                    current,
                    voltage,
                    resting,
                    bias,
                    vth,
                    state + i,
                    constants,
                )
                while spiked:
                    event = i + lowest_bit(spiked)
                    spiked &= spiked - np.uint64(1)
                    events[to + n] = event
                    by_slot[t, slot[start + event]] += 1
                    by_window[window[t], start + event] += 1
                    n += 1
            counts[rows.first_row + row, t + 1] = n


@njit(cache=True, parallel=True)
def read_input(rows, spikes, events, counts, slot, by_slot):  # type: ignore[no-untyped-def]
    """Convert an input's spikes, ``(steps, neurons)`` of 0 and 1, to events from time 1 on."""
    times = counts.shape[1]
    for item in prange(rows.order.shape[0]):
        row = rows.order[item]
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
                    n += 1
            counts[rows.first_row + row, t + 1] = n
