from __future__ import annotations

from spikeseg_core.report.claims import claim_table
from spikeseg_core.sweep.claims import over_folds
from tests.spikeseg_core.sweep.test_claims import claim, scores


def test_a_row_is_a_presentation_and_a_column_an_accounting() -> None:
    about = {"presentation": "deployed", "baseline": "CPU, int8"}
    claims = [
        claim(10, 25, idle="dynamic", **about),
        claim(20, 25, idle="total", **about),
        claim(40, 25, idle="dynamic", **about | {"host": True}),
    ]
    table = claim_table(over_folds([claims], scores(0)))
    assert table.heading == ["Loihi", "against", "dynamic", "total", "equal accuracy"]
    assert table.rows == [
        ["Loihi, deployed", "CPU, int8", "2.5 (25.0 / 10.0)", "1.2 (25.0 / 20.0)", "yes"],
        ["Loihi, deployed, with host", "CPU, int8", "0.62 (25.0 / 40.0)", None, "yes"],
    ]


def test_a_loss_beyond_its_margin_and_a_busy_machine_are_told() -> None:
    (row,) = claim_table(over_folds([[claim(10, 25) | {"busy": True}]], scores(-0.004))).rows
    assert row[2] == "busy"
    assert row[-1] == "no: pixel accuracy -0.0040 [-0.0040, -0.0040]"
    assert claim_table([]).rows == []
