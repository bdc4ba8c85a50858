from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from spikeseg_core.errors import ConfigError
from spikeseg_core.storage import write_json
from tasks.local import servers, state


class TestPorts:
    def test_one_that_was_named_and_is_taken_is_refused(self, unused_port: int) -> None:
        with socket.socket() as other:
            other.bind((servers.HOST, 0))
            other.listen()
            taken = other.getsockname()[1]
            with pytest.raises(ConfigError, match=rf"port {taken} .* with --mlflow-port"):
                servers.choose_ports(unused_port, taken)

    def test_the_usual_ones_give_way_to_what_is_taken(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with socket.socket() as other:
            other.bind((servers.HOST, 0))
            other.listen()
            monkeypatch.setattr(servers, "PREFECT_PORT", other.getsockname()[1])
            monkeypatch.setattr(servers, "MLFLOW_PORT", other.getsockname()[1])
            prefect, mlflow = servers.choose_ports(None, None)
        assert len({prefect, mlflow, servers.PREFECT_PORT}) == 3

    def test_some_are_none(self, unused_port: int) -> None:
        with pytest.raises(ConfigError, match=r"port 99999 .* with --prefect-port"):
            servers.choose_ports(99999, unused_port)
        with pytest.raises(ConfigError, match="are the same port"):
            servers.choose_ports(unused_port, unused_port)


def note(home: Path, process: subprocess.Popen[bytes]) -> None:
    created = psutil.Process(process.pid).create_time()
    environment = {"PREFECT_API_URL": "http://here:1/api", "MLFLOW_TRACKING_URI": "http://here:2"}
    noted = {"environment": environment, "health": ["http://here:2"]}
    write_json(home / "servers.json", noted | {"processes": {"mlflow": (process.pid, created)}})


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield process
    process.kill()
    process.wait()


def test_called_again_it_prints_where_everything_is(
    home: Path, sleeper: subprocess.Popen[bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    note(home, sleeper)
    with servers._only_one(state.current()):
        servers.up()
    said = capsys.readouterr().out
    assert "already running" in said
    assert "http://here:1" in said


def test_down_stops_what_a_killed_up_has_left(
    home: Path, sleeper: subprocess.Popen[bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    note(home, sleeper)
    assert servers.down()
    assert sleeper.wait(10) is not None
    assert not (home / "servers.json").exists()
    assert not servers.down()
    assert not servers.status()
    assert "spikeseg up" in capsys.readouterr().out


def test_a_process_that_was_given_the_same_id_is_left_alone(
    home: Path, sleeper: subprocess.Popen[bytes]
) -> None:
    note(home, sleeper)
    noted = json.loads((home / "servers.json").read_text())
    noted["processes"]["mlflow"][1] -= 1000
    write_json(home / "servers.json", noted)
    assert not servers.down()
    assert sleeper.poll() is None
