"""One state folder and one Prefect server for the whole test run."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

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

# isort: split
# Before TensorFlow: it closes the log handlers that it finds, and that of TensorFlow takes the
# captured standard error with it.
import prefect.main  # noqa: E402, F401

SHARED = {
    "tests/flows/": "Prefect",
    "tests/tasks/prefect/": "Prefect",
    "tests/tasks/test_compare.py": "Prefect",
    "tests/tasks/test_summary.py": "Prefect",
    "tests/tasks/local/test_clean.py": "Prefect",
    "tests/spikeseg_core/stages/": "stages",
    "tests/spikeseg_core/report/": "report",
}
"""Tests that share a fixture which takes many seconds to make: one worker gets them all."""

LONGEST = ("tests/spikeseg_core/ann/", "tests/tasks/", "tests/spikeseg_core/loihi/")
"""Folders whose tests begin right after those of :data:`SHARED`, so that no worker ends late."""


def _shared_by(nodeid: str) -> str | None:
    return next((name for folder, name in SHARED.items() if nodeid.startswith(folder)), None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest."""
    shared = list(dict.fromkeys(SHARED.values()))

    def place(item: pytest.Item) -> int:
        if name := _shared_by(item.nodeid):
            return shared.index(name)
        folders = (i for i, folder in enumerate(LONGEST) if item.nodeid.startswith(folder))
        return len(shared) + next(folders, len(LONGEST))

    items.sort(key=place)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Workers take whole files, as with ``--dist loadfile``, and those above together."""
    from xdist.scheduler import LoadFileScheduling

    class LoadFolders(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return _shared_by(nodeid) or super()._split_scope(nodeid)

    config.option.loadscopereorder = False  # by the number of tests, which says little
    return LoadFolders(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_sessionfinish() -> None:
    shutil.rmtree(_HOME, ignore_errors=True)


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[None]:
    """Prefect's test server; there is only one because it is slow to start."""
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=280):
        yield


@contextmanager
def _by_one_worker(folder: Path) -> Iterator[None]:
    """Let one worker make what all of them use; the others wait for it."""
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def mlflow_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty MLflow database to copy, because creating one takes seconds.

    What MLflow does for every new store is spared, too: it reads all its migrations to find the
    last one, and waits until each of its writes is on the disk.
    """
    from mlflow.store.db import utils
    from mlflow.tracking import MlflowClient
    from sqlalchemy import Engine, event

    utils._get_latest_schema_revision = cache(utils._get_latest_schema_revision)
    event.listen(Engine, "connect", lambda made, _: made.execute("PRAGMA synchronous = OFF"))
    base = tmp_path_factory.getbasetemp()
    folder = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with _by_one_worker(folder):
        path = folder / "mlflow.db"
        if not path.exists():
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


@pytest.fixture
def summary() -> dict[str, Any]:
    from tests.spikeseg_core.report.recorded import short_summary

    return short_summary()


@pytest.fixture(scope="session")
def finished(
    tmp_path_factory: pytest.TempPathFactory, mlflow_database: Path, prefect_server: None
) -> tuple[Path, dict[str, Any]]:
    """State folder and summary of one whole run, which the tests copy."""
    from flows.pipeline import pipeline
    from tasks import run_stage
    from tasks.mlflow import models
    from tests.fakes import FakeStages

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
