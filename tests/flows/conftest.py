from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from flows.pipeline import pipeline
from tasks import run_stage
from tasks.mlflow import models
from tests.fakes import FakeStages
from tests.spikeseg_core.report.recorded import short_summary


@pytest.fixture
def summary() -> dict[str, Any]:
    return short_summary()


@pytest.fixture(scope="session")
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
        return folder, pipeline(preset="quick")


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
