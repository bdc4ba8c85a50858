from __future__ import annotations

import numpy as np
import pandas as pd

from spikeseg_core.sweep.definition import Choice, Goal, Picture, Sweep
from spikeseg_core.sweep.points import expand
from spikeseg_core.sweep.table import Outcome, point_table, run_table

SCORE = "loihi/validation/v_rand"
SWEEP = Sweep(
    grid={"quantize.weight_bits": (4, 6, 8)},
    seeds=(0, 1),
    metrics=("loihi/test/v_rand",),
    picture=Picture(x=Goal(metric="quantize/mapping/cores", goal="minimize"), y=Goal(metric=SCORE)),
    choice=Choice(best=Goal(metric=SCORE)),
)
POINTS = expand(SWEEP)


def found(score: float, test: float | None = 0.9) -> Outcome:
    metrics = {SCORE: score, "loihi/test/v_rand": test, "quantize/mapping/cores": 70.0}
    return Outcome(metrics, minutes=2.0)


def outcomes() -> dict[tuple[str, int], Outcome]:
    bad, mixed, good = (point.name for point in POINTS)
    return {
        (bad, 0): Outcome(error="does not fit: 300 cores needed, the board has 256"),
        (bad, 1): Outcome(error="does not fit: 300 cores needed, the board has 256"),
        (mixed, 0): found(0.8),
        (mixed, 1): Outcome(error="failed: OSError: disk | full"),
        (good, 0): found(0.9),
        (good, 1): found(0.94, None),
    }


def table() -> pd.DataFrame:
    bad, mixed, good = (point.name for point in POINTS)
    return point_table(SWEEP, POINTS, outcomes(), {bad: 300, mixed: 72, good: None})


def test_medians_spread_front_and_choice() -> None:
    rows = table()
    assert rows["seeds"].tolist() == [0, 1, 2]
    assert rows["status"].tolist() == [
        "does not fit: 300 cores needed, the board has 256",
        "seed 1: failed: OSError: disk | full",
        "done",
    ]
    assert rows["cores_needed"].tolist() == [300, 72, pd.NA]
    np.testing.assert_allclose(rows[SCORE], [np.nan, 0.8, 0.92])
    np.testing.assert_allclose(rows[f"{SCORE} (min)"], [np.nan, 0.8, 0.9])
    np.testing.assert_allclose(rows[f"{SCORE} (max)"], [np.nan, 0.8, 0.94])
    assert rows["front"].tolist() == [False, False, True]
    assert rows["chosen"].tolist() == [False, False, True]


def test_every_run_is_a_row(tmp_path) -> None:  # type: ignore[no-untyped-def]
    rows = run_table(POINTS, outcomes())
    assert rows["seed"].tolist() == [0, 1] * 3
    assert rows["quantize.weight_bits"].tolist() == ["4", "4", "6", "6", "8", "8"]
    rows.to_parquet(tmp_path / "runs.parquet")


def test_a_sweep_of_which_all_failed() -> None:
    failed = {key: Outcome(error="failed: no") for key in outcomes()}
    rows = point_table(SWEEP, POINTS, failed, {})
    assert not rows["front"].any()
    assert not rows["chosen"].any()
    assert set(rows["status"]) == {"failed: no"}
