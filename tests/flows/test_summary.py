from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from mlflow.tracking import MlflowClient

from spikeseg_core.stages import table as registry
from tests.flows.pages import artifacts, task_states

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
    assert json.loads(written.read_text()) == first
    assert task_states(first["prefect"]["flow_run_id"]) == {"Completed": 8}


def test_mlflow_has_the_pipeline_and_its_children(first: dict[str, Any]) -> None:
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


def test_prefects_page_has_progress_metrics_and_the_way_to_mlflow(first: dict[str, Any]) -> None:
    found = artifacts(first["prefect"]["flow_run_id"])
    for stage in registry.STAGES:
        assert found[f"progress-{stage}"].data == 100
        assert first["mlflow"]["run_ids"][stage] in str(found[f"stage-{stage}"].data)
    assert first["mlflow"]["run_id"] in str(found["pipeline"].data)
