"""Requests to the servers' APIs without importing Prefect or MLflow."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.request import Request, urlopen

from tasks.local.password import authorization


def post(address: str, body: Mapping[str, Any], password: str | None = None) -> Any:
    """Post JSON and return the answer; an OSError if the server does not answer or refuses.

    ``password`` is the server's ``user:password``, if it has one.
    """
    headers = {"Content-Type": "application/json", **authorization(password)}
    request = Request(address, json.dumps(body).encode(), headers)
    with urlopen(request, timeout=10) as answer:
        return json.load(answer)
