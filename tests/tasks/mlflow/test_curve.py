from __future__ import annotations

from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from tasks.local import state
from tasks.mlflow import store as mlflow_store
from tasks.mlflow.curve import Curve, read_curve
from tests.fakes import FakeStages
from tests.tasks.runs import run_up_to


def test_a_failure_while_curves_are_sent_loses_none(
    home: Path, fakes: FakeStages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.mlflow.curve.SECONDS_BETWEEN_BATCHES", 0.0)
    monkeypatch.setattr(mlflow_store.Store.try_again, "__defaults__", (0.0,))
    real = mlflow_store.Run.metrics
    failures = iter([True])

    def metrics(self: mlflow_store.Run, points: object) -> None:
        if next(failures, False):
            raise ConnectionError("once")
        real(self, points)  # type: ignore[arg-type]

    monkeypatch.setattr(mlflow_store.Run, "metrics", metrics)
    ref = run_up_to("prepare")["prepare"]
    client = MlflowClient(state.tracking_uri())
    history = client.get_metric_history(str(ref.mlflow_run_id), "train/loss")
    assert [point.step for point in history] == [0, 1, 2]


def test_repeated_steps_count_once_and_a_cut_line_is_dropped(tmp_path: Path) -> None:
    for value, step in ((1.0, 0), (0.5, 1), (0.4, 1), (float("nan"), 2)):
        Curve(tmp_path).add("loss", value, step)
    with (tmp_path / "curves.jsonl").open("a") as file:
        file.write('["loss", 0.3')
    assert [point[:3] for point in read_curve(tmp_path)] == [
        ("loss", 1.0, 0),
        ("loss", 0.4, 1),
        ("loss", None, 2),
    ]
    assert Curve(tmp_path).last_step("lo") == 2
    assert Curve(tmp_path).last_step("x") == -1
