"""Spikes of neurons under constant input, from the steps at which they come.

Such a neuron counts: it spikes once its input has filled what its potential lacks of the threshold,
and from then on after a fixed number of steps. Both follow from one division, so the work is one
division for each neuron and a few instructions for each spike, however many steps there are.

The spikes are exactly those of :func:`spikeseg_core.network.neuron.spike_trains`, which adds in
float64, step by step. Where the division, in float32, comes so close to a whole number of steps
that rounding could decide, the neuron is stepped instead: a few of 50,000.
"""

# numba takes arguments by position.
# ruff: noqa: PLR0917

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import njit, prange, types
from numba.extending import intrinsic

from spikeseg_core.errors import DeploymentError
from spikeseg_core.loihi.emulator.vectors import LANES, lowest_bit, pointer_to
from spikeseg_core.network.neuron import step

NEVER = 2**30
"""Steps that stand for never; a run has fewer."""

DOUBT = 2.0**-20
"""Relative distance to a whole number of steps within which rounding could decide. Of a quotient
``x`` of float32 it is at most ``2**-22 * x``; of adding ``x + 1`` times in float64, less than
``2**-22 * (x + 1)`` steps for periods up to ``2**31``."""

BLOCK = 1024
"""Neurons whose next spikes stay in the first-level cache."""

LATE = np.uint32(2**15 - 1)
"""Most steps of a listed presentation: next spike and period take two bytes each, unsigned."""

_FLOATS = ir.VectorType(ir.FloatType(), LANES)
_DOUBLES = ir.VectorType(ir.DoubleType(), LANES)
_INTS = ir.VectorType(ir.IntType(32), LANES)


class Calendar(NamedTuple):
    """When neurons under constant input spike.

    Attributes
    ----------
    first : (neurons,) uint32
        Steps before that of the next spike.
    period : (neurons,) uint32
        Steps from one spike to the next.
    """

    first: np.ndarray
    period: np.ndarray


def calendar(rise: np.ndarray, initial: np.ndarray, n_steps: int) -> Calendar:
    """Return when neurons spike within ``n_steps`` steps.

    Parameters
    ----------
    rise : (neurons,) ndarray of float64 or float32
        Increase of the potential in a step, in thresholds.
    initial : (neurons,) ndarray of float64
        Potential before the first step, from 0 to 1, in thresholds.
    """
    found = Calendar(np.empty(rise.size, np.uint32), np.empty(rise.size, np.uint32))
    _fill(rise, initial, _room(initial), *found, n_steps)
    return found


def _room(initial: np.ndarray) -> np.ndarray:
    """Return what potentials lack of the threshold, in float32."""
    return (1 - initial).astype(np.float32)


class SpikeLists:
    """What a host sends: for every step of a tile, the numbers of the neurons that spike.

    Attributes
    ----------
    numbers : (threads, n_steps, neurons) ndarray of uint32
        Neurons that spike, by the thread that found them and the step, in any order. These are of
        the last tile: a list is sent when it is full.
    counts : (tiles, threads, n_steps) ndarray of int64
        How many they are, of every tile.

    Parameters
    ----------
    initial : (neurons,) ndarray of float64
        As for :func:`calendar`; the same for every tile.
    n_steps : int
        Steps of a presentation.
    threads : int
        Each takes as many neurons of every tile as the others.
    tiles : int
        Tiles of a section.

    Raises
    ------
    DeploymentError
        If a presentation has more than :data:`LATE` steps.
    """

    def __init__(self, initial: np.ndarray, n_steps: int, threads: int = 1, tiles: int = 1) -> None:
        if n_steps > LATE:
            raise DeploymentError(
                f"spikes of {n_steps} steps cannot be listed; at most {LATE}, so present tiles for "
                "fewer steps"
            )
        self._initial, self._room = initial, _room(initial)
        share = -(-initial.size // threads)
        # Lists one cache line apart from a multiple of the share: else all begin in the same set.
        self.numbers = np.empty((threads, n_steps, -(-share // 32) * 32 + LANES), np.uint32)
        self.counts = np.zeros((tiles, threads, n_steps), np.int64)

    def fill(self, rise: np.ndarray) -> None:
        """List the spikes of a section.

        Parameters
        ----------
        rise : (tiles, neurons) ndarray of float64 or float32
            As for :func:`calendar`.
        """
        given = self._initial, self._room
        if len(self.numbers) == 1:
            for tile, counts in zip(rise, self.counts, strict=True):
                _list_share(tile, *given, 0, self.numbers[0], counts[0])
        else:
            _list_shares(rise, *given, self.numbers, self.counts)


@intrinsic
def _divide(
    typing: Any, rise: Any, room: Any, first: Any, period: Any, n_steps: Any, i: Any
) -> Any:
    """Write ``first`` and ``period`` of neurons ``i : i + LANES``; return a bit for each in doubt.

    Neurons without a spike within ``n_steps`` steps are never in doubt.
    """

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        rise_at, room_at, first_at, period_at = (
            pointer_to(context, builder, kind, array, args[5])
            for kind, array in zip(signature.args[:4], args[:4], strict=True)
        )

        def floats(value: float) -> Any:
            return ir.Constant(_FLOATS, [value] * LANES)

        def larger(a: Any, b: Any) -> Any:
            return builder.select(builder.fcmp_ordered(">", a, b), a, b)

        def smaller(a: Any, b: Any) -> Any:
            return builder.select(builder.fcmp_ordered("<", a, b), a, b)

        def load(pointer: Any) -> Any:
            return builder.load(pointer, align=4)

        up = load(rise_at)
        if up.type == _DOUBLES:
            up = builder.fptrunc(up, _FLOATS)
        up = larger(up, floats(0))
        period_steps = builder.fdiv(floats(1), up)
        first_steps = builder.fmul(load(room_at), period_steps)
        whole, risks = [], []
        for steps in (first_steps, period_steps):
            near = smaller(steps, floats(NEVER))  # NEVER also for infinity and NaN
            whole.append(builder.fptosi(near, _INTS))
            rest = builder.fsub(builder.fsub(near, builder.sitofp(whole[-1], _FLOATS)), floats(0.5))
            rest = larger(rest, builder.fneg(rest))
            risks.append(builder.fadd(rest, builder.fmul(near, floats(DOUBT))))
        # It spikes when the potential is above the threshold, so a period is one step more.
        one = ir.Constant(_INTS, [1] * LANES)
        for steps, pointer in ((whole[0], first_at), (builder.add(whole[1], one), period_at)):
            builder.store(steps, pointer, align=4)
        end = builder.insert_element(
            ir.Constant(_FLOATS, ir.Undefined),
            builder.sitofp(args[4], ir.FloatType()),
            ir.IntType(32)(0),
        )
        end = builder.shuffle_vector(end, end, ir.Constant(_INTS, None))
        late = builder.fsub(smaller(first_steps, floats(NEVER)), end)
        sure = larger(builder.fsub(floats(0.5 - DOUBT), larger(*risks)), late)
        doubt = builder.fcmp_ordered("<=", sure, floats(0))
        return builder.zext(builder.bitcast(doubt, ir.IntType(LANES)), ir.IntType(64))

    return types.uint64(rise, room, first, period, types.intp, types.intp), code


@njit
def _steps_before_spike(potential, rise, n_steps):  # type: ignore[no-untyped-def]
    """Count the steps before that of the next spike, one by one; ``n_steps`` if there is none."""
    for t in range(n_steps):
        potential, spikes = step(potential, rise)
        if spikes:
            return t
    return n_steps


@njit
def _by_steps(rise, initial, first, period, n_steps, i):  # type: ignore[no-untyped-def]
    first[i] = _steps_before_spike(initial[i], rise[i], n_steps)
    period[i] = 1 + _steps_before_spike(0.0, rise[i], n_steps)


@njit(cache=True, nogil=True)
def _fill(rise, initial, room, first, period, n_steps):  # type: ignore[no-untyped-def]
    """Fill ``first`` and ``period`` as :func:`calendar` does."""
    whole = rise.shape[0] // LANES * LANES
    for i in range(0, whole, LANES):
        doubt = _divide(rise, room, first, period, n_steps, i)
        while doubt:
            _by_steps(rise, initial, first, period, n_steps, i + lowest_bit(doubt))
            doubt &= doubt - np.uint64(1)
    for i in range(whole, rise.shape[0]):
        _by_steps(rise, initial, first, period, n_steps, i)


@njit
def list_spikes(first, period, n_steps, number, events, ends):  # type: ignore[no-untyped-def]
    """List the spikes of the next ``n_steps`` steps, and move ``first`` to after them.

    ``events[ends[t]:]`` takes the neurons that spike in step ``t``; ``ends[t]`` grows with it. They
    are numbered from ``number`` on, in any order.

    Nothing branches on whether a neuron spikes, which no processor could predict: neurons that
    have a spike left are taken in rounds, a spike of each in a round.
    """
    # Unsigned, because numba tests signed indices for being negative.
    end, number = np.uint64(n_steps), np.uint64(number)
    left = np.empty(first.shape[0], np.uint32)
    count = np.uint64(0)
    for i in range(first.shape[0]):
        left[count] = i
        count += np.uint64(first[i] < end)
    while count:
        of_round, count = count, np.uint64(0)
        for j in range(of_round):
            neuron = np.uint64(left[j])
            t = np.uint64(first[neuron])
            to = ends[t]
            events[np.uint64(to)] = number + neuron
            ends[t] = to + 1
            t += np.uint64(period[neuron])
            first[neuron] = t
            left[count] = neuron
            count += np.uint64(t < end)
    for i in range(first.shape[0]):
        first[i] -= np.uint32(n_steps)


@njit
def _list_block(first, period, n_steps, number, events, ends, left):  # type: ignore[no-untyped-def]
    """List all spikes of a block as :func:`list_spikes` does, and change neither of its arrays.

    A neuron that has a spike left is one number, so that a spike takes one to read and one to
    write: the step in its lowest two bytes, the period in the next two, and which neuron it is.
    """
    end, number, step_bits = np.uint64(n_steps), np.uint64(number), np.uint64(0xFFFF)
    for i in range(first.shape[0]):
        steps, between = min(first[i], LATE), min(period[i], LATE)
        neuron = (number + np.uint64(i)) << np.uint64(32)
        left[i] = neuron | (np.uint64(between) << np.uint64(16)) | np.uint64(steps)
    of_round, count = np.uint64(first.shape[0]), np.uint64(0)
    for j in range(of_round):
        one = left[j]
        left[count] = one
        count += np.uint64((one & step_bits) < end)
    while count:
        of_round, count = count, np.uint64(0)
        for j in range(of_round):
            one = left[j]
            t = one & step_bits
            to = ends[t]
            events[np.uint64(to)] = one >> np.uint64(32)
            ends[t] = to + 1
            one += (one >> np.uint64(16)) & step_bits
            left[count] = one
            count += np.uint64((one & step_bits) < end)


@njit(cache=True, nogil=True)
def _list_share(rise, initial, room, begin, numbers, counts):  # type: ignore[no-untyped-def]
    """List the spikes of neurons ``begin : begin + rise.size`` for one thread."""
    n_steps, most = numbers.shape
    events = numbers.reshape(-1)
    begins = most * np.arange(n_steps)
    ends = begins.copy()
    first, period = np.empty(BLOCK, np.uint32), np.empty(BLOCK, np.uint32)
    left = np.empty(BLOCK, np.uint64)
    for k in range(0, rise.shape[0], BLOCK):
        n = min(BLOCK, rise.shape[0] - k)
        of_block = slice(k, k + n)
        _fill(rise[of_block], initial[of_block], room[of_block], first[:n], period[:n], n_steps)
        _list_block(first[:n], period[:n], n_steps, begin + k, events, ends, left)
    counts[:] = ends - begins


@njit(cache=True, parallel=True)
def _list_shares(rise, initial, room, numbers, counts):  # type: ignore[no-untyped-def]
    """Do :func:`_list_share` for the share of every thread, tile by tile."""
    share = -(-initial.shape[0] // numbers.shape[0])
    for thread in prange(numbers.shape[0]):
        begin = thread * share
        part = slice(begin, begin + share)
        for tile in range(rise.shape[0]):
            _list_share(
                rise[tile, part],
                initial[part],
                room[part],
                begin,
                numbers[thread],
                counts[tile, thread],
            )
