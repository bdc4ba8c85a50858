from __future__ import annotations

import asyncio
from importlib.metadata import entry_points
from typing import Any

import pytest

from tasks.local.password import authorization, variables
from tasks.local.servers import GATE
from tasks.mlflow import gate

PASSWORD = "spikeseg:secret"


async def inside(scope: Any, receive: Any, send: Any) -> None:
    """The server behind the gate."""
    await send({"type": "http.response.start", "status": 200, "headers": []})


def asked(
    kind: str = "http",
    path: str = "/api/2.0/mlflow/runs/create",
    method: str = "POST",
    headers: tuple[tuple[bytes, bytes], ...] = (),
) -> dict[str, Any]:
    """First message of the answer to a request."""
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError("the body was read")

    scope = {"type": kind, "path": path, "method": method, "headers": list(headers)}
    asyncio.run(gate.Gate(inside, PASSWORD)(scope, receive, send))
    return sent[0]


def key(password: str) -> tuple[bytes, bytes]:
    return b"authorization", authorization(password)["Authorization"].encode()


def test_the_password_opens_it() -> None:
    assert asked(headers=(key(PASSWORD),))["status"] == 200


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (key("spikeseg:wrong"),),
        (key("admin:secret"),),
        ((b"authorization", b"Bearer secret"),),
        ((b"authorization", b"\xff"),),
        ((b"authorization", b""),),
        (key("spikeseg:wrong"), key(PASSWORD)),
        ((b"cookie", key(PASSWORD)[1]),),
    ],
)
@pytest.mark.parametrize("path", ["/", "/health/", "//health", "/api/2.0/mlflow/runs/create"])
def test_nothing_else_does(headers: tuple[tuple[bytes, bytes], ...], path: str) -> None:
    refusal = asked(path=path, headers=headers)
    assert refusal["status"] == 401
    assert dict(refusal["headers"])[b"www-authenticate"].startswith(b"Basic realm=")


def test_a_health_check_needs_none() -> None:
    assert asked(path="/health", method="GET")["status"] == 200
    assert asked(path="/health", method="POST")["status"] == 401


def test_a_websocket_needs_it_too() -> None:
    assert asked("websocket")["type"] == "websocket.close"
    assert asked("websocket", path="/health", method="GET")["type"] == "websocket.close"
    assert asked("websocket", headers=(key(PASSWORD),))["type"] == "http.response.start"


def test_the_server_hears_of_its_start_and_end() -> None:
    assert asked("lifespan")["status"] == 200


def test_it_does_not_start_without_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in variables(PASSWORD):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ValueError, match="MLFLOW_TRACKING_PASSWORD are not set"):
        gate.app()


def test_mlflow_finds_it() -> None:
    (found,) = entry_points(group="mlflow.app", name=GATE)
    assert found.load() is gate.app
