from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from spikeseg_core.errors import ConfigError
from tasks.local import state

SET_BY_ACTIVATE = ("PREFECT_HOME", "SPIKESEG_CACHE_DIR", "MLFLOW_DISABLE_TELEMETRY")


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for name in SET_BY_ACTIVATE:
        monkeypatch.setenv(name, "")  # so that it is restored
        monkeypatch.delenv(name)
    monkeypatch.setenv("SPIKESEG_HOME", str(tmp_path / "here"))
    return tmp_path / "here"


def test_everything_lives_in_one_folder(clean: Path) -> None:
    here = state.activate()
    assert here.home == clean
    assert os.environ["PREFECT_HOME"] == str(clean / "prefect")
    assert os.environ["SPIKESEG_CACHE_DIR"] == str(clean / "cache")
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert state.tracking_uri() == f"sqlite:///{clean}/mlflow.db"
    assert here.stage_folder("train", "a" * 64) == clean / "stages" / ("train-" + "a" * 16)


def test_what_the_environment_says_wins(
    clean: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow.example:5000")
    state.activate()
    assert os.environ["PREFECT_HOME"] == str(tmp_path / "elsewhere")
    assert state.tracking_uri() == "http://mlflow.example:5000"


def test_servers_that_do_not_answer_are_not_used(clean: Path) -> None:
    here = state.current()
    here.home.mkdir()
    here.servers_file.write_text(
        json.dumps({"environment": {"PREFECT_API_URL": "x"}, "health": ["http://127.0.0.1:9/"]})
    )
    assert state.running_servers(here) == {}
    here.servers_file.write_text("{")
    assert state.running_servers(here) == {}


def test_servers_that_answer_are_used(clean: Path) -> None:
    here = state.current()
    here.home.mkdir()
    alive = here.home / "alive"
    alive.write_text("ok")
    environment = {"PREFECT_API_URL": "http://127.0.0.1:4200/api"}
    here.servers_file.write_text(
        json.dumps({"environment": environment, "health": [alive.as_uri()]})
    )
    assert state.running_servers(here) == environment


def test_a_folder_that_cannot_be_written_is_named(
    clean: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SPIKESEG_HOME", str(tmp_path / "file" / "below"))
    with pytest.raises(ConfigError, match=r"cannot be written.*set SPIKESEG_HOME"):
        state.activate()
