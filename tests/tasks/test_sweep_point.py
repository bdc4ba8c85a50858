from __future__ import annotations

from pathlib import Path

from tasks.mlflow.store import Run, store
from tasks.sweep_point import run_point
from tests.fakes import FakeStages
from tests.tasks.runs import QUICK, changed


def test_a_point_runs_up_to_its_last_stage_below_the_sweep(home: Path, fakes: FakeStages) -> None:
    parent = Run.create(store(), "a sweep", {}, None).id
    found = run_point.fn(QUICK, "tune", "a point", 0, parent)
    assert list(found.stages) == list(fakes.calls) == ["prepare", "train", "tune"]
    assert found.metrics["ann/test/v_rand"] == found.metrics["rate_tuned/test/v_rand"] == 0.97
    assert found.metrics["estimate/loihi_total_mj"] > 0
    assert found.minutes > 0
    assert {row["segmentation"] for row in found.sections} == {"ann", "rate_tuned"}
    assert found.data["source"] == "synthetic"
    tags = store().client.get_run(str(found.stages["tune"].mlflow_run_id)).data.tags
    assert tags["mlflow.parentRunId"] == parent
    assert run_point.fn(QUICK, "tune", "a point", 0, parent).stages == found.stages
    assert set(fakes.calls.values()) == {1}


def test_a_fold_is_scored_with_agglomerated_cells_too(home: Path, fakes: FakeStages) -> None:
    config = changed(dataset={"folds": 3, "fold": 1})
    found = {
        row["segmentation"] for row in run_point.fn(config, "deploy", "fold", 0, None).sections
    }
    assert "loihi_agglomerated" in found
    alone = {row["segmentation"] for row in run_point.fn(QUICK, "deploy", "a", 0, None).sections}
    assert "loihi_agglomerated" not in alone
