"""Ask the servers as their pages do, without importing Prefect and MLflow."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.request import Request, urlopen


def post(address: str, body: Mapping[str, Any]) -> Any:
    """Post to an address of a server's API, and return its answer.

    Raises
    ------
    OSError
        If the server does not answer, or refuses.
    """
    request = Request(address, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urlopen(request, timeout=10) as answer:
        return json.load(answer)
