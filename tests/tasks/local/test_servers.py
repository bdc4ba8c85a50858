from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from spikeseg_core.errors import ConfigError, SpikeSegError
from spikeseg_core.storage import write_json
from tasks.local import servers, state
from tasks.local.password import variables
from tasks.local.process import Server, answers
from tasks.terminal import plain_console


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


PASSWORD = "spikeseg:secret"


def note(home: Path, process: subprocess.Popen[bytes], password: str | None = PASSWORD) -> None:
    created = psutil.Process(process.pid).create_time()
    environment = {
        "PREFECT_API_URL": "http://127.0.0.1:1/api",
        "MLFLOW_TRACKING_URI": "http://127.0.0.1:2",
        **(variables(password) if password is not None else {}),
    }
    noted = {"environment": environment, "health": ["http://127.0.0.1:2"]}
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
    assert "http://127.0.0.1:1" in said
    assert f"password  the line in {home / 'password'}: Prefect's page wants it whole" in said
    assert "secret" not in said


def test_servers_of_an_older_version_have_no_password_and_that_is_said(
    home: Path, sleeper: subprocess.Popen[bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    note(home, sleeper, password=None)
    with servers._only_one(state.current()):
        servers.up()
    servers.status()
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("password")]
    assert len(lines) == 2
    for line in lines:
        assert "none: an older version started these servers" in line
        assert "`spikeseg down`, then `spikeseg up`" in line


def test_a_port_of_a_server_that_died_is_not_told_the_password(
    home: Path, sleeper: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    note(home, sleeper)
    noted = json.loads((home / "servers.json").read_text())
    noted["processes"] |= {"worker": noted["processes"]["mlflow"]}
    write_json(home / "servers.json", noted)
    monkeypatch.setattr(servers, "post", lambda *_: pytest.fail("it was asked"))
    assert not servers.status()


def test_both_servers_and_the_worker_get_the_password_by_their_environment(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: dict[str, tuple[list[str], dict[str, str]]] = {}

    class Started:
        ended = False

        def __init__(self, name: str, command: list[str], environment: dict[str, str]) -> None:
            started[name] = command, dict(environment)
            self.process = psutil.Process()

        def wait_for(self, address: str) -> None:
            assert address.endswith("/health")

        def wait_until(self, ready: Callable[[], bool]) -> None:
            assert ready()

    def post(address: str, body: object, password: str) -> list[dict[str, str]]:
        assert password == stack.password
        return [{"status": "ONLINE"}]

    registered: list[dict[str, str]] = []
    monkeypatch.setattr(servers, "Server", Started)
    monkeypatch.setattr(servers, "register", registered.append)
    monkeypatch.setattr(servers, "post", post)
    stack = servers._Stack(state.current(), plain_console(), 4201, 5001)
    stack._start(worker=True)
    told = variables(stack.password)
    assert started["prefect"][1]["PREFECT_SERVER_API_AUTH_STRING"] == stack.password
    for environment in (started["mlflow"][1], started["worker"][1], registered[0]):
        assert environment.items() >= told.items()
    words = [word for command, _ in started.values() for word in command]
    assert not any(told["MLFLOW_TRACKING_PASSWORD"] in word for word in words)
    assert (home / "servers.json").stat().st_mode & 0o777 == 0o600
    noted = servers.Noted.read(state.current())
    assert noted is not None and noted.password == stack.password


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


LISTENER = """
import http.server, os, subprocess, sys
if len(sys.argv) == 2:  # as MLflow does, it leaves the port to a child
    subprocess.Popen([sys.executable, __file__, sys.argv[1], "child"]).wait()
http.server.ThreadingHTTPServer.allow_reuse_address = True
handler = http.server.SimpleHTTPRequestHandler
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), handler).serve_forever()
"""


def test_a_server_that_dies_is_started_again_on_its_port(
    home: Path,
    tmp_path: Path,
    unused_port: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "listener.py").write_text(LISTENER)
    environment = {"PYTHONPATH": str(tmp_path)}
    server = Server("mlflow", ["listener", str(unused_port)], environment)
    stack = servers._Stack(state.current(), plain_console(), unused_port, unused_port)
    stack.servers["mlflow"] = server
    address = f"http://127.0.0.1:{unused_port}/"
    stack.health = [address, address]
    try:
        server.wait_for(address)
        server.process.kill()
        server.process.wait()
        assert answers(address)  # by its child
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(servers, "WORKER_SECONDS", 0.0)
            patch.setattr("time.sleep", stop_once_noted(home))
            stack._watch()
        again = stack.servers["mlflow"]
        assert again.process.pid != server.process.pid and not again.ended
        noted = servers.Noted.read(state.current())
        assert noted is not None and noted.alive()["mlflow"] == again.process.pid
        assert "mlflow ended; starting it again" in capsys.readouterr().out
    finally:
        stack.servers["mlflow"].again().stop(0)


def stop_once_noted(home: Path) -> Callable[[float], None]:
    """Sleep shortly, or interrupt once the servers have been noted."""
    sleep = time.sleep

    def wait(seconds: float) -> None:
        if (home / "servers.json").exists():
            raise KeyboardInterrupt
        sleep(min(seconds, 0.05))

    return wait


def test_one_that_dies_at_once_is_not(home: Path, tmp_path: Path, unused_port: int) -> None:
    (tmp_path / "broken.py").write_text("raise SystemExit('no such database')")
    stack = servers._Stack(state.current(), plain_console(), unused_port, unused_port)
    stack.servers["mlflow"] = Server("mlflow", ["broken"], {"PYTHONPATH": str(tmp_path)})
    with pytest.raises(SpikeSegError, match=r"mlflow ended; its log is .*\n.*no such database"):
        stack._watch()


def test_only_their_own_pages_may_talk_to_them(home: Path) -> None:
    command = servers._mlflow_command(state.current(), 5001)
    assert command[command.index("--allowed-hosts") + 1] == "127.0.0.1:5001,localhost:5001"
    origins = command[command.index("--cors-allowed-origins") + 1].split(",")
    assert origins == ["http://127.0.0.1:5001", "http://localhost:5001"]
