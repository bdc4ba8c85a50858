"""Shared by the end-to-end tests: the command line, servers of `spikeseg up`, and trainings."""

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

import psutil  # type: ignore[import-untyped]
import pytest
from mlflow.tracking import MlflowClient

from spikeseg_core.storage import load_arrays
from tasks.local.lost_runs import processes_of
from tasks.local.password import CREDENTIALS, authorization

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 300.0
"""Time limit of each step on two busy cores; no test waits longer than necessary."""

SECTIONS = {
    "source": "synthetic",
    "synthetic_size": 192,
    "train_sections": 1,
    "validation_sections": 1,
    "test_sections": 1,
    "tiles_per_axis": 1,
}
"""One tile each for training, validation and test."""

ENDS = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
EPOCHS = 2000
ENOUGH = 5
"""Epochs after which a training is interrupted, far fewer than EPOCHS."""
RESUMING = ["resuming", "after", "epoch"]
TINY = {"steps_per_epoch": 1, "batch_size": 1}


class Spikeseg:
    """The command line with its own state folder."""

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

    def run(self, *words: str, code: int = 0, seconds: float = 2 * SECONDS) -> str:
        """Run a command to its end; returns what it printed."""
        process = self.start(*words)
        output, _ = process.communicate(timeout=seconds)
        assert process.returncode == code, output
        return output


class Prefect:
    """The server's API, as its page uses it."""

    def __init__(self, api: str, password: str) -> None:
        self.api, self.password = api, password
        self.page = api.removesuffix("/api")

    def ask(
        self, path: str, body: Mapping[str, Any] | None = None, method: str | None = None
    ) -> Any:
        """Get, or post with a body."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", **authorization(self.password)}
        request = Request(self.api + path, data, headers, method=method)
        while True:
            try:
                with urlopen(request, timeout=30) as answer:
                    return json.loads(answer.read() or "null")
            except HTTPError as error:
                if error.code != 503:  # its database is busy; Prefect's clients try again, too
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


class Training:
    """A long training, started through Prefect; the same seed gives the same one."""

    def __init__(self, spikeseg: Spikeseg, prefect: Prefect, seed: int) -> None:
        self.home = spikeseg.home
        self.prefect = prefect
        self.started = time.time()
        train = {**TINY, "epochs": EPOCHS, "seed": seed}
        config = {"preset": "quick", "dataset": SECTIONS, "train": train}
        self.run = prefect.start("pipeline/quick", {"config": config})

    def wait_for_epoch(self, number: int) -> None:
        """Wait until it has trained this many epochs."""

        def there() -> bool:
            state = self.prefect.run(self.run)["state"]
            assert state["type"] not in ENDS, state
            return self.epochs() >= number

        until(there, f"epoch {number} of run {self.run}")

    def epochs(self) -> int:
        """Epochs in its checkpoint; 0 until it has written one."""
        found = self.home.glob("stages/train-*/checkpoints/rates.npz")
        newest = max(found, key=lambda path: path.stat().st_mtime, default=None)
        if newest is None or newest.stat().st_mtime < self.started:
            return 0
        return len(load_arrays(newest)["history"])

    def cancel(self) -> dict[str, Any]:
        """Cancel as the page's button does, and wait for the end."""
        cancelling = {"state": {"type": "CANCELLING", "name": "Cancelling"}}
        self.prefect.ask(f"/flow_runs/{self.run}/set_state", cancelling)
        return dict(self.prefect.wait_for(self.run, *ENDS)["state"])

    def processes(self) -> list[psutil.Process]:
        return list(processes_of(self.run))

    def went_on_after(self) -> int:
        """Epoch after which it continued, according to its log."""

        def found() -> int | None:
            wanted = {"logs": {"flow_run_id": {"any_": [self.run]}}}
            words = [log["message"].split() for log in self.prefect.ask("/logs/filter", wanted)]
            return next((int(w[3]) for w in words if w[:3] == RESUMING), None)

        return int(until(found, f"run {self.run} to say where it went on"))


def until(condition: Callable[[], Any], what: str, seconds: float = SECONDS) -> Any:
    """Return the condition's value as soon as it is true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.3)  # asking takes the servers' time, too
    raise AssertionError(f"waited {seconds:.0f} s for {what}")


@pytest.fixture(scope="package")
def operated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spikeseg]:
    """A state folder with running servers and a tiny prepared dataset."""
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
def addresses(operated: Spikeseg) -> Iterator[dict[str, str]]:
    """Environment variables with the servers' addresses and password; MLflow's client has it."""
    noted = json.loads((operated.home / "servers.json").read_text())["environment"]
    with pytest.MonkeyPatch.context() as patch:
        for name in CREDENTIALS["MLFLOW_TRACKING_URI"]:
            patch.setenv(name, noted[name])
        yield dict(noted)


@pytest.fixture(scope="package")
def prefect(addresses: dict[str, str]) -> Prefect:
    return Prefect(addresses["PREFECT_API_URL"], addresses["PREFECT_API_AUTH_STRING"])


@pytest.fixture(scope="package")
def mlflow(addresses: dict[str, str]) -> MlflowClient:
    return MlflowClient(addresses["MLFLOW_TRACKING_URI"])


def runs_of(mlflow: MlflowClient, flow_run: str) -> list[Any]:
    """MLflow's runs of a flow run."""
    experiments = [each.experiment_id for each in mlflow.search_experiments()]
    return list(mlflow.search_runs(experiments, f"tags.`prefect.flow_run_id` = '{flow_run}'"))


@pytest.fixture
def train(operated: Spikeseg, prefect: Prefect) -> Iterator[Callable[[int], Training]]:
    """Start trainings by seed; those still running at the end are cancelled."""
    started: list[Training] = []

    def start(seed: int) -> Training:
        started.append(Training(operated, prefect, seed))
        return started[-1]

    yield start
    for training in started:
        if prefect.run(training.run)["state"]["type"] not in ENDS:
            training.cancel()
