"""What a cross-validation says: means over all sections with their intervals, and two compared."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd

from spikeseg_core.errors import ConfigError, DataError
from spikeseg_core.evaluation.accounting import DEPLOYED, FLOAT_TWINS, START, STEPS
from spikeseg_core.evaluation.scorer import SECTION_SCORES
from spikeseg_core.metrics.intervals import Interval, difference, interval
from spikeseg_core.presentation.levers import Opened
from spikeseg_core.storage import save_table, write_json
from spikeseg_core.sweep.agglomerated import AGGLOMERATED
from spikeseg_core.sweep.claims import Claims, against, over_folds
from spikeseg_core.sweep.definition import FOLD
from spikeseg_core.sweep.levers import Levers, Setup, setups
from spikeseg_core.sweep.levers import steps as lever_steps
from spikeseg_core.sweep.points import Point
from spikeseg_core.sweep.table import Outcomes

STAGES = ("ann", "rate_tuned", "snn_rate", "snn_spiking", "loihi", *AGGLOMERATED.values())
"""Segmentations of the table, in the order of the pipeline."""

ON_HOST = "agglomeration on the host"
"""The step after the chip."""

Intervals = dict[str, Interval]
"""By score."""


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """The test scores of every section of a stack.

    Attributes
    ----------
    scores : pandas.DataFrame
        A row per segmentation, seed and section: ``segmentation``, ``fold``, ``seed``, ``section``
        and :data:`~spikeseg_core.evaluation.scorer.SECTION_SCORES`.
    data : mapping of str to Any
        The stack: ``source``, ``synthetic``, ``note``, ``sha256`` of its pixels.
    claims : sequence of sequence of mapping
        The claims of every run, if energies were benchmarked.
    levers : sequence of sequence of mapping
        The ways of saving energy of every run, likewise.
    """

    scores: pd.DataFrame
    data: Mapping[str, Any]
    claims: Sequence[Claims] = ()
    levers: Sequence[Levers] = ()

    FILES: ClassVar = ("cross-validation.json", "sections.parquet")
    """Its table, and the scores of single sections."""

    def save(self, folder: Path) -> list[Path]:
        """Write :attr:`FILES`, and return their paths."""
        table, sections = (folder / name for name in self.FILES)
        write_json(table, self.to_json())
        return [table, save_table(self.scores, sections)]

    @classmethod
    def load(cls, folder: Path) -> CrossValidation:
        """Read what :meth:`save` wrote.

        Raises
        ------
        DataError
            If a file is missing or damaged.
        """
        table, sections = (folder / name for name in cls.FILES)
        try:
            told = json.loads(table.read_text(encoding="utf-8"))
            by_run = (told.get(f"{name}_by_run", ()) for name in ("claims", "levers"))
            return cls(pd.read_parquet(sections), told["dataset"], *by_run)
        except (OSError, ValueError, KeyError) as error:
            raise DataError(
                f"{folder} has no cross-validation ({type(error).__name__}: {error}): run it again"
            ) from error

    @property
    def sections(self) -> list[int]:
        """Numbers of the sections that were tested."""
        return sorted(map(int, self.scores["section"].unique()))

    @property
    def seeds(self) -> list[int]:
        """Seeds of training and tuning."""
        return sorted(map(int, self.scores["seed"].unique()))

    @property
    def folds(self) -> int:
        """Number of folds."""
        return int(self.scores["fold"].nunique())

    @cached_property
    def _by_segmentation(self) -> dict[str, pd.DataFrame]:
        """Scores of every section, averaged over seeds, in order of the sections."""
        return {
            str(tag): part.groupby("section")[list(SECTION_SCORES)].mean().sort_index()
            for tag, part in self.scores.groupby("segmentation")
        }

    @property
    def segmentations(self) -> list[str]:
        """Those of :data:`STAGES` that were run."""
        return [tag for tag in STAGES if tag in self._by_segmentation]

    def of(self, segmentation: str) -> pd.DataFrame:
        """Scores of every section, averaged over seeds; the index is the section's number."""
        return self._by_segmentation[segmentation]

    def stages(self) -> dict[str, Intervals]:
        """Mean over sections of every score of every segmentation."""
        return {tag: _intervals(self.of(tag)) for tag in self.segmentations}

    def paired(self) -> dict[str, Intervals]:
        """Mean change from the ANN, section by section, of every other segmentation."""
        if START not in self.segmentations:
            return {}
        return {
            tag: _changes(self.of(START), self.of(tag))
            for tag in self.segmentations
            if tag != START
        }

    def steps(self) -> list[tuple[str, str, str, Intervals]]:
        """Mean change by each step from the ANN to the chip, section by section.

        Returns
        -------
        list of (step, from, to, intervals)
            As in :func:`spikeseg_core.evaluation.accounting.loss_table`: a step whose end was not
            scored is merged with the next. NengoDL's spikes are no step by themselves where the
            other float twins of the chip were not run: it was tuned on its own integers, so the
            step to them leads to the chip. Then :data:`ON_HOST`.
        """
        found: list[tuple[str, str, str, Intervals]] = []
        twins = set(FLOAT_TWINS) & set(self._by_segmentation)
        beside = twins if DEPLOYED in self._by_segmentation and twins == {FLOAT_TWINS[0]} else set()
        before, names = START, list[str]()
        for name, place in STEPS if START in self._by_segmentation else ():
            names.append(name)
            if place in self._by_segmentation and place not in beside:
                change = _changes(self.of(before), self.of(place))
                found.append((", ".join(names), before, place, change))
                before, names = place, []
        after = AGGLOMERATED["loihi"]
        if {"loihi", after} <= set(self._by_segmentation):
            change = _changes(self.of("loihi"), self.of(after))
            found.append((ON_HOST, "loihi", after, change))
        return found

    def to_json(self) -> dict[str, Any]:
        """Return the table: ``stages``, ``paired`` and ``steps``, and what they rest on."""
        return {
            "folds": self.folds,
            "sections": len(self.sections),
            "seeds": self.seeds,
            "basis": "measured",
            "dataset": dict(self.data),
            "stages": {tag: _plain(found) for tag, found in self.stages().items()},
            "paired": {tag: _plain(found) for tag, found in self.paired().items()},
            "steps": [
                {"step": step, "from": before, "to": after, **_plain(found)}
                for step, before, after, found in self.steps()
            ],
        } | self._energies()

    def _energies(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if self.claims:
            found |= {"claims": self.claimed(), "claims_by_run": list(self.claims)}
        if self.levers:
            found |= {
                "levers": [step.to_json() for step in lever_steps(self.setups())],
                "levers_by_run": list(self.levers),
            }
        return found

    def claimed(self) -> list[dict[str, Any]]:
        """List the energy ratios over all folds: :func:`~spikeseg_core.sweep.claims.over_folds`."""
        return over_folds(self.claims, self._by_segmentation)

    def claimed_against(self, other: CrossValidation) -> list[dict[str, Any]]:
        """Claim energies against the CPU that runs the other study's networks.

        See :func:`~spikeseg_core.sweep.claims.against`.
        """
        return against((self.claims, self._by_segmentation), (other.claims, other._by_segmentation))

    def setups(self) -> dict[Opened, Setup]:
        """Every set of ways of saving energy: :func:`~spikeseg_core.sweep.levers.setups`."""
        return setups(self.levers, self._by_segmentation)

    def metrics(self) -> dict[str, float]:
        """Flat names: ``loihi/v_rand``, ``..._low``, ``..._high``, and ``loihi/v_rand_change``."""
        found: dict[str, float] = {}
        for suffix, table in (("", self.stages()), ("_change", self.paired())):
            for tag, scores in table.items():
                for score, each in scores.items():
                    name = f"{tag}/{score}{suffix}"
                    found |= {name: each.mean, f"{name}_low": each.low, f"{name}_high": each.high}
        return found


def collect(points: Sequence[Point], outcomes: Outcomes) -> CrossValidation:
    """Collect the test scores of all folds and seeds, none of which failed.

    Raises
    ------
    DataError
        If a section was not tested exactly once with each seed, or the folds are of different data.
    """
    runs = [
        (point.settings[FOLD], seed, outcomes[point.name, seed])
        for point in points
        for seed in point.configs
    ]
    table = pd.DataFrame(
        [{"fold": fold, "seed": seed, **row} for fold, seed, run in runs for row in run.sections]
    )
    facts = [run.data for _, _, run in runs]
    if len({each.get("pixels_sha256") for each in facts}) > 1:
        raise DataError(
            "the folds are of different data: "
            + "; ".join(dict.fromkeys(str(each.get("note")) for each in facts))
            + "; run the cross-validation again with --dataset"
        )
    data = {name: facts[0].get(name) for name in ("source", "synthetic", "note")}
    data["sha256"] = facts[0].get("pixels_sha256")
    columns = ["segmentation", "fold", "seed", "section", *SECTION_SCORES]
    if table.empty:
        raise DataError("no stage of the cross-validation scored sections; run at least 'train'")
    tested = table.loc[table["split"] == "test", columns].reset_index(drop=True)
    energies = ([run.claims for _, _, run in runs], [run.levers for _, _, run in runs])
    found = CrossValidation(tested, data, *(each if all(each) else () for each in energies))
    times = tested.groupby(["segmentation", "section"])["seed"].agg(["size", "nunique"])
    seeds = len(found.seeds)
    whole = len(times) == tested["segmentation"].nunique() * len(found.sections)
    if not whole or (times != seeds).any(axis=None):
        raise DataError(
            f"not every section was tested once with each of {seeds} seeds: the folds do not "
            f"belong to one cross-validation"
        )
    return found


@dataclass(frozen=True)
class Difference:
    """The change of one score of one segmentation from a study to another.

    Attributes
    ----------
    by_section : mapping of int to float
        By number of the section.
    """

    segmentation: str
    score: str
    change: Interval
    by_section: Mapping[int, float]

    @property
    def verdict(self) -> str:
        """Say whether it is a difference: ``higher``, ``lower``, ``equal`` or ``no difference``."""
        if not any(self.by_section.values()):
            return "equal"
        if not self.change.without_zero:
            return "no difference"
        return "higher" if self.change.mean > 0 else "lower"

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        sections = {str(section): value for section, value in self.by_section.items()}
        return self.change.to_json() | {"verdict": self.verdict, "by_section": sections}


def differences(first: CrossValidation, second: CrossValidation) -> list[Difference]:
    """Compare two studies of the same sections, section by section.

    Raises
    ------
    ConfigError
        If they are of different data, or tested different sections, or share no segmentation.
    """
    one, two = first.data, second.data
    if one.get("sha256") != two.get("sha256"):
        raise ConfigError(
            f"the studies are of different data: {one.get('note')} (sha256 "
            f"{str(one.get('sha256'))[:12]}...) and {two.get('note')} (sha256 "
            f"{str(two.get('sha256'))[:12]}...); run both on the same sections"
        )
    if first.sections != second.sections:
        raise ConfigError(
            f"the studies tested different sections: {len(first.sections)} and "
            f"{len(second.sections)} of them; run both over the whole stack"
        )
    both = [tag for tag in first.segmentations if tag in second.segmentations]
    if not both:
        raise ConfigError("the studies have no stage in common; run both up to the same stage")
    found = []
    for tag in both:
        before, after = first.of(tag), second.of(tag)
        for score in SECTION_SCORES:
            change = (after[score] - before[score]).tolist()
            found.append(
                Difference(
                    tag,
                    score,
                    difference(before[score].to_numpy(), after[score].to_numpy()),
                    dict(zip(second.sections, change, strict=True)),
                )
            )
    return found


def _intervals(scores: pd.DataFrame) -> Intervals:
    return {name: interval(scores[name].to_numpy()) for name in SECTION_SCORES}


def _changes(before: pd.DataFrame, after: pd.DataFrame) -> Intervals:
    return {
        name: difference(before[name].to_numpy(), after[name].to_numpy()) for name in SECTION_SCORES
    }


def _plain(found: Intervals) -> dict[str, dict[str, float]]:
    return {name: each.to_json() for name, each in found.items()}
