"""Energy meters, and stated power for devices without one.

RAPL is found through `zeus <https://ml.energy/zeus>`_, NVIDIA's counters through NVML
(:mod:`spikeseg_core.energy.devices.gpu`). Both count energy from an arbitrary start, so everything
here works with differences.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Protocol

import numpy as np

from spikeseg_core.energy.devices.load import CpuLoad, LoadMeter, share
from spikeseg_core.energy.figure import FAMILIES, Basis, Family, Figures, figures_of
from spikeseg_core.errors import MeterError

IDLE_SECONDS = 1.0
"""Duration of the idle-power reading."""

TIMED_SECONDS = 1.2
"""Minimum duration of timed work, all rounds together. Other work on the machine disturbs single
calls, energy counters move once per millisecond, and those of the load every 10 ms."""

ROUNDS = 4
"""Rounds in which pieces of work are timed in turn; each counts only on a quiet machine."""

MOST_ROUNDS = 8
"""Rounds after which a timing on a busy machine is given up and marked."""

PAIRS = 30
"""Most calls in a round that are timed between two passes of the yardstick. Long ones are fewer."""

LOWER = 0.25
"""Quantile of the ratios of calls to passes that counts: of calls that take a fraction of a
millisecond, half are disturbed by what the yardstick left in the caches."""


class Meter(Protocol):
    """Energy counters of one device.

    Attributes
    ----------
    source : str
        Name of the meter, for :attr:`~spikeseg_core.energy.figure.EnergyFigure.source`.
    ranges_mj : sequence of float
        Value in mJ at which each counter wraps to 0; infinite if it never does.
    """

    source: str
    ranges_mj: Sequence[float]

    def read_mj(self) -> Sequence[float]:
        """Read the counters, in millijoules."""


def used_mj(before: Sequence[float], after: Sequence[float], ranges: Sequence[float]) -> float:
    """Energy in mJ between two readings, summed over all counters.

    A counter may wrap once in between, so readings must be closer together than a counter's range
    (tens of kilojoules, minutes at full load).

    Raises
    ------
    MeterError
        If a counter that never wraps has gone down.
    """
    total = 0.0
    for a, b, size in zip(before, after, ranges, strict=True):
        difference = (b - a) % size if size != float("inf") else b - a
        if difference < 0:
            raise MeterError(f"an energy counter went down, from {a:.6g} mJ to {b:.6g} mJ")
        total += difference
    return total


class RaplMeter:
    """Energy of the CPU packages from RAPL, found through zeus.

    Raises
    ------
    MeterError
        If RAPL does not exist or cannot be read; the message says why and what to do.
    """

    def __init__(self) -> None:
        from zeus.device.cpu.rapl import RAPLCPUs
        from zeus.device.exception import ZeusBaseCPUError

        try:
            packages = [cpu.rapl_file for cpu in RAPLCPUs().cpus]
        except (ZeusBaseCPUError, OSError) as error:
            raise MeterError(
                f"RAPL cannot be read here ({error}); it needs a physical machine, or a virtual "
                "one that exposes it, and read permission on /sys/class/powercap (root, or "
                "chmod +r energy_uj)"
            ) from error
        if not packages:
            raise MeterError("RAPL lists no CPU package here")
        self.source = f"RAPL, found by zeus: {', '.join(package.name for package in packages)}"
        self.ranges_mj: Sequence[float] = [p.max_energy_range_uj / 1e3 for p in packages]
        # The raw counters: used_mj handles wrapping, without zeus's monitoring process.
        self._counters = [Path(package.energy_uj_path) for package in packages]

    def read_mj(self) -> Sequence[float]:
        """Read the packages' counters, in millijoules."""
        return [int(counter.read_text()) / 1e3 for counter in self._counters]


@dataclass(frozen=True)
class StatedPower:
    """Power assumed if no meter can be read.

    Attributes
    ----------
    dynamic_watts, total_watts : float
        Above idle, and with idle.
    why : str
        Why there is no meter.
    """

    dynamic_watts: float
    total_watts: float
    why: str

    def __post_init__(self) -> None:
        if self.total_watts < self.dynamic_watts:
            raise MeterError(
                f"stated total power {self.total_watts} W is below the dynamic power "
                f"{self.dynamic_watts} W; total includes dynamic"
            )


@dataclass(frozen=True)
class IdleMeter:
    """A meter and the idle power it showed.

    Attributes
    ----------
    meter : Meter
        The counters.
    idle_watts : float
        Mean power in watts while this process slept.
    """

    meter: Meter
    idle_watts: float

    @classmethod
    def of(cls, meter: Meter) -> IdleMeter:
        """Read the idle power of ``meter`` for :data:`IDLE_SECONDS`."""
        before, start = meter.read_mj(), time.perf_counter()
        time.sleep(IDLE_SECONDS)
        after, stop = meter.read_mj(), time.perf_counter()
        return cls(meter, used_mj(before, after, meter.ranges_mj) / 1e3 / (stop - start))


Power = IdleMeter | StatedPower
"""What converts time to energy."""


@dataclass(frozen=True)
class Timing:
    """Repeated calls of the same work.

    Attributes
    ----------
    seconds : float
        Median time of one call, in seconds.
    fastest : float
        Time of the fastest call, in seconds, the least disturbed by other work.
    calls : int
        Number of timed calls.
    mj : float or None
        Metered energy of one call in millijoules, idle included; None without a meter.
    load : float
        Share of the CPUs that other processes used meanwhile, from 0 to 1.
    busy : bool
        Whether that was more than accepted in too many rounds.
    passes : float or None
        Time of a call in passes of the yardstick just before and after it.
    """

    seconds: float
    fastest: float
    calls: int
    mj: float | None = None
    load: float = 0.0
    busy: bool = False
    passes: float | None = None


@dataclass(frozen=True)
class Round:
    """Calls of one case in one turn, their energy, and the load of the machine meanwhile."""

    times: Sequence[float]
    mj: float | None
    load: float


@dataclass(frozen=True)
class Timer:
    """Times work, and looks at the load of the machine meanwhile.

    Attributes
    ----------
    busy_above : float
        Share of the CPUs that other processes may use, from 0 to 1. A round under more load is
        repeated, at most :data:`MOST_ROUNDS` in all; then the timing is marked busy.
    load : LoadMeter
        Counts the CPU time of others.
    """

    busy_above: float = 0.1
    load: LoadMeter = field(default_factory=CpuLoad)

    def in_turn(
        self,
        calls: Mapping[str, Callable[[], object]],
        repeats: int,
        meter: Meter | None = None,
        yardstick: Callable[[], object] | None = None,
    ) -> dict[str, Timing]:
        """Time several pieces of work in turn, A B A B, so that a drift meets all alike.

        Each is called twice to warm up. Then come :data:`ROUNDS` rounds of all. In all rounds
        together each is called at least ``repeats`` times and for at least :data:`TIMED_SECONDS`.

        Parameters
        ----------
        calls : mapping of str to callable
            The work by name.
        repeats : int
            Least number of timed calls of each.
        meter : Meter, optional
            Counts energy.
        yardstick : callable, optional
            Work that never changes, on the same device: calls are also timed in passes of it.
        """
        for call in (*calls.values(), *calls.values()):
            call()
        rounds: dict[str, list[Round]] = {name: [] for name in calls}
        passes: dict[str, list[float]] = {name: [] for name in calls}
        tried = 0
        while tried < MOST_ROUNDS and not all(self._quiet(r, ROUNDS) for r in rounds.values()):
            for name, call in calls.items():
                rounds[name].append(self._round(call, -(-repeats // ROUNDS), meter))
            if yardstick is not None:
                for name, call in calls.items():
                    passes[name] += _in_passes(call, yardstick)
            tried += 1
        return {name: self._timing(found, passes[name]) for name, found in rounds.items()}

    def __call__(
        self, call: Callable[[], object], repeats: int, meter: Meter | None = None
    ) -> Timing:
        """Time one piece of work as :meth:`in_turn` does."""
        return self.in_turn({"": call}, repeats, meter)[""]

    def _quiet(self, rounds: Sequence[Round], wanted: int) -> bool:
        return sum(r.load <= self.busy_above for r in rounds) >= wanted

    def _round(self, call: Callable[[], object], least: int, meter: Meter | None) -> Round:
        seconds = TIMED_SECONDS / ROUNDS
        times: list[float] = []
        load, before = self.load.read(), meter.read_mj() if meter else ()
        while len(times) < least or sum(times) < seconds:
            times.append(seconds_of(call))
        mj = used_mj(before, meter.read_mj(), meter.ranges_mj) if meter else None
        return Round(times, mj, share(load, self.load.read()))

    def _timing(self, rounds: Sequence[Round], passes: Sequence[float]) -> Timing:
        """Evaluate the rounds without other load if there are enough, otherwise all."""
        busy = not self._quiet(rounds, ROUNDS)
        used = rounds if busy else [r for r in rounds if r.load <= self.busy_above]
        times = [seconds for r in used for seconds in r.times]
        energies = [r.mj for r in used if r.mj is not None]
        mj = sum(energies) / len(times) if energies else None
        load = median(r.load for r in used)
        of_a_call = float(np.quantile(passes, LOWER)) if passes else None
        return Timing(median(times), min(times), len(times), mj, load, busy, of_a_call)


def _in_passes(call: Callable[[], object], yardstick: Callable[[], object]) -> list[float]:
    """Time calls between passes: a shared machine's speed changes within a second, too."""
    ratios: list[float] = []
    end = time.perf_counter() + TIMED_SECONDS / ROUNDS
    while not ratios or (len(ratios) < PAIRS and time.perf_counter() < end):
        before = seconds_of(yardstick)
        call()  # its caches are the yardstick's
        seconds = seconds_of(call)
        ratios.append(2 * seconds / (before + seconds_of(yardstick)))
    return ratios


def seconds_of(call: Callable[[], object]) -> float:
    """Time one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def meter_of(power: Power) -> Meter | None:
    """Return the meter, if there is one."""
    return power.meter if isinstance(power, IdleMeter) else None


def figures_of_timing(
    timing: Timing,
    power: Power,
    *,
    family: Family,
    precision: str,
    batch: int,
    tiles_per_section: int | None,
    note: str,
) -> Figures:
    """Return dynamic, static and total energy of a section from timed calls.

    With a meter (measured), the total is the meter's, static is idle power times time (at most the
    total), and dynamic the rest. Without (modelled), energy is time times stated power. A call
    processes ``batch`` of ``tiles_per_section`` tiles, or ``batch`` whole sections (None).
    """
    calls_per_section = (tiles_per_section or 1) / batch
    seconds = timing.seconds * calls_per_section
    calls = (
        f"median of {timing.calls} calls, the fastest took {timing.fastest / timing.seconds:.0%}; "
        f"other work used {timing.load:.0%} of the CPUs"
    )
    if isinstance(power, IdleMeter):
        if timing.mj is None:
            raise MeterError(f"{FAMILIES[family]}: the work was timed without its meter")
        total = timing.mj * calls_per_section
        static = min(1e3 * power.idle_watts * seconds, total)
        basis: Basis = "measured"
        source = power.meter.source
        note = f"{note}; idle {power.idle_watts:.2f} W; {calls}"
    else:
        total = 1e3 * power.total_watts * seconds
        static = 1e3 * (power.total_watts - power.dynamic_watts) * seconds
        basis = "modelled"
        source = (
            f"measured time x stated power ({power.dynamic_watts:g} W dynamic, "
            f"{power.total_watts:g} W total)"
        )
        note = f"{note}; {calls}; no meter: {power.why}"
    return figures_of(
        family=family,
        feed="sections" if tiles_per_section is None else "tiles",
        precision=precision,
        batch=batch,
        dynamic_mj=total - static,
        static_mj=static,
        seconds=seconds,
        basis=basis,
        time_basis="measured",
        source=source,
        note=note,
        tiles=tiles_per_section,
        fastest=timing.fastest / timing.seconds,
        passes=timing.passes,
        busy=timing.busy,
    )
