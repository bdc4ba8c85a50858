"""Requests to the servers' APIs without importing Prefect or MLflow."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http.client import HTTPResponse
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

from tasks.local.password import authorization


def open_http(
    address: str,
    seconds: float,
    headers: Mapping[str, str] | None = None,
    data: bytes | None = None,
) -> HTTPResponse:
    """Ask a server; an OSError if it does not answer or refuses, a ValueError for no address.

    Addresses come from variables and files, so ``file:`` and the like are OSErrors, too.
    """
    request = Request(address, data, dict(headers or {}))  # noqa: S310 - looked at in a moment
    if request.type not in ("http", "https"):
        raise URLError(f"{request.type} is neither http nor https")  # nothing of a password
    answer: HTTPResponse = urlopen(request, timeout=seconds)  # noqa: S310 - it is a server's
    return answer


def post(address: str, body: Mapping[str, Any], password: str | None = None) -> Any:
    """Post JSON and return the answer; an OSError if the server does not answer or refuses.

    ``password`` is the server's ``user:password``, if it has one.
    """
    headers = {"Content-Type": "application/json", **authorization(password)}
    with open_http(address, 10, headers, json.dumps(body).encode()) as answer:
        return json.load(answer)
