"""The table of a cross-validation from the scores of its folds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from spikeseg_core.errors import ConfigError, DataError
from spikeseg_core.evaluation.scorer import SECTION_SCORES
from spikeseg_core.metrics.intervals import Interval
from spikeseg_core.presentation.levers import LEVERS, lever_tag, sets_of
from spikeseg_core.report import folds
from spikeseg_core.sweep.cross_validation import CrossValidation, collect, differences
from spikeseg_core.sweep.definition import Sweep
from spikeseg_core.sweep.points import expand
from spikeseg_core.sweep.table import Outcome
from tests.spikeseg_core.sweep.test_levers import run

DATA = {"source": "folder", "synthetic": False, "note": "made up", "pixels_sha256": "ab" * 32}
PLACES = ("ann", "ann_loihi_curve", "loihi/exact_weights", "loihi")
LOST = dict(zip(PLACES, (0.0, 0.01, 0.015, 0.02), strict=True))


def study(
    folds: int = 3,
    seeds: Sequence[int] = (0, 1),
    places: Sequence[str] = PLACES,
    lost: float = 0.0,
    **data: Any,
) -> CrossValidation:
    """Two sections a fold; every place loses a little, the same in every section."""
    points = expand(Sweep(folds=folds, seeds=tuple(seeds)))
    outcomes = {}
    for fold, point in enumerate(points):
        for seed in seeds:
            rows = [
                {"segmentation": place, "split": split, "section": section}
                | dict.fromkeys(
                    SECTION_SCORES, 0.9 + 0.01 * section + 0.001 * seed - LOST[place] - lost
                )
                for place in places
                for split, section in (
                    ("test", 2 * fold),
                    ("test", 2 * fold + 1),
                    ("validation", (2 * fold + 2) % (2 * folds)),
                )
            ]
            outcomes[point.name, seed] = Outcome(sections=rows, data=DATA | data)
    return collect(points, outcomes)


def test_means_over_all_sections_and_seeds() -> None:
    found = study()
    assert (found.folds, found.sections, found.seeds) == (3, [0, 1, 2, 3, 4, 5], [0, 1])
    assert found.segmentations == ["ann", "loihi"]
    ann = found.stages()["ann"]["v_rand"]
    assert ann.mean == pytest.approx(0.9 + 0.025 + 0.0005)
    assert 0.9 < ann.low < ann.mean < ann.high < 0.96
    change = found.paired()["loihi"]["v_rand"]
    assert [change.mean, change.low, change.high] == pytest.approx([-0.02] * 3)
    assert found.metrics()["loihi/v_rand_change"] == change.mean
    assert found.metrics()["ann/pixel_accuracy_high"] == found.stages()["ann"]["v_rand"].high


def test_steps_that_were_not_scored_are_merged_and_all_add_up() -> None:
    steps = study().steps()
    assert [(step, before, after) for step, before, after, _ in steps] == [
        ("Loihi's rate curve", "ann", "ann_loihi_curve"),
        (
            "rate tuning, conversion, spikes, a step from layer to layer",
            *("ann_loihi_curve", "loihi/exact_weights"),
        ),
        ("integer weights, splitting into cores", "loihi/exact_weights", "loihi"),
    ]
    assert sum(found["v_info"].mean for *_, found in steps) == pytest.approx(-0.02)
    assert study(places=["loihi"]).steps() == []
    assert study(places=["loihi"]).paired() == {}


def test_it_comes_back_from_its_files_and_the_table_is_json(tmp_path: Path) -> None:
    made = study()
    assert [path.name for path in made.save(tmp_path)] == list(CrossValidation.FILES)
    read = CrossValidation.load(tmp_path)
    pd.testing.assert_frame_equal(read.scores, made.scores)
    assert read.to_json() == made.to_json()
    assert made.to_json()["dataset"]["sha256"] == DATA["pixels_sha256"]
    with pytest.raises(DataError, match="has no cross-validation"):
        CrossValidation.load(tmp_path / "nowhere")


def test_energies_are_kept_run_by_run_and_ways_of_saving_are_judged(tmp_path: Path) -> None:
    table = study()
    rows = [
        table.scores[table.scores["segmentation"] == "loihi"].assign(segmentation=tag)
        for tag in map(lever_tag, sets_of(LEVERS))
    ]
    whole = replace(table, scores=pd.concat([table.scores, *rows]), levers=[run(), run(90)])
    whole.save(tmp_path)
    read = CrossValidation.load(tmp_path)
    assert read.to_json() == whole.to_json()
    assert read.to_json()["levers"][0]["after"]["loihi_mj"] == 65
    assert read.segmentations == table.segmentations
    shown = folds.write(whole, Sweep(folds=3), tmp_path)
    assert [path.name for path in shown] == [
        *CrossValidation.FILES,
        folds.PICTURE,
        folds.PICTURE_OF_LEVERS,
    ]
    assert "beside all others" in folds.report(read)


def test_no_section_may_be_missing_or_tested_twice() -> None:
    points = expand(Sweep(folds=3))
    row = {"segmentation": "ann", "split": "test"} | dict.fromkeys(SECTION_SCORES, 0.9)
    twice = {(p.name, 0): Outcome(sections=[row | {"section": 0}], data=DATA) for p in points}
    with pytest.raises(DataError, match="tested once with each of 1 seeds"):
        collect(points, twice)
    with pytest.raises(DataError, match="no stage of the cross-validation scored sections"):
        collect(points, {(point.name, 0): Outcome(data=DATA) for point in points})
    other = twice | {("fold 2", 0): Outcome(data=DATA | {"pixels_sha256": "cd", "note": "new"})}
    with pytest.raises(DataError, match="of different data: made up; new"):
        collect(points, other)


def test_the_same_study_twice_differs_by_exactly_nothing() -> None:
    found = differences(study(seeds=(0, 1)), study(seeds=(0, 1)))
    assert {(each.segmentation, each.score) for each in found} == {
        (tag, score) for tag in ("ann", "loihi") for score in SECTION_SCORES
    }
    for each in found:
        assert each.change == Interval(0.0, 0.0, 0.0)
        assert each.verdict == "equal"


@pytest.mark.parametrize(("lost", "verdict"), [(0.002, "lower"), (-0.002, "higher")])
def test_a_difference_in_every_section_is_one(lost: float, verdict: str) -> None:
    each = differences(study(), study(lost=lost))[0]
    assert each.verdict == verdict
    assert list(each.by_section) == [0, 1, 2, 3, 4, 5]
    assert np.allclose(list(each.by_section.values()), -lost)


def test_a_difference_that_depends_on_the_section_is_not_shown() -> None:
    first, second = study(), study()
    turned = second.scores.assign(v_rand=second.scores["v_rand"].to_numpy()[::-1])
    found = differences(first, CrossValidation(turned, second.data))
    assert {each.verdict for each in found if each.score == "v_rand"} == {"no difference"}


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (lambda: study(pixels_sha256="cd" * 32), "different data"),
        (lambda: study(folds=4), "tested different sections: 6 and 8"),
        (lambda: study(places=["loihi"]), "no stage in common"),
    ],
)
def test_what_cannot_be_compared_is_refused(other, message) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ConfigError, match=message):
        differences(study(places=["ann"]), other())
