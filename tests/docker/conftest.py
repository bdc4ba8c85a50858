"""The stack of the compose file, started once for all tests of this folder that need it."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.docker import compose, stack

LACKING = stack.missing_programs()
NEEDS_STACK = [
    pytest.mark.e2e,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        bool(LACKING),
        reason=f"{', '.join(LACKING)} missing: apt-get install postgresql redis-server",
    ),
]
SECRETS = {
    name: f"0123{number}abcdef" * 3 for number, name in enumerate(compose.example_variables())
}
VARIABLES = {**SECRETS, "COMMIT": "0123abcd"}
PREFECT_USER = ("spikeseg", SECRETS["PREFECT_PASSWORD"])
MLFLOW_USER = ("spikeseg", SECRETS["MLFLOW_PASSWORD"])
WORKER = ("worker", SECRETS["MLFLOW_WORKER_PASSWORD"])
TINY = {"source": "synthetic", "synthetic_size": 128, "tiles_per_axis": 1}
TINY |= {"train_sections": 1, "validation_sections": 1, "test_sections": 1}


@pytest.fixture(scope="package")
def running() -> Iterator[stack.Stack]:
    # Not pytest's folder, because PostgreSQL runs as another user and needs access.
    with tempfile.TemporaryDirectory(prefix="spikeseg-stack-") as name:
        Path(name).chmod(0o755)
        with stack.running(VARIABLES, Path(name), seconds=400) as running:
            yield running


def eventually(what: Callable[[], Any], seconds: float) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := what()) and time.monotonic() < deadline:
        time.sleep(0.5)
    return found


def answer_of(address: str, user: tuple[str, str], **request: Any) -> Any:
    method = "POST" if request.get("json") is not None else "GET"
    answer = requests.request(method, address, auth=user, timeout=30, **request)
    answer.raise_for_status()
    return answer.json()


@pytest.fixture(scope="package")
def prefect(running: stack.Stack) -> Callable[..., Any]:
    address = f"http://{running.address}:4200/api"
    return lambda path, body=None: answer_of(address + path, PREFECT_USER, json=body)


@pytest.fixture(scope="package")
def mlflow(running: stack.Stack) -> Callable[..., Any]:
    address = f"http://{running.address}:5000/api/2.0"
    return lambda path, body=None: answer_of(address + path, MLFLOW_USER, json=body)


@pytest.fixture(scope="package")
def flow_run(running: stack.Stack, prefect: Callable[..., Any]) -> dict[str, Any]:
    """A small stage, requested from the server and run by the worker."""
    deployment = prefect("/deployments/name/prepare/prepare")
    asked = prefect(
        f"/deployments/{deployment['id']}/create_flow_run", {"parameters": {"dataset": TINY}}
    )

    def ended() -> Any:
        found = prefect(f"/flow_runs/{asked['id']}")
        return found if found["state_type"] in ("COMPLETED", "FAILED", "CRASHED") else None

    run: dict[str, Any] = eventually(ended, 300)
    assert run and run["state_type"] == "COMPLETED", (run, running.log("worker"))
    return run
