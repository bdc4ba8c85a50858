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


ODD = "s?t [old]#1 100% %41 &=+;"


def test_both_databases_stay_in_a_folder_with_an_odd_name(
    clean: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from sqlalchemy import create_engine, make_url, text

    for name in ("PREFECT_SERVER_DATABASE_CONNECTION_URL", "PREFECT_HOME"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    home = tmp_path / ODD
    monkeypatch.setenv("SPIKESEG_HOME", str(home))
    monkeypatch.chdir(tmp_path)
    state.activate()
    prefect = make_url(os.environ["PREFECT_SERVER_DATABASE_CONNECTION_URL"])
    assert prefect.drivername == "sqlite+aiosqlite"
    for address in (make_url(state.tracking_uri()), prefect.set(drivername="sqlite")):
        engine = create_engine(address)
        with engine.connect() as connection:
            connection.execute(text("CREATE TABLE here (number INTEGER)"))
        engine.dispose()
    assert sorted(path.name for path in home.rglob("*.db")) == ["mlflow.db", "prefect.db"]
    assert [path.name for path in tmp_path.iterdir()] == [ODD]


def test_what_the_environment_says_wins(
    clean: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow.example:5000")
    state.activate()
    assert os.environ["PREFECT_HOME"] == str(tmp_path / "elsewhere")
    assert state.tracking_uri() == "http://mlflow.example:5000"


@pytest.mark.parametrize(
    ("health", "used"),
    [(["{alive}"], True), (["http://127.0.0.1:9/"], False), ([], False), (None, False)],
    ids=["they answer", "no answer", "still starting", "damaged"],
)
def test_servers_are_used_if_they_answer(clean: Path, health: list[str] | None, used: bool) -> None:
    here = state.current()
    here.home.mkdir()
    (here.home / "alive").write_text("ok")
    alive = (here.home / "alive").as_uri()
    noted = {
        "environment": {"PREFECT_API_URL": "http://127.0.0.1:4200/api"},
        "health": [address.format(alive=alive) for address in health or ()],
    }
    here.servers_file.write_text("{" if health is None else json.dumps(noted))
    assert state.running_servers(here) == (noted["environment"] if used else {})


def test_a_folder_that_cannot_be_written_is_named(
    clean: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SPIKESEG_HOME", str(tmp_path / "file" / "below"))
    with pytest.raises(ConfigError, match=r"cannot be written.*set SPIKESEG_HOME"):
        state.activate()
