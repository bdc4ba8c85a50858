"""What a cross-validation leaves and shows, and the comparison of two."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from spikeseg_core.errors import ConfigError, SpikeSegError
from spikeseg_core.figures.intervals import interval_figure
from spikeseg_core.figures.levers import lever_figure
from spikeseg_core.report.claims import claim_table
from spikeseg_core.report.comparison import ComparedRun
from spikeseg_core.report.cross_validation import (
    basis,
    change_table,
    difference_table,
    score_table,
    sentence,
    step_table,
)
from spikeseg_core.report.document import SCORE_TITLES, SEGMENTATIONS, Table
from spikeseg_core.report.levers import lever_table
from spikeseg_core.report.render import markdown_table, terminal_table, wide_console
from spikeseg_core.sweep.cross_validation import CrossValidation, differences
from spikeseg_core.sweep.definition import Sweep
from spikeseg_core.sweep.levers import Setup, added_up, between, steps

PICTURE = "cross-validation.png"
PICTURE_OF_LEVERS = "levers.png"


def require_all(asked: Sweep, failed: Sequence[str]) -> None:
    """Refuse a cross-validation in which a fold failed: its sections were not tested.

    Raises
    ------
    SpikeSegError
        If one did; names the folds and the way on.
    """
    if asked.folds is not None and failed:
        raise SpikeSegError(
            f"{len(failed)} of {asked.folds} folds failed ({', '.join(failed)}), so not every "
            f"section was tested; the log says why. The same command again repeats only those"
        )


def write(tested: CrossValidation, asked: Sweep, folder: Path) -> list[Path]:
    """Write the table, the scores of single sections and the picture; return their paths."""
    dots = {
        SEGMENTATIONS[tag]: {
            SCORE_TITLES[score]: (each.mean, each.low, each.high) for score, each in found.items()
        }
        for tag, found in tested.stages().items()
    }
    synthetic = ", SYNTHETIC DATA" if tested.data.get("synthetic") else ""
    title = f"{asked.title}: {asked.preset}, {len(tested.sections)} sections, measured{synthetic}"
    written = [*tested.save(folder), interval_figure(dots, folder / PICTURE, title)]
    if bars := added_up(tested.setups()):
        title = f"{asked.title}: {asked.preset}"
        written.append(_draw_levers(bars, folder / PICTURE_OF_LEVERS, title, tested))
    return written


def _draw_levers(
    shown: Sequence[tuple[str, Setup]], path: Path, title: str, tested: CrossValidation
) -> Path:
    busy = ", host priced on a busy machine" if any(one.busy for _, one in shown) else ""
    synthetic = ", SYNTHETIC DATA" if tested.data.get("synthetic") else ""
    means = [(name, one.means()) for name, one in shown]
    bars = [(name, mj["loihi_mj"], mj["with_host_mj"]) for name, mj in means]
    return lever_figure(bars, path, f"{title}{busy}{synthetic}")


def report(tested: CrossValidation) -> str:
    """Write all tables in Markdown, with what they rest on."""
    return f"{basis(tested)}\n\n" + "\n".join(map(markdown_table, _tables(tested)))


def show(folder: Path, console: Console) -> None:
    """Print the tables of the cross-validation in a folder."""
    tested = CrossValidation.load(folder)
    for table in _tables(tested):
        console.print(terminal_table(table))
    console.print(basis(tested), soft_wrap=True)


def _tables(tested: CrossValidation) -> Iterable[Table]:
    tables = (
        score_table(tested),
        change_table(tested),
        step_table(tested),
        claim_table(tested.claimed()),
        lever_table(steps(tested.setups())),
    )
    return [table for table in tables if table.rows]


def compare(
    runs: Sequence[ComparedRun],
    settings: Mapping[str, Sequence[Any]],
    first: CrossValidation,
    second: CrossValidation,
    picture: Path | None = None,
) -> dict[str, Any]:
    """Print whether two cross-validations differ, section by section, and return it.

    ``settings`` are those that differ. The result holds ``runs``, ``settings``, ``sections``,
    ``dataset``, ``basis``, and by stage and score ``differences``: ``mean``, ``low``, ``high``,
    ``verdict``, ``sentence`` and ``by_section``, each the second study minus the first. Where both
    benchmarked energies, ``claims``, each study's Loihi against the CPU that runs the other one's
    network, and ``energies``: as deployed, and with every way of saving. The ``picture`` adds them
    up: each way of saving, then what the second study changes.

    Raises
    ------
    ConfigError
        If they are of different data or tested different sections, or a picture is wanted of
        studies without energies.
    """
    found = differences(first, second)
    bars = added_up(first.setups(), (_changed(settings) or runs[1].name, second.setups()))
    if picture is not None and not bars:
        raise ConfigError(
            "--picture draws what each way of saving energy takes off, and these studies did not "
            "both benchmark energies over all folds; run: spikeseg sweep energy-claims"
        )
    console = wide_console()
    for name, run in zip("AB", runs, strict=True):
        console.print(f"{name}  {run.name} {run.id[:8]}, {run.about['started']}", soft_wrap=True)
    for name, values in settings.items():
        console.print(f"   {name}: {values[0]} -> {values[1]}", soft_wrap=True)
    console.print(terminal_table(difference_table(found)))
    claims = [*first.claimed_against(second), *second.claimed_against(first)]
    if claims:
        console.print(terminal_table(claim_table(claims)))
    energies = between(first.setups(), second.setups(), "A to B")
    if energies:
        console.print(terminal_table(lever_table(energies)))
    if picture is not None:
        names = f"{runs[0].name} to {runs[1].name}"
        drawn = _draw_levers(bars, picture.with_suffix(".png"), names, second)
        console.print(f"picture   {drawn}, {drawn.with_suffix('.svg')}", soft_wrap=True)
    table: dict[str, dict[str, Any]] = {}
    for each in found:
        said = sentence(each)
        console.print(said, soft_wrap=True)
        table.setdefault(each.segmentation, {})[each.score] = each.to_json() | {"sentence": said}
    console.print(basis(second), soft_wrap=True)
    return {
        "runs": [{"id": run.id, "name": run.name, **run.about} for run in runs],
        "settings": {name: list(values) for name, values in settings.items()},
        "sections": len(second.sections),
        "dataset": dict(second.data),
        "basis": "measured",
        "differences": table,
        "claims": claims,
        "energies": [step.to_json() for step in energies],
    }


def _changed(settings: Mapping[str, Sequence[Any]]) -> str:
    """Name what the second study sets otherwise, if it is little."""
    told = ", ".join(f"{name.split('.')[-1]} {values[1]}" for name, values in settings.items())
    return told if len(told) <= 40 else ""
