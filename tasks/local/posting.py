"""Requests to the servers' APIs without importing Prefect or MLflow."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.request import Request, urlopen


def post(address: str, body: Mapping[str, Any]) -> Any:
    """Post JSON and return the answer; an OSError if the server does not answer or refuses."""
    request = Request(address, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urlopen(request, timeout=10) as answer:
        return json.load(answer)
