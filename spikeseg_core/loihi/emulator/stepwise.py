"""Any integer network, block by block: loops, states to watch, overflows counted.

The layered engine (:mod:`spikeseg_core.loihi.emulator.engine`) is faster, but computes layers
without loops and shows spikes only. Here the synapses stay as the chip holds them: routes lead to
axons, axons to shared rows of weights. Blocks that reach each other in a loop (a strongly connected
component) advance together, step by step; each component computes a whole chunk of steps before
those that it feeds, and components that do not depend on each other run in parallel.
"""

# numba takes arguments by position.
# ruff: noqa: PLR0917

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numba import njit, prange

from spikeseg_core.errors import DeploymentError
from spikeseg_core.loihi.emulator.blocks import component_order, lay_cells, lay_wires, spread
from spikeseg_core.loihi.emulator.lanes import step_lanes
from spikeseg_core.loihi.emulator.vectors import LANES, lowest_bit
from spikeseg_core.loihi.integer_network import IntegerNetwork

CHUNK_STEPS = 32
"""Steps computed for one component before the next."""

PARALLEL_WORK = 200_000
"""Compartments times steps from which starting threads pays."""

OVERFLOWS = ("q0", "current", "u2")
"""What can overflow: the synaptic input, the current, the current with bias."""

Neurons = np.ndarray | Sequence[int]
"""Positions of neurons in their population."""

_NOTHING = np.zeros((0, 0), np.int32)


class State(NamedTuple):
    """What every compartment keeps from one step to the next; ``total`` is 0 between steps."""

    total: np.ndarray
    current: np.ndarray
    voltage: np.ndarray
    resting: np.ndarray
    bias: np.ndarray


class Seen(NamedTuple):
    """What the host sees or adds, ``(steps, compartments)`` each; no rows if it does not."""

    current: np.ndarray
    voltage: np.ndarray
    spiked: np.ndarray
    noise_input: np.ndarray
    noise_membrane: np.ndarray


@njit(cache=True)
def _deliver(  # type: ignore[no-untyped-def]
    block, t, now, wiring, cells, total, events, counts, arrivals, arrival_start
):
    """Add the weights of the spikes at time ``now`` that arrive at a block in step ``t``."""
    to = cells.place[block]
    for route in range(wiring.start[block], wiring.start[block + 1]):
        source = wiring.source[route]
        if source >= 0:
            first = cells.start[source]
            spikes = events[now, first : first + counts[now, source]]
        else:
            spikes = arrivals[arrival_start[-1 - source, t] : arrival_start[-1 - source, t + 1]]
        for i in range(spikes.shape[0]):
            entry = wiring.first[route] + spikes[i]
            if wiring.base[entry] < 0:
                continue
            base, kind, weight = to + wiring.base[entry], wiring.kind[entry], wiring.weight[entry]
            for run in range(wiring.run[kind], wiring.run[kind + 1]):
                target, n = base + wiring.run_to[run], wiring.run_length[run]
                for j in range(n):
                    total[target + j] += wiring.weights[weight + j]
                weight += n


@njit(cache=True)
def _add_noise(block, t, cells, state, seen):  # type: ignore[no-untyped-def]
    """Add the noise of step ``t`` to a block's synaptic inputs and biases."""
    first, place = cells.start[block], cells.place[block]
    for i in range(cells.start[block + 1] - first):
        state.total[place + i] += seen.noise_input[t, first + i]
        state.bias[place + i] = cells.bias[place + i] + seen.noise_membrane[t, first + i]


@njit(cache=True)
def _update(block, now, cells, state, events, counts, overflow):  # type: ignore[no-untyped-def]
    """Advance a block by one step, and list its spikes at time ``now``."""
    first, place = cells.start[block], cells.place[block]
    n = 0
    for i in range(0, cells.place[block + 1] - place, LANES):
        word = step_lanes(
            state.total, state.current, state.voltage, state.resting, state.bias, cells.vth,
            cells.keep_u, cells.keep_v, cells.vmin, cells.vmax, cells.refract, place + i,
        )  # fmt: skip
        spiked = word & np.uint64(2**LANES - 1)
        while spiked:
            events[now, first + n] = i + lowest_bit(spiked)
            spiked &= spiked - np.uint64(1)
            n += 1
        over = word >> np.uint64(LANES)
        while over:
            overflow[block, lowest_bit(over) // LANES] += 1
            over &= over - np.uint64(1)
    counts[now, block] = n


@njit(cache=True)
def _show(block, t, now, cells, state, events, counts, seen):  # type: ignore[no-untyped-def]
    """Copy what is watched of a block after step ``t``, at time ``now``."""
    first, last, place = cells.start[block], cells.start[block + 1], cells.place[block]
    if seen.current.shape[0]:
        seen.current[t, first:last] = state.current[place : place + last - first]
    if seen.voltage.shape[0]:
        seen.voltage[t, first:last] = state.voltage[place : place + last - first]
    if seen.spiked.shape[0]:
        for i in range(counts[now, block]):
            seen.spiked[t, first + events[now, first + i]] = True


@njit(cache=True)
def _advance(  # type: ignore[no-untyped-def]
    k, order, wiring, cells, state, events, counts, now, arrivals, arrival_start, seen, overflow,
    n_steps,
):  # fmt: skip
    """Advance component ``k`` by ``n_steps`` steps.

    ``events`` (times, compartments) and ``counts`` (times, blocks) list the spikes of every block;
    step ``t`` reads time ``now + t`` (axons delay by one step) and writes the time after.
    """
    for t in range(n_steps):
        for m in range(order.component[k], order.component[k + 1]):
            block = order.block[m]
            _deliver(
                block, t, now + t, wiring, cells, state.total, events, counts,
                arrivals, arrival_start,
            )  # fmt: skip
            if seen.noise_input.shape[0]:
                _add_noise(block, t, cells, state, seen)
            _update(block, now + t + 1, cells, state, events, counts, overflow)
            _show(block, t, now + t + 1, cells, state, events, counts, seen)


# Two functions, because numba's cache does not tell a parallel one from one that is not.
@njit(cache=True)
def _advance_in_turn(  # type: ignore[no-untyped-def]
    order, wiring, cells, state, events, counts, now, arrivals, arrival_start, seen, overflow,
    n_steps,
):  # fmt: skip
    for k in range(order.component.shape[0] - 1):
        _advance(
            k, order, wiring, cells, state, events, counts, now, arrivals, arrival_start, seen,
            overflow, n_steps,
        )  # fmt: skip


@njit(cache=True, parallel=True)
def _advance_in_parallel(  # type: ignore[no-untyped-def]
    order, wiring, cells, state, events, counts, now, arrivals, arrival_start, seen, overflow,
    n_steps,
):  # fmt: skip
    for level in range(order.level.shape[0] - 1):
        for k in prange(order.level[level], order.level[level + 1]):
            _advance(
                k, order, wiring, cells, state, events, counts, now, arrivals, arrival_start, seen,
                overflow, n_steps,
            )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Steps:
    """What was watched during an advance, each ``(n_steps, compartments)`` or without rows.

    Attributes
    ----------
    current, voltage : int32
        After each step; the voltage of a compartment that spiked is 0.
    spiked : bool
    """

    current: np.ndarray
    voltage: np.ndarray
    spiked: np.ndarray


@dataclass(eq=False)
class StepwiseEmulator:
    """A network that can be advanced by any number of steps, again and again.

    Compartments are in the order of the blocks.

    Attributes
    ----------
    network : IntegerNetwork
    overflows : (blocks, 3) int64
        How often compartments of each block overflowed, by :data:`OVERFLOWS`, since the start.
    """

    network: IntegerNetwork
    overflows: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        network = self.network
        self._wiring = lay_wires(network)
        self._cells = lay_cells(network)
        self._order = component_order(network)
        self.reset()

    def reset(self) -> None:
        """Go back to before the first step."""
        n, n_blocks = self.network.n_neurons, self.network.n_blocks
        zero = np.zeros((3, self._cells.bias.size), np.int32)
        voltage = spread(self.network, self._cells.place, self.network.voltage)
        self._state = State(zero[0], zero[1], voltage, zero[2], self._cells.bias.copy())
        self._events = np.zeros((CHUNK_STEPS + 1, n), np.int32)
        self._counts = np.zeros((CHUNK_STEPS + 1, n_blocks), np.int32)
        self._now = 0
        self.overflows = np.zeros((n_blocks, 3), np.int64)

    def advance(
        self,
        arrivals: Sequence[Sequence[Neurons]],
        n_steps: int,
        *,
        watch: Sequence[str] = (),
        noise: tuple[np.ndarray, np.ndarray] | None = None,
    ) -> Steps:
        """Advance by ``n_steps`` steps.

        Parameters
        ----------
        arrivals : sequence of sequences of Neurons
            For every input and step, the neurons whose spikes *arrive* in that step: those that the
            host sent in the step before. A neuron may be listed more than once.
        watch : sequence of str
            Any of ``"current"``, ``"voltage"``, ``"spiked"``.
        noise : two (n_steps, compartments) int32 arrays, optional
            Added to the synaptic input, and to the current with bias, in each step.

        Raises
        ------
        DeploymentError
            If an input has no such neuron.
        """
        n = self.network.n_neurons
        kept = {
            key: np.zeros((n_steps, n) if key in watch else (0, 0), dtype)
            for key, dtype in (("current", np.int32), ("voltage", np.int32), ("spiked", bool))
        }
        for begin in range(0, n_steps, CHUNK_STEPS):
            end = min(begin + CHUNK_STEPS, n_steps)
            lists, starts = self._lists([steps[begin:end] for steps in arrivals], end - begin)
            noises = (_NOTHING, _NOTHING) if noise is None else tuple(x[begin:end] for x in noise)
            part = Seen(*(array[begin:end] for array in kept.values()), *noises)
            work = n * (end - begin)
            run = _advance_in_parallel if work >= PARALLEL_WORK else _advance_in_turn
            if self._now + end - begin > CHUNK_STEPS:  # go on from the spikes of the last step
                self._events[0] = self._events[self._now]
                self._counts[0] = self._counts[self._now]
                self._now = 0
            run(
                self._order, self._wiring, self._cells, self._state, self._events, self._counts,
                self._now, lists, starts, part, self.overflows, end - begin,
            )  # fmt: skip
            self._now += end - begin
        return Steps(**kept)

    def _lists(
        self, arrivals: Sequence[Sequence[Neurons]], n_steps: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Join lists of neurons; ``start[i, t]:start[i, t + 1]`` are of input ``i``, step ``t``."""
        inputs = self.network.inputs
        starts = np.zeros((len(inputs), n_steps + 1), np.int64)
        joined = [np.zeros(0, np.int32)]
        n = 0
        for i, (population, steps) in enumerate(zip(inputs, arrivals, strict=True)):
            lists = [np.asarray(neurons, np.int32) for neurons in steps]
            starts[i] = n + np.cumsum([0, *(neurons.size for neurons in lists)])
            n = int(starts[i, -1])
            for neurons in lists:
                if neurons.size and not 0 <= neurons.min() <= neurons.max() < population.size:
                    raise DeploymentError(
                        f"input {population.name!r} has neurons 0 to {population.size - 1}, "
                        f"but spikes of {neurons.min()} to {neurons.max()} arrive"
                    )
            joined += lists
        return np.concatenate(joined), starts
