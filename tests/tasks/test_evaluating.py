from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from flows import cli
from tasks import finished
from tasks.mlflow.store import PARENT_TAG, STAGE_TAG, Run, store
from tasks.references import StageRef
from tests.spikeseg_core.data.inputs import COUNT, GREY, MASKS, pair_of
from tests.spikeseg_core.inference.test_evaluating import DARK


def test_a_model_is_scored_on_other_sections_and_logged_beside_its_run(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run.create(store(), "train", {STAGE_TAG: "train"}, None)
    ref = StageRef(
        stage="train", key="ab" * 32, uri="file:///x", sha256="", mlflow_run_id=run.id, inputs={}
    )
    monkeypatch.setattr(finished, "network_of", lambda model, engine: ("ann", ref))
    monkeypatch.setattr(finished, "load", lambda kind, ref: DARK)
    folder = pair_of(tmp_path / "other", GREY, MASKS)
    written = tmp_path / "scores.json"
    words = ["evaluate", "paper@champion", str(folder), "--json", str(written)]
    result = CliRunner().invoke(cli.app, words)
    assert result.exit_code == 0, result.output or result.exception
    assert "mean, 95" in result.output
    assert "the model's is 0.8" in result.output
    found: dict[str, Any] = json.loads(written.read_text())
    assert len(found["sections"]) == COUNT
    assert found["evaluated_run_id"] == run.id
    logged = store().client.get_run(found["mlflow_run_id"])
    assert logged.data.tags[PARENT_TAG] == run.id
    assert logged.data.metrics["test/v_rand"] == pytest.approx(found["scores"]["v_rand"])
    assert logged.data.metrics["test/v_rand_low"] <= logged.data.metrics["test/v_rand_high"]
    assert logged.inputs.dataset_inputs[0].dataset.name == "other"
    assert logged.info.status == "FINISHED"
