from __future__ import annotations

from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient
from prefect.exceptions import TerminationSignal

from tasks.local import state
from tasks.mlflow import store as mlflow_store
from tasks.mlflow import tracking
from tests.fakes import FakeStages
from tests.tasks.runs import QUICK, run_up_to, statuses


def test_a_cancel_kills_the_runs_of_stage_and_pipeline(home: Path, fakes: FakeStages) -> None:
    fakes.fail_once["train"] = TerminationSignal(15)
    with pytest.raises(TerminationSignal), tracking.pipeline_run(QUICK, "cancelled"):
        run_up_to("train")
    assert statuses("pipeline") == statuses("train") == ["KILLED"]


def test_what_was_killed_without_a_word_is_ended_by_the_next_run(
    home: Path, fakes: FakeStages, monkeypatch: pytest.MonkeyPatch
) -> None:
    fakes.fail_once["train"] = KeyboardInterrupt()
    with monkeypatch.context() as killed, pytest.raises(KeyboardInterrupt):
        killed.setattr(mlflow_store.Run, "end", lambda self, status="FINISHED": None)
        with tracking.pipeline_run(QUICK, "killed"):
            run_up_to("train")
    assert statuses("pipeline") == statuses("train") == ["RUNNING"]
    with tracking.pipeline_run(QUICK, "again"):
        run_up_to("train")
        assert statuses("pipeline") == ["KILLED", "RUNNING"]
    assert statuses("pipeline") == statuses("train") == ["FINISHED", "KILLED"]


def test_mlflow_has_all_of_a_stage(home: Path, fakes: FakeStages) -> None:
    ref = run_up_to("train")["train"]
    client = MlflowClient(state.tracking_uri())
    run = client.get_run(str(ref.mlflow_run_id))
    tags = run.data.tags
    assert (tags["spikeseg.stage"], tags["stage"], tags["spikeseg.key"]) == (
        "train",
        "ann",
        ref.key,
    )
    assert tags["synthetic"] == "true"
    assert tags["dataset.sha256"] == "ab" * 32
    assert tags["spikeseg.version"]
    assert run.data.metrics["test/pixel_accuracy"] == 0.91
    assert run.data.params["train.epochs"] == str(QUICK.train.epochs)
    (dataset,) = run.inputs.dataset_inputs
    assert dataset.dataset.name == "synthetic"
    names = {item.path for item in client.list_artifacts(run.info.run_id, "stage")}
    assert {"stage/stage.json", "stage/made.npz"} <= names
    assert [item.path for item in client.list_artifacts(run.info.run_id, "figures")] == [
        "figures/train-picture.png"
    ]


def test_two_segmentations_of_one_stage_have_a_run_each(home: Path, fakes: FakeStages) -> None:
    run_up_to("convert")
    client = MlflowClient(state.tracking_uri())
    found = {
        run.data.tags["stage"]: run
        for run in client.search_runs(["1"], "tags.`spikeseg.stage` = 'convert'")
    }
    assert set(found) == {"convert", "snn_rate", "snn_spiking"}
    assert found["snn_spiking"].data.metrics["spikes/mean_rate_hz"] == 17.0
    assert "test/v_rand" not in found["convert"].data.metrics
    for run in found.values():
        assert [d.dataset.name for d in run.inputs.dataset_inputs] == ["synthetic"]


def test_what_it_missed_is_logged_when_it_answers_again(
    home: Path, fakes: FakeStages, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as away:
        away.setattr(
            mlflow_store.Store, "client", property(lambda self: (_ for _ in ()).throw(OSError))
        )
        with tracking.pipeline_run(QUICK, "test") as pipeline:
            refs = run_up_to("tune")
            away.undo()
            completed = pipeline.complete(refs.values())
    client = MlflowClient(state.tracking_uri())
    parent = client.search_runs(["1"], "tags.`spikeseg.stage` = 'pipeline'")[0]
    for ref in completed:
        run = client.get_run(str(ref.mlflow_run_id))
        assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert len(client.get_metric_history(run.info.run_id, "train/loss")) == 3
    assert fakes.calls == {"prepare": 1, "train": 1, "tune": 1}
