"""Cross-validations as tables and sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from spikeseg_core.evaluation.scorer import SECTION_SCORES
from spikeseg_core.metrics.intervals import LEVEL, Interval
from spikeseg_core.report.document import SCORE_TITLES, SEGMENTATIONS, SYNTHETIC, Cell, Table
from spikeseg_core.report.evidence import Evidence, link
from spikeseg_core.report.stated import Basis, Link, Stated, Text, say, stated
from spikeseg_core.sweep.cross_validation import CrossValidation, Difference

_SCORES: list[Cell] = [SCORE_TITLES[score] for score in SECTION_SCORES]


def score_table(tested: CrossValidation) -> Table:
    """Tabulate the mean over sections of every score of every stage."""
    return _table("stage", {SEGMENTATIONS[tag]: found for tag, found in tested.stages().items()})


def change_table(tested: CrossValidation) -> Table:
    """Tabulate the change of every stage from the ANN, paired by section."""
    rows = {SEGMENTATIONS[tag]: found for tag, found in tested.paired().items()}
    return _table("change from the ANN", rows, signed=True)


def step_table(tested: CrossValidation) -> Table:
    """Tabulate the change by each step from the ANN to the chip, paired by section."""
    rows = {step: found for step, _, _, found in tested.steps()}
    return _table("change by step", rows, signed=True)


def difference_table(found: Sequence[Difference]) -> Table:
    """Tabulate how a study differs from another, paired by section."""
    rows: dict[str, dict[str, Interval]] = {}
    for each in found:
        rows.setdefault(SEGMENTATIONS[each.segmentation], {})[each.score] = each.change
    return _table("change from A to B", rows, signed=True)


def basis(tested: CrossValidation) -> str:
    """Say in one paragraph what the tables rest on."""
    seeds = ", ".join(map(str, tested.seeds))
    warning = f"{SYNTHETIC} " if tested.data.get("synthetic") else ""
    return (
        f"{warning}{tested.data.get('note')}. {tested.folds} folds over {len(tested.sections)} "
        f"sections, each tested once, seeds {seeds}: mean over sections [95% interval, bootstrap "
        f"over sections], measured. Thresholds are chosen on the validation sections of each fold; "
        f"changes are paired by section."
    )


@dataclass(frozen=True)
class Recorded:
    """The newest cross-validation of a preset.

    Attributes
    ----------
    tables : sequence of Table
    runs : sequence of Link
        Its run.
    changes : mapping of str to (Stated or None)
        Mean change of every score from the ANN to the chip; empty if it did not get to the chip.
    """

    tables: Sequence[Table] = ()
    runs: Sequence[Link] = ()
    changes: Mapping[str, Stated | None] = field(default_factory=dict)


def recorded(evidence: Evidence) -> Recorded:
    """Read the newest cross-validation of the preset.

    Everything is empty if there is none on sections of the same kind, real or synthetic.
    """
    found = newest(evidence, "stages")
    if found is None:
        return Recorded()
    table, run = found
    return Recorded(
        [_recorded(table, "stages"), _recorded(table, "paired")],
        [run],
        {
            score: stated(each["mean"], "measured", "+.3f")
            for score, each in table["paired"].get("loihi", {}).items()
        },
    )


def newest(evidence: Evidence, holding: str) -> tuple[Mapping[str, Any], Link] | None:
    """Find the newest cross-validation of the preset whose table holds a part, and its run.

    Real and synthetic sections are not mixed.
    """
    for sweep in evidence.sweeps:
        table = sweep.run.json(CrossValidation.FILES[0]) if sweep.definition.get("folds") else None
        if (
            table is not None
            and table.get(holding)
            and sweep.definition.get("preset") == evidence.preset
            and bool(table["dataset"].get("synthetic")) == evidence.first.synthetic
        ):
            return table, link(sweep.run)
    return None


def stated_interval(each: Mapping[str, float], basis: Basis, form: str) -> Text:
    """State a recorded mean with its interval."""
    bounds = {name: stated(each[name], basis, form) for name in ("mean", "low", "high")}
    return say("{mean} [{low}, {high}]", **bounds)


def _plural(word: str, count: int) -> str:
    return word if count == 1 else f"{word}s"


def _recorded(table: Mapping[str, Any], part: str) -> Table:
    form = ".4f" if part == "stages" else "+.4f"
    of = "Mean" if part == "stages" else "Mean change from the ANN, paired by section,"
    return Table(
        caption=say(
            "Cross-validation: {folds} folds, {seeds}. {of} over {sections} sections, each "
            "tested once, with its {level} interval; every threshold is chosen on validation.",
            folds=stated(table["folds"], "set", ".0f"),
            seeds=stated(len(table["seeds"]), "set", ".0f", _plural("seed", len(table["seeds"]))),
            of=of,
            sections=stated(table["sections"], "measured", ".0f"),
            level=stated(100 * LEVEL, "set", ".0f", "%"),
        ),
        heading=["", *_SCORES],
        rows=[
            [
                SEGMENTATIONS[tag],
                *(stated_interval(found[s], "measured", form) for s in SECTION_SCORES),
            ]
            for tag, found in table[part].items()
        ],
    )


def sentence(each: Difference) -> str:
    """Say in one sentence whether study B differs from study A in a score."""
    what = f"{SCORE_TITLES[each.score]} of {SEGMENTATIONS[each.segmentation]}"
    if each.verdict == "equal":
        return f"{what}: the same in every section."
    values = each.by_section.values()
    change, count = f"{each.change:+.4f}", len(values)
    if each.verdict == "no difference":
        return f"{what}: no difference is shown, {change}."
    better = sum(value > 0 if each.change.mean > 0 else value < 0 for value in values)
    return (
        f"{what}: B is {each.verdict} than A by {change}, {each.verdict} in {better} of {count} "
        f"sections."
    )


def _table(name: str, rows: Mapping[str, Mapping[str, Interval]], signed: bool = False) -> Table:
    form = "+.4f" if signed else ".4f"
    return Table(
        [name, *_SCORES],
        [
            [title, *(f"{found[score]:{form}}" for score in SECTION_SCORES)]
            for title, found in rows.items()
        ],
    )
