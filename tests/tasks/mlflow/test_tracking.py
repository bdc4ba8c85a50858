from __future__ import annotations

from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient
from prefect.exceptions import TerminationSignal

from tasks.local import state
from tasks.mlflow import store as mlflow_store
from tasks.mlflow import tracking
from tasks.mlflow.store import RUNS_TAG, by_stage
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


def removed(run_id: str, how: str) -> None:
    """Delete a run as a user or ``mlflow gc`` does, or with all its experiment."""
    client = MlflowClient(state.tracking_uri())
    if how == "experiment":
        client.delete_experiment("1")
        return
    client.delete_run(run_id)
    if how == "gone":
        client._tracking_client.store._hard_delete_run(run_id)


@pytest.mark.parametrize("how", ["deleted", "gone", "experiment"])
@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_a_stage_whose_run_was_removed_is_logged_anew(
    how: str, when: str, home: Path, fakes: FakeStages
) -> None:
    with tracking.pipeline_run(QUICK, "first") as first:
        old = first.complete(run_up_to("train").values())
    removed_id = str(old[1].mlflow_run_id)
    if when == "before":
        removed(removed_id, how)
    with tracking.pipeline_run(QUICK, "again") as again:
        refs = run_up_to("train")
        if when == "meanwhile":
            removed(removed_id, how)
        new = again.complete(refs.values())
    assert fakes.calls == {"prepare": 1, "train": 1}
    assert again.run is not None
    client = MlflowClient(state.tracking_uri())
    pipeline = client.get_run(again.run.id)
    assert (pipeline.info.status, pipeline.info.lifecycle_stage) == ("FINISHED", "active")
    assert by_stage(pipeline.data.tags, RUNS_TAG) == {r.stage: r.mlflow_run_id for r in new}
    assert new[1].mlflow_run_id != removed_id
    run = client.get_run(str(new[1].mlflow_run_id))
    assert (run.info.status, run.info.lifecycle_stage) == ("FINISHED", "active")
    assert run.data.metrics["test/pixel_accuracy"] == 0.91
    assert len(client.get_metric_history(run.info.run_id, "train/loss")) == 3
    assert client.list_artifacts(run.info.run_id, "stage")
    active = {r.info.run_id for r in client.search_runs(["1"])}
    assert removed_id not in active
    assert (str(old[0].mlflow_run_id) in active) is (how != "experiment")


def test_an_interrupted_run_that_was_removed_does_not_stop_the_next(
    home: Path, fakes: FakeStages
) -> None:
    fakes.fail_once["train"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt), tracking.pipeline_run(QUICK, "first") as first:
        run_up_to("train")
    assert first.run is not None
    for run in MlflowClient(state.tracking_uri()).search_runs(["1"]):
        removed(run.info.run_id, "gone")
    with tracking.pipeline_run(QUICK, "again") as again:
        again.complete(run_up_to("train").values())
    assert statuses("pipeline") == statuses("train") == ["FINISHED"]
