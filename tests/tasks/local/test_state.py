from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path

import pytest
from mlflow.environment_variables import MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT

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
    assert here.certificates == clean / "certificates"
    assert os.environ["PREFECT_HOME"] == str(clean / "prefect")
    assert os.environ["SPIKESEG_CACHE_DIR"] == str(clean / "cache")
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT.get()
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


@pytest.fixture
def alive() -> Iterator[str]:
    """Address of a server on this machine that answers."""
    with HTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


HERE = {"PREFECT_API_URL": "http://127.0.0.1:4200/api", "MLFLOW_TRACKING_URI": "http://[::1]:5000"}


def write_servers(environment: Mapping[str, object], health: list[str]) -> state.State:
    here = state.current()
    here.home.mkdir(exist_ok=True)
    note = {"environment": environment, "health": health, "processes": {}}
    here.servers_file.write_text(json.dumps(note))
    return here


@pytest.mark.parametrize(
    ("health", "used"),
    [(["{alive}"], True), (["http://127.0.0.1:9/"], False), ([], False)],
    ids=["they answer", "no answer", "still starting"],
)
def test_servers_are_used_if_they_answer(
    clean: Path, alive: str, health: list[str], used: bool
) -> None:
    here = write_servers(HERE, [address.format(alive=alive) for address in health])
    assert state.running_servers(here) == (HERE if used else {})


SECRET = {
    "PREFECT_API_AUTH_STRING": "spikeseg:secret",
    "MLFLOW_TRACKING_USERNAME": "spikeseg",
    "MLFLOW_TRACKING_PASSWORD": "secret",
}


def test_their_password_is_known_with_them(
    clean: Path, alive: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in HERE | SECRET:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", "me:elsewhere")  # of no server that is named
    assert state.running_servers(write_servers(HERE | SECRET, [alive])) == HERE | SECRET
    state.activate()
    assert {name: os.environ[name] for name in HERE | SECRET} == HERE | SECRET


def test_a_server_elsewhere_is_not_told_the_password(
    clean: Path, alive: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in HERE | SECRET:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setenv("PREFECT_API_URL", "https://prefect.example/api")
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", "me:elsewhere")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://mlflow.example")
    write_servers(HERE | SECRET, [alive])
    state.activate()
    assert os.environ["PREFECT_API_AUTH_STRING"] == "me:elsewhere"
    assert "MLFLOW_TRACKING_PASSWORD" not in os.environ
    assert os.environ["MLFLOW_TRACKING_URI"] == "https://mlflow.example"


@pytest.mark.parametrize("value", ["", "a\nb", "a\0b", {"a": 1}])
@pytest.mark.parametrize("name", SECRET)
def test_what_is_no_password_is_not_believed(
    clean: Path, alive: str, name: str, value: object
) -> None:
    assert state.noted_servers(write_servers(HERE | SECRET | {name: value}, [alive])) is None


def test_another_user_where_the_servers_were_is_not_believed(
    clean: Path, alive: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = write_servers(HERE | SECRET, [alive])
    port = int(alive.rstrip("/").rpartition(":")[2])
    monkeypatch.setattr(state, "others_listen", lambda asked: asked == port)
    assert state.running_servers(here) == {}


@pytest.mark.parametrize("content", ["{", "[]", "null", '{"environment": 1}', "[" * 100_000])
def test_a_damaged_note_is_as_none(clean: Path, content: str) -> None:
    here = state.current()
    here.home.mkdir()
    here.servers_file.write_text(content)
    assert state.noted_servers(here) is None
    assert state.running_servers(here) == {}


def test_a_note_sets_no_other_variable(clean: Path, alive: str) -> None:
    here = write_servers(HERE | {"PYTHONPATH": "/tmp/planted", "LD_PRELOAD": "x"}, [alive])
    assert state.running_servers(here) == HERE


@pytest.mark.parametrize(
    "address",
    [
        "http://example.org:4200/api",
        "http://127.0.0.1.example.org/",
        "http://user:secret@127.0.0.1:4200/api",
        "https://127.0.0.1:4200/api",
        "file:///etc/passwd",
        "sqlite:////tmp/planted.db",
    ],
)
@pytest.mark.parametrize("where", ["PREFECT_API_URL", "MLFLOW_TRACKING_URI", "health"])
def test_servers_elsewhere_are_not_believed(
    clean: Path, alive: str, address: str, where: str
) -> None:
    health = [address] if where == "health" else [alive]
    environment = HERE if where == "health" else HERE | {where: address}
    assert state.noted_servers(write_servers(environment, health)) is None


def test_a_note_that_others_may_have_written_is_not_believed(clean: Path, alive: str) -> None:
    here = write_servers(HERE, [alive])
    here.servers_file.chmod(0o666)
    assert state.noted_servers(here) is None
    elsewhere = here.servers_file.rename(here.home / "elsewhere.json")
    elsewhere.chmod(0o600)
    here.servers_file.symlink_to(elsewhere)
    assert state.noted_servers(here) is None


def test_the_folder_is_closed_to_others(clean: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clean.mkdir(mode=0o777)
    clean.chmod(0o777)
    state.activate()
    assert clean.stat().st_mode & 0o777 == 0o700
    assert (clean / "prefect").stat().st_mode & 0o777 == 0o700
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(ConfigError, match=r"belongs to user \d+, and you are user 12345; set SPI"):
        state.activate()


def test_prefect_obeys_nothing_in_the_folder(clean: Path, tmp_path: Path) -> None:
    proof = tmp_path / "executed"
    (clean / "prefect").mkdir(parents=True)
    (clean / "prefect" / "logging.yml").write_text(
        "version: 1\nhandlers: {h: {class: logging.NullHandler, filters: [f]}}\n"
        f"filters: {{f: {{(): pathlib.Path.touch, self: {proof}}}}}\n"
        "filters2: x\n"
        f"formatters: {{f: {{(): os.mkdir, path: {proof}}}}}\n"
    )
    (clean / "prefect" / "profiles.toml").write_text(
        'active = "x"\n[profiles.x]\nPREFECT_API_URL = "http://example.org/api"\n'
    )
    says = subprocess.run(
        [
            sys.executable,
            "-c",
            "import tasks, prefect.main, prefect.settings as s; print(s.PREFECT_API_URL.value())",
        ],
        env={
            **{n: v for n, v in os.environ.items() if not n.startswith("PREFECT_")},
            "SPIKESEG_HOME": str(clean),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert says.stdout == "None\n"
    assert not proof.exists()


@pytest.mark.parametrize(
    ("address", "left", "user_and_password"),
    [
        ("http://me:secret@host:5000", "http://host:5000", ("me", "secret")),
        ("https://me:s%40%2Fx@host/mlflow", "https://host/mlflow", ("me", "s@/x")),
        ("https://token@host", "https://host", ("token", "")),
    ],
)
def test_a_password_leaves_the_address(
    clean: Path,
    monkeypatch: pytest.MonkeyPatch,
    address: str,
    left: str,
    user_and_password: tuple[str, str],
) -> None:
    names = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")
    for name in names:
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    state.activate()
    assert state.tracking_uri() == os.environ["MLFLOW_TRACKING_URI"] == left
    assert tuple(os.environ[name] for name in names) == user_and_password


def test_a_refused_folder_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    environment = {**os.environ, "SPIKESEG_HOME": str(tmp_path / "file" / "below")}
    environment.pop("PREFECT_HOME", None)
    command = [sys.executable, "-m", "flows.cli", "-h"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stderr.startswith("spikeseg: the state folder ")
    assert "Traceback" not in ended.stderr


def test_a_folder_that_cannot_be_written_is_named(
    clean: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SPIKESEG_HOME", str(tmp_path / "file" / "below"))
    with pytest.raises(ConfigError, match=r"cannot be written.*set SPIKESEG_HOME"):
        state.activate()
