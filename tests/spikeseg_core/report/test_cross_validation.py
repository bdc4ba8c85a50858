"""Cross-validations in tables and sentences."""

from __future__ import annotations

from spikeseg_core.report.cross_validation import (
    basis,
    change_table,
    difference_table,
    score_table,
    sentence,
    step_table,
)
from spikeseg_core.sweep.cross_validation import differences
from tests.spikeseg_core.sweep.test_cross_validation import study


def test_tables_of_stages_changes_and_steps() -> None:
    tested = study()
    scores = score_table(tested)
    assert scores.heading == ["stage", "pixel accuracy", "membrane IoU", "V_Rand", "V_Info"]
    assert [row[0] for row in scores.rows] == ["ANN", "Loihi, spikes and integers"]
    assert str(scores.rows[0][3]).startswith("0.9255 [0.9")
    (change,) = change_table(tested).rows
    assert change[1:] == ["-0.0200 [-0.0200, -0.0200]"] * 4
    assert len(step_table(tested).rows) == 3


def test_what_it_rests_on_is_said_and_synthetic_data_is_marked() -> None:
    said = basis(study())
    assert "made up. 3 folds over 6 sections, each tested once, seeds 0, 1" in said
    assert "measured" in said
    assert "SYNTHETIC" not in said
    assert basis(study(synthetic=True)).startswith("SYNTHETIC DATA")


def test_a_sentence_says_whether_it_is_a_difference() -> None:
    same, lower = differences(study(), study())[0], differences(study(), study(lost=0.002))[0]
    assert sentence(same) == "pixel accuracy of ANN: the same in every section."
    assert sentence(lower) == (
        "pixel accuracy of ANN: B is lower than A by -0.0020 [-0.0020, -0.0020], lower in 6 of 6 "
        "sections."
    )
    table = difference_table(differences(study(), study()))
    assert [row[0] for row in table.rows] == ["ANN", "Loihi, spikes and integers"]
