from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from mlflow.tracking import MlflowClient
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    FlowRunFilter,
    FlowRunFilterId,
)
from prefect.client.schemas.sorting import TaskRunSort

from flows import stages
from flows.pipeline import pipeline
from spikeseg_core.config import PipelineConfig, TuneConfig
from spikeseg_core.config.presets import preset
from spikeseg_core.errors import ConfigError
from spikeseg_core.stages import table as registry
from tasks import run_stage
from tasks.local import state
from tasks.mlflow import models
from tests.fakes import FakeStages

pytestmark = pytest.mark.usefixtures("prefect_server")


@pytest.fixture(scope="module")
def finished(
    tmp_path_factory: pytest.TempPathFactory, mlflow_database: Path, prefect_server: None
) -> tuple[Path, dict[str, Any]]:
    """State folder and summary of one whole run, which the tests copy."""
    folder = tmp_path_factory.mktemp("finished")
    shutil.copy(mlflow_database, folder / "mlflow.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPIKESEG_HOME", str(folder))
        FakeStages().put_in_place(patch)
        patch.setattr(models, "log", lambda *model: None)
        patch.setattr(run_stage, "SECONDS_BETWEEN_ARTIFACTS", 0.0)
        return folder, pipeline(preset("quick"))


@pytest.fixture
def first(
    finished: tuple[Path, dict[str, Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fakes: FakeStages,
) -> dict[str, Any]:
    """The summary of a finished run, in a state folder that has been moved here."""
    folder, summary = finished
    shutil.copytree(folder, tmp_path / "state")
    monkeypatch.setenv("SPIKESEG_HOME", str(tmp_path / "state"))
    return summary


def task_states(summary: dict[str, Any]) -> Counter[str]:
    """How the tasks of the run ended, as Prefect's page shows it."""
    filters = FlowRunFilter(id=FlowRunFilterId(any_=[summary["prefect"]["flow_run_id"]]))
    with get_client(sync_client=True) as client:
        runs = client.read_task_runs(
            flow_run_filter=filters, sort=TaskRunSort.END_TIME_DESC, limit=50
        )
    return Counter(str(run.state_name) for run in runs)


class TestSummary:
    def test_it_has_all_five_segmentations_mapping_and_energy(self, first: dict[str, Any]) -> None:
        assert list(first["stages"]) == ["ann", "rate_tuned", "snn_rate", "snn_spiking", "loihi"]
        assert first["stages"]["ann"]["test/pixel_accuracy"] == 0.91
        assert first["stages"]["loihi"]["spikes/mean_rate_hz"] == 17.0
        assert first["mapping"]["chips"] == 1
        assert first["mapping"]["cores"] == 37
        assert {figure["basis"] for figure in first["energy"]["figures"]} == {"modelled"}
        assert first["dataset"]["synthetic"] is True
        assert set(first["minutes"]) == set(registry.STAGES)
        assert first["reused"] == []
        json.dumps(first, allow_nan=False)

        written = Path(first["report"]).with_name("summary.json")
        assert json.loads(written.read_text()) == first
        assert task_states(first) == {"Completed": 8}

    def test_mlflow_has_the_pipeline_and_its_children(self, first: dict[str, Any]) -> None:
        client = MlflowClient(first["mlflow"]["tracking_uri"])
        parent = client.get_run(first["mlflow"]["run_id"])
        assert parent.info.status == "FINISHED"
        assert parent.data.tags["synthetic"] == "true"
        assert parent.data.tags["prefect.flow_run_id"] == first["prefect"]["flow_run_id"]
        assert parent.data.params["tune.rate_max_hz"] == "200.0"
        children = client.search_runs(
            ["1"], f"tags.`mlflow.parentRunId` = '{first['mlflow']['run_id']}'"
        )
        assert Counter(run.data.tags["spikeseg.stage"] for run in children) == Counter(
            [*registry.STAGES, "convert", "convert"]
        )
        names = {item.path for item in client.list_artifacts(first["mlflow"]["run_id"])}
        assert names == {"report.html", "report.md", "summary.json"}

    def test_prefects_page_has_progress_metrics_and_the_way_to_mlflow(
        self, first: dict[str, Any]
    ) -> None:
        run_id = UUID(first["prefect"]["flow_run_id"])
        filters = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run_id]))
        with get_client(sync_client=True) as client:
            found = {a.key: a for a in client.read_artifacts(artifact_filter=filters, limit=100)}
        for stage in registry.STAGES:
            assert found[f"progress-{stage}"].data == 100
            assert first["mlflow"]["run_ids"][stage] in str(found[f"stage-{stage}"].data)
        assert first["mlflow"]["run_id"] in str(found["pipeline"].data)


class TestAgain:
    def test_every_stage_is_cached_in_prefect(
        self, first: dict[str, Any], fakes: FakeStages
    ) -> None:
        again = pipeline(preset("quick"))
        assert task_states(again) == {"Cached": 8}
        assert again["reused"] == list(registry.STAGES)
        assert again["mlflow"]["run_ids"] == first["mlflow"]["run_ids"]
        assert not fakes.calls

    def test_a_vanished_folder_is_computed_again(
        self, first: dict[str, Any], fakes: FakeStages
    ) -> None:
        (folder,) = state.current().stages.glob("deploy-*")
        shutil.rmtree(folder)
        again = pipeline(preset("quick"))
        assert fakes.calls == {"deploy": 1}
        assert set(registry.STAGES) - set(again["reused"]) == {"deploy"}


def test_a_network_failure_is_tried_again(home: Path, fakes: FakeStages) -> None:
    fakes.fail_once["prepare"] = ConnectionResetError("the mirror hung up")
    summary = pipeline(preset("quick"))
    assert fakes.calls["prepare"] == 2
    assert summary["stages"]["ann"]


def test_a_users_mistake_is_not(home: Path, fakes: FakeStages) -> None:
    fakes.fail_once["prepare"] = ConfigError("no such thing")
    with pytest.raises(ConfigError, match="no such thing"):
        pipeline(preset("quick"))
    assert fakes.calls == {"prepare": 1}


def test_a_killed_run_goes_on(home: Path, fakes: FakeStages) -> None:
    fakes.fail_once["train"] = RuntimeError("out of memory")
    with pytest.raises(RuntimeError):
        pipeline(preset("quick"))
    pipeline(preset("quick"))
    assert fakes.calls == Counter(list(registry.STAGES)) + Counter(["train"])


def test_a_preset_by_name_is_the_whole_preset(home: Path, fakes: FakeStages) -> None:
    summary = pipeline(PipelineConfig.model_validate({"preset": "paper"}))
    assert summary["config"] == preset("paper").model_dump(mode="json")


def test_values_out_of_bounds_never_start(home: Path, fakes: FakeStages) -> None:
    from prefect.exceptions import ParameterTypeError

    with pytest.raises(ParameterTypeError):
        pipeline({"train": {"epochs": 0}})  # type: ignore[arg-type]
    assert not fakes.calls


class TestOneStageAlone:
    def test_it_takes_the_newest_and_the_settings_of_those_before(
        self, first: dict[str, Any], fakes: FakeStages
    ) -> None:
        ref = stages.tune(TuneConfig(epochs=2))
        assert fakes.calls == {"tune": 1}
        assert ref.inputs.keys() == {"prepare", "train"}
        after = stages.convert(after=ref.mlflow_run_id)
        assert after.inputs["tune"] == ref.key
        assert fakes.calls == {"tune": 1, "convert": 1}

    def test_a_benchmark_is_measured_again_if_asked(
        self, first: dict[str, Any], fakes: FakeStages
    ) -> None:
        ref = stages.benchmark(again=True)
        assert fakes.calls == {"benchmark": 1}
        assert ref.mlflow_run_id not in (None, first["mlflow"]["run_ids"]["benchmark"])

    def test_with_the_same_settings_nothing_is_done(
        self, first: dict[str, Any], fakes: FakeStages
    ) -> None:
        stages.prepare()
        stages.benchmark()
        assert not fakes.calls
