"""What the end-to-end tests share: the command line, and everything that `spikeseg up` starts."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 120.0
"""Most that one thing may take on two busy cores; nothing waits longer than it has to."""

SECTIONS = {
    "source": "synthetic",
    "synthetic_size": 192,
    "train_sections": 1,
    "validation_sections": 1,
    "test_sections": 1,
    "tiles_per_axis": 1,
}
"""One tile for training, validation and test each."""


class Spikeseg:
    """The command line in a state folder of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start a command."""
        environment = {k: v for k, v in os.environ.items() if k != "SPIKESEG_ISBI2012_DIR"}
        return subprocess.Popen(
            [sys.executable, "-c", "from flows.cli import main; main()", *words],
            env={**environment, "SPIKESEG_HOME": str(self.home)},
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *words: str, code: int = 0) -> str:
        """Run a command to its end; returns what it printed."""
        process = self.start(*words)
        output, _ = process.communicate(timeout=2 * SECONDS)
        assert process.returncode == code, output
        return output


class Prefect:
    """The server's API, as its page uses it."""

    def __init__(self, api: str) -> None:
        self.api = api
        self.page = api.removesuffix("/api")

    def ask(
        self, path: str, body: Mapping[str, Any] | None = None, method: str | None = None
    ) -> Any:
        """Get, or post with a body."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = Request(self.api + path, data, headers, method=method)
        while True:
            try:
                with urlopen(request, timeout=30) as answer:
                    return json.loads(answer.read() or "null")
            except HTTPError as error:
                if error.code != 503:  # its database is busy; Prefect's own clients ask again, too
                    raise
                time.sleep(0.5)

    def deployment(self, name: str) -> dict[str, Any]:
        """Find a deployment by FLOW/NAME."""
        found: dict[str, Any] = self.ask(f"/deployments/name/{name}")
        return found

    def start(self, name: str, parameters: Mapping[str, Any]) -> str:
        """Ask for a run; returns its id."""
        where = f"/deployments/{self.deployment(name)['id']}/create_flow_run"
        return str(self.ask(where, {"parameters": parameters})["id"])

    def run(self, run_id: str) -> dict[str, Any]:
        """State and everything else of a flow run."""
        found: dict[str, Any] = self.ask(f"/flow_runs/{run_id}")
        return found

    def wait_for(self, run_id: str, *states: str) -> dict[str, Any]:
        """Wait until the run is in one of the states."""
        return until(
            lambda: found if (found := self.run(run_id))["state"]["type"] in states else None,
            f"run {run_id} to be {' or '.join(states)}",
        )


def until(condition: Callable[[], Any], what: str, seconds: float = SECONDS) -> Any:
    """Return what the condition gives, as soon as it is something."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.1)
    raise AssertionError(f"waited {seconds:.0f} s for {what}")


@pytest.fixture(scope="package")
def operated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spikeseg]:
    """A state folder with `spikeseg up` and a tiny prepared dataset."""
    spikeseg = Spikeseg(tmp_path_factory.mktemp("operated") / "state")
    up = spikeseg.start("up")
    try:
        note = spikeseg.home / "servers.json"
        until(lambda: up.poll() is not None or _ready(note), "spikeseg up", 2 * SECONDS)
        assert up.poll() is None, up.communicate()[0]
        spikeseg.run("stage", "prepare", "--set", f"dataset={json.dumps(SECTIONS)}")
        yield spikeseg
    finally:
        up.send_signal(signal.SIGINT)
        output, _ = up.communicate(timeout=SECONDS)
        shutil.rmtree(spikeseg.home, ignore_errors=True)
    assert up.returncode == 0, output


def _ready(note: Path) -> bool:
    try:
        return bool(json.loads(note.read_text())["health"])
    except (OSError, ValueError):
        return False


@pytest.fixture(scope="package")
def addresses(operated: Spikeseg) -> dict[str, str]:
    """Where the servers are."""
    noted = json.loads((operated.home / "servers.json").read_text())
    return dict(noted["environment"])


@pytest.fixture(scope="package")
def prefect(addresses: dict[str, str]) -> Prefect:
    return Prefect(addresses["PREFECT_API_URL"])
