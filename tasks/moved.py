"""What moved between two benchmarks of the same network on the same machine, figure by figure."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from spikeseg_core.config import StageConfig
from spikeseg_core.config.tolerances import MOVED
from spikeseg_core.presentation.operating_point import WAYS
from spikeseg_core.report.document import Table, number
from spikeseg_core.report.records import labelled
from spikeseg_core.report.render import markdown_table
from tasks.folder import StageRecord
from tasks.local.machine import FINGERPRINT

Kind = Literal["timed", "counted", "score"]

SCORES = ("test/pixel_accuracy", "test/v_rand")
"""Scores that are compared: a timed network must still give the same answers."""


class MoveTolerance(StageConfig):
    """How far a figure may move between two benchmarks before it is reported."""

    timed: float = Field(
        MOVED["timed"],
        ge=0,
        title="Times, and energy of what was timed",
        description="relative change; 0.2 is 20 %",
    )
    counted: float = Field(
        MOVED["counted"],
        ge=0,
        title="Times and energy modelled from counts",
        description="relative change; 0.02 is 2 %",
    )
    score: float = Field(
        MOVED["score"], ge=0, title="Scores", description="relative change; 0.002 is 0.2 %"
    )


@dataclass(frozen=True)
class Figure:
    """One figure of a benchmark; ``what`` names device, precision, batch and quantity.

    What was timed has the value of its fastest call, which other work disturbs least, and
    ``in_passes``, in which work that never changes is the unit of time. It is ``busy`` if other
    work disturbed its timing.
    """

    what: str
    kind: Kind
    value: float
    unit: str
    basis: str
    busy: bool = False
    in_passes: float | None = None


@dataclass(frozen=True)
class Change:
    """A figure now and in the benchmark before.

    ``ratio`` is now over before. It is the product of ``machine``, by how much the machine itself
    was slower (1 for what does not depend on its speed), and ``own``, the change of the figure
    itself, which ``moved`` if that is beyond the tolerance, up or down.
    """

    what: str
    unit: str
    basis: str
    now: float
    before: float
    ratio: float
    machine: float
    own: float
    moved: bool


def figures(record: StageRecord, deployed: StageRecord | None = None) -> list[Figure]:
    """List the figures of a finished benchmark, and the scores of the deployment if given."""
    found = [*_energies(record), *_scores(record.outcome.metrics)]
    return found + (list(_scores(deployed.outcome.metrics)) if deployed is not None else [])


def _energies(record: StageRecord) -> Iterator[Figure]:
    for one in labelled(record.outcome.facts.get("figures", [])):
        # With the host, Loihi's energy is a counted part and one of the CPU: both are compared.
        if one["basis"] == "published" or one.get("host"):
            continue
        batch = "online" if one["batch"] == 1 else f"batch {one['batch']}"
        device = f"{one['label']}, {one['precision']}, {batch}"
        energy = f"{device}, {one['component']} energy"
        busy = bool(one.get("busy"))
        kind: Kind = "timed" if one["time_basis"] == "measured" else "counted"
        least = one.get("fastest") or 1.0
        mj, ms = least * one["mj_per_section"], 1000 * least * one["seconds_per_section"]
        passes = one.get("passes")
        # A meter does not read less energy in proportion because the machine is faster.
        in_proportion = passes and ms and one["basis"] == "modelled"
        of_energy = passes * mj / ms if in_proportion else None
        yield Figure(energy, kind, mj, "mJ per section", one["basis"], busy, of_energy)
        if one["component"] == "total":
            time = f"{device}, time"
            yield Figure(time, kind, ms, "ms per section", one["time_basis"], busy, passes)


def _scores(metrics: Mapping[str, Mapping[str, float | None]]) -> Iterator[Figure]:
    for tag, values in metrics.items():
        for score in SCORES:
            value = values.get(score)
            if value is not None:
                yield Figure(f"{tag}, {score}", "score", value, "", "measured")


def compare(now: StageRecord, before: StageRecord, tolerance: MoveTolerance) -> list[Change]:
    """Compare the figures that both benchmarks have; the largest changes come first.

    Which way of presenting tiles needs least energy with its host depends on the host's times. If
    another one was chosen, its figures are no change of what was there before.
    """
    old, points = {figure.what: figure for figure in figures(before)}, _points(before)
    others = [way for way, point in _points(now).items() if points.get(way) != point]
    changes = []
    for figure in figures(now):
        then = old.get(figure.what)
        if then is None or not then.value or any(_is_of(figure, way) for way in others):
            continue
        ratio = own = figure.value / then.value
        machine = 1.0
        # A benchmark from before there was a yardstick is compared without it.
        if figure.in_passes and then.in_passes and ratio:
            own = figure.in_passes / then.in_passes
            machine = ratio / own
        allowed = getattr(tolerance, figure.kind)
        basis = figure.basis if figure.basis == then.basis else f"{then.basis}, now {figure.basis}"
        changes.append(
            Change(
                *(figure.what, figure.unit, basis, figure.value, then.value, ratio, machine, own),
                moved=_distance(own) > 1 + allowed,
            )
        )
    return sorted(changes, key=lambda change: (not change.moved, -_distance(change.own)))


def _distance(ratio: float) -> float:
    """How far from 1 it is, down like up."""
    return max(ratio, 1 / ratio) if ratio else math.inf


def also_changed(now: StageRecord, before: StageRecord) -> list[str]:
    """List what else differs between two benchmarks and may explain the changes."""
    found = [] if now.code == before.code else ["the code of the benchmark"]
    settings, old = now.settings["benchmark"], before.settings["benchmark"]
    found += [
        f"benchmark.{name}: {old.get(name)}, now {value}"
        for name, value in settings.items()
        if value != old.get(name)
    ]
    for which in (_runtimes, _points, lambda record: record.versions):
        was = which(before)
        found += [
            f"{name}: {was[name]}, now {value}"
            for name, value in which(now).items()
            if was.get(name, value) != value
        ]
    return found


def _runtimes(record: StageRecord) -> dict[str, str]:
    """Return the CPU's fastest runtime and threads by case; int8 scores differ by runtime, too."""
    facts = record.outcome.facts
    threads = facts.get("cpu_threads", {})
    return {
        f"CPU, {case}": f"{min(ms, key=lambda name: ms[name])} with {threads.get(case)} threads"
        for case, ms in facts.get("cpu_runtimes", {}).items()
    }


def _points(record: StageRecord) -> dict[str, str]:
    """Return how tiles were presented, by the way of presenting that has figures of its own."""
    found = record.outcome.facts.get("operating_point") or {}
    return {way: str(found[mark]["point"]) for way, mark in WAYS.items() if mark in found}


def _is_of(figure: Figure, way: str) -> bool:
    words = re.split(r"[ ,_]+", figure.what.lower())
    return words[: 1 + len(way.split())] == ["loihi", *way.split()]


def verdict(result: Mapping[str, Any]) -> str:
    """Summarize in one line what moved."""
    model, machine = result["model"], result["machine"][FINGERPRINT]
    if result["busy"]:
        return (
            f"benchmark of {model}: not compared, because machine {machine} was busy with other "
            f"work while it was timed ({result['load']:.0%} of its CPUs just before); the figures "
            f"are marked busy; run it again when the machine is idle, or accept more with "
            f"benchmark.busy_above"
        )
    if result["previous_mlflow_run_id"] is None:
        return (
            f"benchmark of {model} on machine {machine}: MLflow has no earlier one of this "
            f"deployed network from when it was idle, so there is nothing to compare with"
        )
    before = f"since run {result['previous_mlflow_run_id']} of machine {machine}"
    moved = [change for change in result["changes"] if change["moved"]]
    machine = _machine(result["changes"])
    if not moved:
        return f"benchmark of {model}: nothing moved beyond its tolerance {before}{machine}"
    told = "; ".join(f"{change['what']}: {change['own']:.3g} x" for change in moved[:5])
    more = f"; and {len(moved) - 5} more" if len(moved) > 5 else ""
    return (
        f"benchmark of {model}: {len(moved)} of {len(result['changes'])} figures moved beyond "
        f"their tolerance {before}{machine}: {told}{more}"
    )


def _machine(changes: Sequence[Mapping[str, Any]]) -> str:
    """Say how the machine itself changed, which no figure is blamed for."""
    ratios = sorted({change["machine"] for change in changes} - {1.0})
    if not ratios:
        return ""
    least, most = f"{ratios[0]:.2f}", f"{ratios[-1]:.2f}"
    span = least if least == most else f"{least} to {most}"
    return f" (the machine itself took {span} x as long for the same work, which is taken out)"


def markdown(result: Mapping[str, Any]) -> str:
    """Write the comparison, or only the figures if there is nothing to compare with."""
    allowed = ", ".join(f"{name} {100 * value:g} %" for name, value in result["tolerance"].items())
    lines = [result["verdict"], ""]
    if result["changes"]:
        lines += [
            f"Tolerances: {allowed}. What was timed is compared by work that never changes, timed "
            "beside it: 'own' is the change of the figure itself, 'machine' that of the machine.",
            "",
        ]
    lines.append(markdown_table(table(result)))
    if result["also_changed"]:
        lines += ["Also changed:", "", *(f"- {text}" for text in result["also_changed"])]
    return "\n".join(lines) + "\n"


def table(result: Mapping[str, Any]) -> Table:
    """Make the table of the changes, or of the figures if there are none."""
    if not result["changes"]:
        rows = [
            [one["what"], one["unit"], number(one["value"]), _basis(one)]
            for one in result["figures"]
        ]
        return Table(["what", "unit", "value", "basis"], rows)
    rows = [
        [
            *(one["what"], one["unit"] or "-", number(one["before"]), number(one["now"])),
            *(f"{one[name]:.3f}" for name in ("ratio", "machine", "own")),
            *(one["basis"], "**moved**" if one["moved"] else ""),
        ]
        for one in result["changes"]
    ]
    columns = ["what", "unit", "before", "now", "ratio", "machine", "own", "basis", "moved"]
    return Table(columns, rows)


def _basis(figure: Mapping[str, Any]) -> str:
    return f"{figure['basis']}, **busy**" if figure["busy"] else str(figure["basis"])
