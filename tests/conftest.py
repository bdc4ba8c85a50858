"""One state folder and one Prefect server for the whole test run."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.fakes import FakeStages

# Prefect and MLflow read these when they are first imported, which collecting the tests does.
_HOME = tempfile.mkdtemp(prefix="spikeseg-tests-")
os.environ["SPIKESEG_HOME"] = _HOME
for _name in ("PREFECT_API_URL", "PREFECT_HOME", "MLFLOW_TRACKING_URI", "SPIKESEG_CACHE_DIR"):
    os.environ.pop(_name, None)
os.environ["DO_NOT_TRACK"] = "1"

import tasks  # noqa: E402, F401 - sets where Prefect keeps its data


def pytest_sessionfinish() -> None:
    shutil.rmtree(_HOME, ignore_errors=True)


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[None]:
    """Prefect's test server; there is only one because it is slow to start."""
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=280):
        yield


@pytest.fixture(scope="session")
def mlflow_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty MLflow database to copy, because creating one takes seconds."""
    from mlflow.tracking import MlflowClient

    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mlflow_database: Path) -> Path:
    """A new state folder with an MLflow database."""
    folder = tmp_path / "state"
    folder.mkdir()
    shutil.copy(mlflow_database, folder / "mlflow.db")
    monkeypatch.setenv("SPIKESEG_HOME", str(folder))
    return folder


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> FakeStages:
    """Tiny stages in place of the real ones; MLflow is given no models, since they make none."""
    from tasks.mlflow import models
    from tests.fakes import FakeStages

    stages = FakeStages()
    stages.put_in_place(monkeypatch)
    monkeypatch.setattr(models, "log", lambda *model: None)
    return stages


@pytest.fixture
def fresh_console() -> None:
    """A console that writes to the standard error that the test captures."""
    from tasks.terminal import console

    console.cache_clear()


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
