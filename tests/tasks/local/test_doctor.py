from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from spikeseg_core.errors import DataError
from tasks.local import doctor
from tasks.local.password import authorization, variables


def test_each_line_is_a_verdict(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(doctor.SLOW, "stack", lambda: ("ok", "TensorFlow [2] imports"))
    doctor.show(doctor.examine(imports=True))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(doctor.CHECKS) + 1
    assert lines[-1] == "  ok  stack         TensorFlow [2] imports"
    assert all(line.split()[0] in ("ok", "warn", "fail") for line in lines)


def test_a_check_that_breaks_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Any:
        raise DataError("disk on fire")

    monkeypatch.setattr(doctor, "CHECKS", {"disk": broken})
    (finding,) = doctor.examine()
    assert (finding.verdict, finding.says) == ("fail", "DataError: disk on fire")
    assert not doctor.show([finding])


@pytest.mark.parametrize(
    ("check", "variable", "value", "way_out"),
    [
        ("dataset", "SPIKESEG_ISBI2012_DIR", "/no/such/folder", "correct it or unset it"),
        ("MLflow", "MLFLOW_TRACKING_URI", "http://127.0.0.1:9", "start it or unset MLFLOW_"),
    ],
)
def test_a_variable_that_leads_nowhere_is_a_failure_with_a_way_out(
    check: str, variable: str, value: str, way_out: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    verdict, says = doctor.CHECKS[check]()
    assert verdict == "fail"
    assert way_out in says


class Closed(BaseHTTPRequestHandler):
    """A server of which everything but the health check wants a password."""

    def do_GET(self) -> None:
        key = authorization("me:secret")["Authorization"]
        known = self.path == "/health" or self.headers.get("Authorization") == key
        self.send_response(200 if known else 401)
        self.end_headers()

    def log_message(self, *words: object) -> None:
        """Keep quiet."""


@pytest.fixture
def closed() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Closed) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("check", "variable"), [("Prefect", "PREFECT_API_URL"), ("MLflow", "MLFLOW_TRACKING_URI")]
)
def test_a_server_that_wants_another_password_is_a_failure(
    check: str, variable: str, closed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, closed)
    for name in variables("me:secret"):
        monkeypatch.setenv(name, "wrong")
    verdict, says = doctor.CHECKS[check]()
    assert (verdict, "wants another password" in says, "wrong" in says) == ("fail", True, False)
    for name, value in variables("me:secret").items():
        monkeypatch.setenv(name, value)
    assert doctor.CHECKS[check]() == ("ok", f"{check} answers at {closed}")


def test_one_without_a_password_on_this_machine_is_a_warning(
    closed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        Closed, "do_GET", lambda self: (self.send_response(200), self.end_headers())
    )
    monkeypatch.setenv("PREFECT_API_URL", closed)
    for name in variables(""):
        monkeypatch.delenv(name, raising=False)
    verdict, says = doctor.CHECKS["Prefect"]()
    assert (verdict, "anybody on this machine can use it" in says) == ("warn", True)
