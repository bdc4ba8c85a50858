from __future__ import annotations

import logging
import shutil
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient
from prefect.exceptions import TerminationSignal

from spikeseg_core.config import PipelineConfig
from spikeseg_core.config.presets import preset
from spikeseg_core.errors import ConfigError, DataError
from spikeseg_core.stages import table as registry
from tasks import key
from tasks.folder import read_record
from tasks.local import state
from tasks.lookup import inputs_after
from tasks.mlflow import store as mlflow_store
from tasks.mlflow import tracking
from tasks.references import StageRef
from tasks.run_stage import run_stage
from tests.fakes import FakeStages

QUICK = preset("quick")


def changed(**sections: dict[str, object]) -> PipelineConfig:
    values = QUICK.model_dump()
    for name, section in sections.items():
        values[name] |= section
    return PipelineConfig.model_validate(values)


def run_up_to(last: str, config: PipelineConfig = QUICK) -> dict[str, StageRef]:
    refs: dict[str, StageRef] = {}
    for name, one in registry.STAGES.items():
        refs[name] = run_stage(name, config, *(refs[u] for u in one.upstream))
        if name == last:
            break
    return refs


def test_a_finished_stage_is_used_again(home: Path, fakes: FakeStages) -> None:
    first = run_up_to("benchmark")
    assert run_up_to("benchmark") == first
    assert set(fakes.calls) == set(registry.STAGES)
    assert set(fakes.calls.values()) == {1}


def test_changed_settings_rerun_only_what_depends_on_them(home: Path, fakes: FakeStages) -> None:
    run_up_to("benchmark")
    run_up_to("benchmark", changed(partition={"strategy": "greedy"}))
    again = {name for name, count in fakes.calls.items() if count == 2}
    assert again == {"partition", "deploy", "benchmark"}


def test_the_same_sections_from_another_source_are_the_same_data(
    home: Path, fakes: FakeStages
) -> None:
    run_up_to("train")
    run_up_to("train", changed(dataset={"source": "synthetic"}))
    assert fakes.calls == {"prepare": 2, "train": 1}


def test_a_vanished_folder_is_made_again(home: Path, fakes: FakeStages) -> None:
    refs = run_up_to("tune")
    shutil.rmtree(refs["train"].folder)
    assert run_up_to("tune")["train"].sha256 == refs["train"].sha256
    assert fakes.calls == {"prepare": 1, "train": 2, "tune": 1}


def test_changed_drawing_is_drawn_again_and_nothing_is_run(
    home: Path, fakes: FakeStages, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = run_up_to("train")["train"]
    before = read_record(ref.folder)
    code_digest = key.code_digest

    def changed_style(module: str) -> str:
        return code_digest(module) + ("x" if ".figures." in module else "")

    monkeypatch.setattr(key, "code_digest", changed_style)
    assert run_up_to("train")["train"] == ref
    assert fakes.calls == {"prepare": 1, "train": 1}
    assert fakes.drawn == {"prepare": 1, "train": 2}
    after = read_record(ref.folder)
    assert after.drawing != before.drawing
    assert after.outcome == before.outcome
    run_up_to("train")
    assert fakes.drawn["train"] == 2


def test_a_killed_stage_goes_on_where_it_was(home: Path, fakes: FakeStages) -> None:
    fakes.fail_once["train"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        run_up_to("train")
    ref = run_up_to("train")["train"]
    record = read_record(ref.folder)
    assert record.outcome.facts["resumed_at"] == 2
    assert not (ref.folder / "checkpoints").exists()
    client = MlflowClient(state.tracking_uri())
    history = client.get_metric_history(str(ref.mlflow_run_id), "train/loss")
    assert [(point.step, point.value) for point in history] == [(0, 1.0), (1, 0.5), (2, 1 / 3)]
    assert statuses("train") == ["FINISHED", "KILLED"]


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


def statuses(stage: str) -> list[str]:
    runs = MlflowClient(state.tracking_uri()).search_runs(
        ["1"], f"tags.`spikeseg.stage` = '{stage}'"
    )
    return sorted(run.info.status for run in runs)


def test_what_the_core_raises_comes_out_and_ends_the_run(home: Path, fakes: FakeStages) -> None:
    fakes.fail_once["prepare"] = DataError("no sections")
    with pytest.raises(DataError, match="no sections"):
        run_up_to("prepare")
    (run,) = MlflowClient(state.tracking_uri()).search_runs(["1"])
    assert run.info.status == "FAILED"
    assert run.data.tags["error"] == "DataError: no sections"


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


class TestMlflowAway:
    """MLflow that stops answering costs a warning, never the work."""

    @pytest.fixture
    def broken(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        asked: list[str] = []

        def client(self: mlflow_store.Store) -> MlflowClient:
            asked.append("client")
            raise ConnectionError("server gone")

        monkeypatch.setattr(mlflow_store.Store, "client", property(client))
        return asked

    def test_work_goes_on_with_one_warning(
        self,
        home: Path,
        fakes: FakeStages,
        broken: list[str],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        logging.getLogger("prefect").propagate = True
        with caplog.at_level(logging.WARNING, logger="prefect.spikeseg"):
            refs = run_up_to("tune")
        assert all(ref.mlflow_run_id is None for ref in refs.values())
        warnings = [r.getMessage() for r in caplog.records if "MLflow" in r.getMessage()]
        assert len(warnings) == 1
        assert "server gone" in warnings[0]
        assert "The work goes on" in warnings[0]

    def test_what_it_missed_is_logged_when_it_answers_again(
        self, home: Path, fakes: FakeStages, monkeypatch: pytest.MonkeyPatch
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

    def test_a_failure_while_curves_are_sent_loses_none(
        self, home: Path, fakes: FakeStages, monkeypatch: pytest.MonkeyPatch
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


class TestOneStageAlone:
    """The stages before it are found by run id, or the newest, here or in MLflow."""

    def test_the_newest_stage_before_it(self, home: Path, fakes: FakeStages) -> None:
        refs = run_up_to("partition")
        found = inputs_after("deploy")
        assert [ref.stage for ref in found] == ["prepare", "tune", "quantize", "partition"]
        assert [ref.key for ref in found] == [refs[ref.stage].key for ref in found]

    def test_the_run_that_is_named(self, home: Path, fakes: FakeStages) -> None:
        old = run_up_to("train")
        run_up_to("train", changed(train={"epochs": 3}))
        found = inputs_after("tune", str(old["train"].mlflow_run_id))
        assert found[1].key == old["train"].key

    def test_a_pipelines_run(self, home: Path, fakes: FakeStages) -> None:
        with tracking.pipeline_run(QUICK, "test") as pipeline:
            refs = run_up_to("train")
            pipeline.complete(refs.values())
        assert pipeline.run is not None
        assert inputs_after("tune", pipeline.run.id)[1].key == refs["train"].key

    def test_folders_that_are_gone_come_from_mlflow(self, home: Path, fakes: FakeStages) -> None:
        refs = run_up_to("convert")
        shutil.rmtree(home / "stages")
        found = inputs_after("quantize", str(refs["convert"].mlflow_run_id))
        assert [ref.stage for ref in found] == ["tune", "convert"]
        assert (found[0].folder / "made.npz").is_file()
        assert found[0].sha256 == refs["tune"].sha256

    def test_a_run_of_another_stage(self, home: Path, fakes: FakeStages) -> None:
        run_id = str(run_up_to("tune")["prepare"].mlflow_run_id)
        with pytest.raises(ConfigError, match=f"{run_id} is of 'prepare', not of 'partition'"):
            inputs_after("deploy", run_id)

    def test_no_such_run(self, home: Path, fakes: FakeStages) -> None:
        with pytest.raises(ConfigError, match="there is no run 'nonsense'"):
            inputs_after("tune", "nonsense")

    def test_nothing_finished_yet(self, home: Path) -> None:
        with pytest.raises(ConfigError, match="'train' follows 'prepare', but no finished stage"):
            inputs_after("train")


def test_a_missing_input_is_named(home: Path, fakes: FakeStages) -> None:
    with pytest.raises(ConfigError, match="stage 'train' reads 'prepare', which was not given"):
        run_stage("train", QUICK)


def test_an_input_that_is_nowhere(home: Path, fakes: FakeStages) -> None:
    lost = StageRef(stage="prepare", key="k", uri=(home / "gone").as_uri(), sha256="s")
    with pytest.raises(ConfigError, match=r"'prepare' is gone .* run the pipeline again"):
        run_stage("train", QUICK, lost)
