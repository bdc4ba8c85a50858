"""Energy meters, and time times stated power where there is no meter.

RAPL is found through `zeus <https://ml.energy/zeus>`_, NVIDIA's counters through NVML
(:mod:`spikeseg_core.energy.devices.gpu`). Both count energy since some start, so everything here
works with differences.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Protocol

from spikeseg_core.energy.figure import FAMILIES, Basis, Family, Figures, figures_of
from spikeseg_core.errors import MeterError

IDLE_SECONDS = 1.0
"""How long the idle power is read for."""

METERED_SECONDS = 1.0
"""Least time of metered work: RAPL counts once a millisecond, so short work reads coarsely."""

TIMED_SECONDS = 0.5
"""Least time of work that is only timed: other work on the machine disturbs single calls."""


class Meter(Protocol):
    """Energy counters of one device.

    Attributes
    ----------
    source : str
        What is read, for :attr:`~spikeseg_core.energy.figure.EnergyFigure.source`.
    ranges_mj : sequence of float
        Where each counter starts again at 0, in millijoules; infinite if it never does.
    """

    source: str
    ranges_mj: Sequence[float]

    def read_mj(self) -> Sequence[float]:
        """Read the counters, in millijoules."""


def used_mj(before: Sequence[float], after: Sequence[float], ranges: Sequence[float]) -> float:
    """Millijoules between two readings, all counters together.

    A counter that has started again at 0 in between, once, is counted right; readings must be
    closer together than a counter's range (tens of kilojoules, minutes of full load).

    Raises
    ------
    MeterError
        If a counter that never starts again has gone down.
    """
    total = 0.0
    for a, b, size in zip(before, after, ranges, strict=True):
        difference = (b - a) % size if size != float("inf") else b - a
        if difference < 0:
            raise MeterError(f"an energy counter went down, from {a:.6g} mJ to {b:.6g} mJ")
        total += difference
    return total


class RaplMeter:
    """The CPU packages' energy by RAPL, read through zeus.

    Raises
    ------
    MeterError
        If RAPL is not there or may not be read; says why and what to do.
    """

    def __init__(self) -> None:
        from zeus.device.cpu.rapl import RAPLCPUs
        from zeus.device.exception import ZeusBaseCPUError

        try:
            packages = [cpu.rapl_file for cpu in RAPLCPUs().cpus]
        except (ZeusBaseCPUError, OSError) as error:
            raise MeterError(
                f"RAPL cannot be read here ({error}); it needs a bare machine or a virtual one "
                "that passes it on, and read permission on /sys/class/powercap (root, or "
                "chmod +r energy_uj)"
            ) from error
        if not packages:
            raise MeterError("RAPL names no CPU package here")
        self.source = f"RAPL, found by zeus: {', '.join(package.name for package in packages)}"
        self.ranges_mj: Sequence[float] = [p.max_energy_range_uj / 1e3 for p in packages]
        # The raw counters: used_mj handles their starting over, without zeus's watching process.
        self._counters = [Path(package.energy_uj_path) for package in packages]

    def read_mj(self) -> Sequence[float]:
        """Read the packages' counters, in millijoules."""
        return [int(counter.read_text()) / 1e3 for counter in self._counters]


@dataclass(frozen=True)
class StatedPower:
    """Power assumed where no meter can be read.

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
    """A meter with the idle power it showed.

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
"""How time becomes energy."""


@dataclass(frozen=True)
class Timing:
    """Repeated calls of the same work.

    Attributes
    ----------
    seconds : float
        Median time of one call, in seconds.
    fastest : float
        Time of the fastest call, in seconds: what other work on the machine disturbed least.
    calls : int
        Timed calls.
    mj : float or None
        Metered energy of one call in millijoules, idle included; None without a meter.
    """

    seconds: float
    fastest: float
    calls: int
    mj: float | None = None


def time_calls(call: Callable[[], object], repeats: int, meter: Meter | None = None) -> Timing:
    """Call ``call`` twice to warm up, then at least ``repeats`` times with clock and meter.

    For at least :data:`METERED_SECONDS` with a meter, :data:`TIMED_SECONDS` without.
    """
    call()
    call()
    times: list[float] = []
    before = meter.read_mj() if meter else ()
    least = METERED_SECONDS if meter else TIMED_SECONDS
    while len(times) < repeats or sum(times) < least:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    mj = used_mj(before, meter.read_mj(), meter.ranges_mj) / len(times) if meter else None
    return Timing(median(times), min(times), len(times), mj)


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

    With a meter: total is what the meter showed, static the idle power times the time (never more
    than the total), dynamic the rest; measured. Without: time times stated power; modelled.
    A call takes ``batch`` of ``tiles_per_section`` tiles; of whole sections (None), ``batch``.
    """
    calls_per_section = (tiles_per_section or 1) / batch
    seconds = timing.seconds * calls_per_section
    calls = (
        f"median of {timing.calls} calls, the fastest took {timing.fastest / timing.seconds:.0%}"
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
    )
