"""MLflow's server behind one password, for `spikeseg up`; ``mlflow server --app-name spikeseg``.

MLflow's own users (``basic-auth``) need a database of their own, and hash the password again for
every request. Here it is random and long, so that comparing it is enough. Without one, everybody
on this machine could use MLflow's API, whose assistant runs commands.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from tasks.local.password import authorization, of_mlflow

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

OPEN = "/health"
ASK = (b"www-authenticate", b'Basic realm="MLflow of spikeseg up", charset="UTF-8"')


class Gate:
    """An ASGI application that answers only requests with the password, and health checks."""

    def __init__(self, inside: Application, password: str) -> None:
        self.inside = inside
        self.key = authorization(password)["Authorization"].encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what may pass; answer everything else with 401."""
        if scope["type"] == "lifespan" or self._may_pass(scope):
            await self.inside(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            headers = [ASK, (b"content-type", b"text/plain")]
            await send({"type": "http.response.start", "status": 401, "headers": headers})
            await send({"type": "http.response.body", "body": b"a password is needed\n"})

    def _may_pass(self, scope: Scope) -> bool:
        if scope["type"] == "http" and scope["path"] == OPEN and scope["method"] == "GET":
            return True
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        return len(given) == 1 and hmac.compare_digest(given[0], self.key)


def app() -> Gate:
    """Make MLflow's server with the password of the environment.

    Raises
    ------
    ValueError
        If the environment has no password.
    """
    password = of_mlflow()
    if password is None:
        raise ValueError("MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD are not set")
    from mlflow.server.fastapi_app import app as inside

    return Gate(inside, password)
