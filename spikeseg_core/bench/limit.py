"""The least time that this machine can take for a step of the emulator, from counts.

A step takes at least as long as its instructions, at the width of the processor's vectors, and as
the bytes of state that it moves. Both are counted; how many instructions and bytes a second the
machine manages is measured, on all threads and in the same minute as the emulator.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from llvmlite import binding  # type: ignore[import-untyped]
from numba import get_num_threads, njit, prange

from spikeseg_core.loihi.emulator.vectors import LANES, add_run

UPDATE = 17
"""Instructions that update a vector of 32-bit neurons without a leak or a synaptic filter.

Total: load, shift, clear. Current: load, four for what is left of it, add, store. Bias and
voltage: add. Floor; threshold; reset; store; spikes as bits.
"""

ADD = 3
"""Instructions that add a vector of 16-bit weights to the totals: load, add, store."""

SPIKE = 9
"""Instructions for one spike: find its bit, clear it, write its position; read its counter's
number, add one to that counter and to that of its neuron; read it again, and its two tables."""

STATE_BYTES = 24
"""Of a neuron, moved once in a chunk of steps: current and voltage in and out, bias, threshold."""

BANDWIDTH_BYTES = 2**28
"""Size of the arrays for measuring memory bandwidth: far larger than any cache."""

_CACHED, _PASSES = 4096, 2000
"""Weights that stay in the first-level cache, and how often each thread adds them."""


@dataclass(frozen=True)
class Work:
    """What one step of a tile does, on average: neurons updated, spikes, synaptic operations."""

    neurons: float
    spikes: float
    synapses: float
    chunk_steps: int

    def instructions(self, vector_bytes: int) -> dict[str, float]:
        """Instructions of a step by what they are for, at a width of vectors."""
        return {
            "neurons": self.neurons * 4 / vector_bytes * UPDATE,
            "synapses": self.synapses * 2 / vector_bytes * ADD,
            "spikes": self.spikes * SPIKE,
        }

    @property
    def state_bytes(self) -> float:
        """Bytes of state that a step moves: those of a chunk, over its steps."""
        return self.neurons * STATE_BYTES / self.chunk_steps


def vector_bytes() -> int:
    """Width of the processor's vectors."""
    features = binding.get_host_cpu_features()
    return 64 if features.get("avx512f") else 32 if features.get("avx2") else 16


def beside_the_limit(
    run: Callable[[], Any], n_steps: int, work: Work, repeats: int
) -> dict[str, Any]:
    """Time a run and this machine, in turn.

    Parameters
    ----------
    run : callable
        Runs ``n_steps`` steps, each of which does ``work``.

    Returns
    -------
    dict
        Medians over the turns: ``seconds_per_step``; ``limit_parts_s_per_step``, the instructions
        for ``neurons``, ``synapses`` and ``spikes``, and the bytes of ``state``;
        ``limit_s_per_step``, all instructions or the bytes, whichever takes longer;
        ``times_the_limit``; ``instructions_per_s`` and ``bytes_per_s`` of the machine.
        ``seconds_of_turns`` are those of each turn.
    """
    width, threads = vector_bytes(), get_num_threads()
    totals, weights = np.zeros((threads, _CACHED), np.int16), np.ones(_CACHED, np.int16)
    source = np.ones(BANDWIDTH_BYTES // 8)
    target = np.zeros_like(source)
    added = threads * _PASSES * _CACHED * 2 / width * ADD
    calls: dict[str, Callable[[], Any]] = {
        "run": run,
        "add": lambda: _add(totals, weights),
        "copy": lambda: _copy(source, target),
    }
    seconds = {name: np.zeros(repeats) for name in calls}
    for turn in range(-1, repeats):  # the first turn compiles and is not counted
        for name, call in calls.items():
            began = time.perf_counter()
            call()
            if turn >= 0:
                seconds[name][turn] = time.perf_counter() - began
    rate, bandwidth = added / seconds["add"], 2 * BANDWIDTH_BYTES / seconds["copy"]
    parts = {name: n / rate for name, n in work.instructions(width).items()}
    in_turn = sum(parts.values())
    parts["state"] = work.state_bytes / bandwidth
    limit, fast = np.maximum(in_turn, parts["state"]), seconds["run"] / n_steps
    return {
        "seconds_per_step": float(np.median(fast)),
        "limit_s_per_step": float(np.median(limit)),
        "limit_parts_s_per_step": {name: float(np.median(s)) for name, s in parts.items()},
        "times_the_limit": float(np.median(fast / limit)),
        "instructions_per_s": float(np.median(rate)),
        "bytes_per_s": float(np.median(bandwidth)),
        "seconds_of_turns": fast.tolist(),
    }


@njit(cache=True, parallel=True)
def _add(totals, weights):  # type: ignore[no-untyped-def]
    for thread in prange(totals.shape[0]):
        own = totals[thread]
        for _ in range(_PASSES):
            for i in range(0, weights.shape[0], LANES):
                add_run(own, i, weights, i)


@njit(cache=True, parallel=True)
def _copy(source, target):  # type: ignore[no-untyped-def]
    for i in prange(source.shape[0]):
        target[i] = source[i]
