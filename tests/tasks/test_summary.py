from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from mlflow.tracking import MlflowClient

from spikeseg_core.config import PipelineConfig, presets
from spikeseg_core.report.seal import seal_of
from spikeseg_core.stages import table as registry
from tasks.mlflow.store import RUNS_TAG, by_stage
from tests.flows.pages import artifacts, task_runs, task_states

pytestmark = pytest.mark.usefixtures("prefect_server")


def test_it_has_all_five_segmentations_mapping_and_energy(first: dict[str, Any]) -> None:
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
    assert json.loads(written.read_text()) == {**first, "seal": seal_of(first)}
    assert task_states(first["prefect"]["flow_run_id"]) == {"Completed": 8}


def test_mlflow_has_the_pipeline_and_its_children(first: dict[str, Any]) -> None:
    client = MlflowClient(first["mlflow"]["tracking_uri"])
    parent = client.get_run(first["mlflow"]["run_id"])
    assert parent.info.status == "FINISHED"
    assert parent.data.tags["synthetic"] == "true"
    assert parent.data.tags["prefect.flow_run_id"] == first["prefect"]["flow_run_id"]
    always = {"preset", "dataset.source", "train.seed", "train.epochs", "presentation.steps"}
    changed = presets.changes(PipelineConfig.model_validate(first["config"]))
    assert set(parent.data.params) == always | set(changed)
    path = client.download_artifacts(parent.info.run_id, "settings.json")
    assert json.loads(Path(path).read_text())["tune.rate_max_hz"] == 200.0
    children = client.search_runs(
        ["1"], f"tags.`mlflow.parentRunId` = '{first['mlflow']['run_id']}'"
    )
    assert Counter(run.data.tags["spikeseg.stage"] for run in children) == Counter(
        [*registry.STAGES, "convert", "convert"]
    )
    names = {item.path for item in client.list_artifacts(first["mlflow"]["run_id"])}
    files = {"report.html", "report.md", "summary.json", "provenance.json", "settings.json"}
    assert names == files | {"images"}
    assert len(parent.data.tags) < 20
    assert by_stage(parent.data.tags, RUNS_TAG) == first["mlflow"]["run_ids"]


def test_the_pipelines_own_run_shows_what_came_out(first: dict[str, Any]) -> None:
    client = MlflowClient(first["mlflow"]["tracking_uri"])
    run = client.get_run(first["mlflow"]["run_id"])
    assert run.info.run_name == "quick-synthetic-seed0"
    assert run.data.metrics == {
        "ann/pixel_accuracy": 0.91,
        "ann/v_rand": 0.97,
        "chip/pixel_accuracy": 0.91,
        "chip/v_rand": 0.97,
        "change/pixel_accuracy": 0.0,
        "change/v_rand": 0.0,
        "rates/mean_hz": 17.0,
        "energy/chip_mj": 7.5,
        "energy/chip_with_host_mj": 10.0,
        "energy/cpu_mj": 30.0,
        "energy/cpu_over_chip": 4.0,
        "mapping/cores": 37.0,
        "mapping/chips": 1.0,
        "mapping/interchip_messages": 0.0,
        "presentation/steps": 100.0,
        "minutes": pytest.approx(sum(first["minutes"].values())),
    }
    told = run.data.tags["mlflow.note.content"]
    assert "SYNTHETIC DATA" in told
    assert "**quick-synthetic-seed0**: on the test sections, pixel accuracy 0.9100" in told
    assert "CPU over chip 4 (chip modelled, chip with host modelled, cpu modelled (time" in told
    pictures = [item.path for item in client.list_artifacts(run.info.run_id, "images")]
    assert {re.split("[/%+]", path)[1] for path in pictures} == {
        "pictures~energy",
        "pictures~mapping",
    }
    (dataset,) = run.inputs.dataset_inputs
    assert (dataset.dataset.name, dataset.dataset.digest) == ("synthetic", "abababab")


def test_prefects_page_has_progress_metrics_and_the_way_to_mlflow(first: dict[str, Any]) -> None:
    found = artifacts(first["prefect"]["flow_run_id"])
    for stage in registry.STAGES:
        assert found[f"progress-{stage}"].data == 100
        assert first["mlflow"]["run_ids"][stage] in str(found[f"stage-{stage}"].data)
        assert "![" in found[f"stage-{stage}"].data
    assert first["mlflow"]["run_id"] in str(found["pipeline"].data)
    assert "| pixel accuracy | 0.9100 | 0.9100 | +0.0000 |" in found["pipeline"].data
    assert all(artifact.description for artifact in found.values())
    whole = found["progress"]
    assert (whole.data, whole.description) == (100.0, "stage 8 of 8, 100 %")


def test_the_graph_is_a_chain(first: dict[str, Any]) -> None:
    runs = sorted(task_runs(first["prefect"]["flow_run_id"]), key=lambda run: run.start_time)
    waited = [[str(each.id) for each in run.task_inputs.get("wait_for", [])] for run in runs]
    assert waited == [[], *([str(run.id)] for run in runs[:-1])]
    others = {name for run in runs for name, found in run.task_inputs.items() if found}
    assert others == {"wait_for"}
