"""Energy meters, and stated power for devices without one.

RAPL is found through `zeus <https://ml.energy/zeus>`_, NVIDIA's counters through NVML
(:mod:`spikeseg_core.energy.devices.gpu`). Both count energy from an arbitrary start, so everything
here works with differences.
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
"""Duration of the idle-power reading."""

METERED_SECONDS = 1.0
"""Minimum duration of metered work: RAPL updates only once per millisecond."""

TIMED_SECONDS = 0.5
"""Minimum duration of timed work: other work on the machine disturbs single calls."""


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
    """

    seconds: float
    fastest: float
    calls: int
    mj: float | None = None


def time_calls(call: Callable[[], object], repeats: int, meter: Meter | None = None) -> Timing:
    """Call ``call`` twice to warm up, then time and meter at least ``repeats`` calls.

    Calls go on for at least :data:`METERED_SECONDS` with a meter, :data:`TIMED_SECONDS` without.
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

    With a meter (measured), the total is the meter's, static is idle power times time (at most the
    total), and dynamic the rest. Without (modelled), energy is time times stated power. A call
    processes ``batch`` of ``tiles_per_section`` tiles, or ``batch`` whole sections (None).
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
