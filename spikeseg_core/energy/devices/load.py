"""The load of the machine: how much of its CPUs other processes use while something is timed."""

from __future__ import annotations

import os
import time
from typing import Protocol

import psutil  # type: ignore[import-untyped]

BEFORE_SECONDS = 0.5
"""Duration of the reading before anything is timed: the counters move in steps of 10 ms."""

_IDLE = ("idle", "iowait")
_INSIDE = ("guest", "guest_nice")
"""Already counted in ``user`` and ``nice``."""


Reading = tuple[float, float]
"""CPU seconds of all other processes, and CPU seconds there were, since an arbitrary start."""


class LoadMeter(Protocol):
    """Counts the CPU time of other processes."""

    def read(self) -> Reading:
        """Read the counters."""


class CpuLoad:
    """The CPUs that this process may use, from the kernel's counters.

    Time that a hypervisor took away counts as others'. This process' own threads do not.
    """

    def __init__(self) -> None:
        self._cpus = sorted(os.sched_getaffinity(0))

    def read(self) -> Reading:
        """Read the counters."""
        everything = psutil.cpu_times(percpu=True)
        used = sum(
            seconds
            for cpu in self._cpus
            for name, seconds in everything[cpu]._asdict().items()
            if name not in (*_IDLE, *_INSIDE)
        )
        return used - time.process_time(), time.perf_counter() * len(self._cpus)


def share(before: Reading, after: Reading) -> float:
    """Share of the CPUs that others used between two readings, from 0 to 1."""
    used, there_were = (b - a for a, b in zip(before, after, strict=True))
    return min(max(used / there_were, 0.0), 1.0) if there_were > 0 else 0.0


def load_before(meter: LoadMeter) -> float:
    """Share of the CPUs that others use now, while this process sleeps."""
    before = meter.read()
    time.sleep(BEFORE_SECONDS)
    return share(before, meter.read())
