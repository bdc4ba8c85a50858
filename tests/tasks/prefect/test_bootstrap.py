from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import prefect.context
import psutil  # type: ignore[import-untyped]
import pytest
from prefect.server.api.server import SubprocessASGIServer
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

from spikeseg_core.errors import ConfigError, DataError
from tasks import terminal
from tasks.local import process, state
from tasks.local.password import authorization, password_in
from tasks.prefect import bootstrap


@pytest.mark.parametrize(("error", "kept"), [(DataError("x"), False), (KeyError("x"), True)])
def test_only_surprises_have_a_traceback(error: Exception, kept: bool) -> None:
    try:
        raise error
    except Exception as raised:
        exc_info = (type(raised), raised, raised.__traceback__)
    record = logging.LogRecord("x", logging.ERROR, "f", 1, "failed", (), exc_info)
    assert bootstrap._WithoutTraceback().filter(record)
    assert bool(record.exc_info) is kept


def test_a_prefect_server_that_is_away_is_named() -> None:
    address = "http://127.0.0.1:9/api"
    with temporary_settings({PREFECT_API_URL: address}), pytest.raises(ConfigError) as raised:
        bootstrap.check_prefect_answers()
    assert f"no Prefect server answers at {address}" in str(raised.value)
    assert "unset PREFECT_API_URL" in str(raised.value)


class Closed(BaseHTTPRequestHandler):
    """A server with a password."""

    def do_GET(self) -> None:
        key = authorization("me:secret")["Authorization"]
        self.send_response(200 if self.headers.get("Authorization") == key else 401)
        self.end_headers()

    def log_message(self, *words: object) -> None:
        """Keep quiet."""


def test_one_that_wants_another_password_is_named() -> None:
    with HTTPServer(("127.0.0.1", 0), Closed) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/api"
        for password in ("me:wrong", None):
            named = {PREFECT_API_URL: address, PREFECT_API_AUTH_STRING: password}
            with temporary_settings(named), pytest.raises(ConfigError) as raised:
                bootstrap.check_prefect_answers()
            assert f"{address} wants another password: set PREFECT_API_AUTH_ST" in str(raised.value)
            assert "wrong" not in str(raised.value)
        with temporary_settings({PREFECT_API_URL: address, PREFECT_API_AUTH_STRING: "me:secret"}):
            bootstrap.check_prefect_answers()
        server.shutdown()


def test_without_a_prefect_server_there_is_nothing_to_ask() -> None:
    with temporary_settings(restore_defaults={PREFECT_API_URL}):
        bootstrap.check_prefect_answers()


class TestTemporaryServer:
    """Prefect's server is replaced by one that is healthy once a file exists."""

    @pytest.fixture(autouse=True)
    def no_server(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        terminal.console.cache_clear()
        monkeypatch.setattr(SubprocessASGIServer, "_instances", {})
        monkeypatch.setattr(bootstrap, "share_console", lambda: None)
        monkeypatch.setenv("PREFECT_API_AUTH_STRING", "")  # so that it is restored
        known = prefect.context.GLOBAL_SETTINGS_CONTEXT
        monkeypatch.setattr(prefect.context, "GLOBAL_SETTINGS_CONTEXT", known)
        with temporary_settings(restore_defaults={PREFECT_API_URL}):
            yield
        if (server := SubprocessASGIServer().server_process) is not None:
            server.kill()
            server.wait()

    def pretend(self, monkeypatch: pytest.MonkeyPatch, module: Path, code: str) -> None:
        """Replace the server by a module with this code."""
        module.with_suffix(".py").write_text(code)
        monkeypatch.setenv("PYTHONPATH", str(module.parent))
        monkeypatch.setattr(bootstrap, "_command", lambda: [module.name])

    def test_a_slow_one_is_waited_for_and_the_terminal_hears_of_it(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(process, "SECONDS_BETWEEN_NEWS", 0.1)
        self.pretend(
            monkeypatch,
            tmp_path / "slow_server",
            "import http.server, sys\n"
            "host, port = sys.argv[2], int(sys.argv[4])\n"
            "handler = http.server.SimpleHTTPRequestHandler\n"
            f"serve = lambda *a: handler(*a, directory={str(tmp_path)!r})\n"
            "http.server.HTTPServer((host, port), serve).serve_forever()\n",
        )
        (tmp_path / "api").mkdir()
        timer = threading.Timer(1.0, (tmp_path / "api" / "health").touch)
        bootstrap.set_up_for_prefect(timer.start)
        assert SubprocessASGIServer().running
        assert "prefect-temporary is still starting after" in capsys.readouterr().err
        # Only this process and those that it starts know its password.
        password = password_in(state.current().password_file)
        server = psutil.Process(SubprocessASGIServer().server_process.pid)
        assert server.environ()["PREFECT_SERVER_API_AUTH_STRING"] == password
        assert not any(password in word for word in server.cmdline())
        assert os.environ["PREFECT_API_AUTH_STRING"] == password
        with ThreadPoolExecutor(1) as another:
            assert another.submit(PREFECT_API_AUTH_STRING.value).result() == password

    def test_one_that_cannot_start_is_one_message_that_names_its_log(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        self.pretend(monkeypatch, tmp_path / "broken_server", "raise SystemExit('no memory')")
        with pytest.raises(bootstrap.NoPrefectError) as raised:
            bootstrap.set_up_for_prefect()
        (log,) = (tmp_path / "state" / "logs").iterdir()
        assert "no memory" in log.read_text()
        assert str(raised.value).endswith(f"ended while it started; its log is {log}")
        assert not SubprocessASGIServer().running

    def test_a_machine_without_room_for_a_process(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(*_: object, **__: object) -> None:
            raise OSError(11, "Resource temporarily unavailable")

        monkeypatch.setattr(bootstrap, "Server", full)
        with pytest.raises(bootstrap.NoPrefectError, match="Resource temporarily unavailable"):
            bootstrap.set_up_for_prefect()


def test_the_terminal_gets_plain_lines_also_if_prefect_was_not_imported_before() -> None:
    code = (
        "from tasks.prefect.bootstrap import share_console\n"
        "share_console()\n"
        "from prefect import flow\n"
        "import logging\n"
        "logging.getLogger('prefect.spikeseg').info('Beginning flow run x for flow y')\n"
        "logging.getLogger('prefect.spikeseg').info('a folder st [old] [/x]')\n"
        "logging.getLogger('prefect.spikeseg').warning('MLflow is away')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    lines = [line.split("  ", 1)[1] for line in done.stderr.splitlines()]
    assert lines == ["a folder st [old] [/x]", "warning: MLflow is away"]
