"""What becomes of runs that are cancelled, lose their worker, or are started by a schedule."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psutil  # type: ignore[import-untyped]
import pytest
from mlflow.tracking import MlflowClient

from flows.lost_runs import processes_of
from flows.servers import WORKER_SECONDS, Noted
from spikeseg_core.storage import load_arrays
from tasks.state import State
from tests.e2e.conftest import SECONDS, SECTIONS, Prefect, Spikeseg, until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

ENDS = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
EPOCHS = 2000
ENOUGH = 5
"""Epochs after which a training is interrupted, of far more."""
GOING_ON = ["going", "on", "after", "epoch"]
TINY = {"steps_per_epoch": 1, "batch_size": 1}
QUICKLY = {"repeats": 1, "presentation_steps": [10, 20], "settling": []}
SECONDS_BETWEEN_BENCHMARKS = 30


class Training:
    """A pipeline that trains for long, started on Prefect's page; the same seed is the same."""

    def __init__(self, spikeseg: Spikeseg, prefect: Prefect, seed: int) -> None:
        self.home = spikeseg.home
        self.prefect = prefect
        self.started = time.time()
        train = {**TINY, "epochs": EPOCHS, "seed": seed}
        config = {"preset": "quick", "dataset": SECTIONS, "train": train}
        self.run = prefect.start("pipeline/quick", {"config": config})

    def wait_for_epoch(self, number: int) -> None:
        """Wait until it has trained so many epochs."""

        def there() -> bool:
            state = self.prefect.run(self.run)["state"]
            assert state["type"] not in ENDS, state
            return self.epochs() >= number

        until(there, f"epoch {number} of run {self.run}")

    def epochs(self) -> int:
        """Epochs that its checkpoint has; 0 until it has written one."""
        found = self.home.glob("stages/train-*/checkpoints/rates.npz")
        newest = max(found, key=lambda path: path.stat().st_mtime, default=None)
        if newest is None or newest.stat().st_mtime < self.started:
            return 0
        return len(load_arrays(newest)["history"])

    def cancel(self) -> dict[str, Any]:
        """Do what the page's button does, and wait for the end."""
        cancelling = {"state": {"type": "CANCELLING", "name": "Cancelling"}}
        self.prefect.ask(f"/flow_runs/{self.run}/set_state", cancelling)
        return dict(self.prefect.wait_for(self.run, *ENDS)["state"])

    def processes(self) -> list[psutil.Process]:
        return list(processes_of(self.run))

    def went_on_after(self) -> int:
        """Epoch after which it went on, by its log."""

        def found() -> int | None:
            wanted = {"logs": {"flow_run_id": {"any_": [self.run]}}}
            words = [log["message"].split() for log in self.prefect.ask("/logs/filter", wanted)]
            return next((int(w[4]) for w in words if w[:4] == GOING_ON), None)

        return int(until(found, f"run {self.run} to say where it went on"))


@pytest.fixture
def train(operated: Spikeseg, prefect: Prefect) -> Iterator[Callable[[int], Training]]:
    """Start trainings by their seed; what still runs at the end is cancelled."""
    started: list[Training] = []

    def start(seed: int) -> Training:
        started.append(Training(operated, prefect, seed))
        return started[-1]

    yield start
    for training in started:
        if prefect.run(training.run)["state"]["type"] not in ENDS:
            training.cancel()


@pytest.fixture(scope="module")
def mlflow(addresses: dict[str, str]) -> MlflowClient:
    return MlflowClient(addresses["MLFLOW_TRACKING_URI"])


def runs_of(mlflow: MlflowClient, flow_run: str) -> list[Any]:
    experiments = [each.experiment_id for each in mlflow.search_experiments()]
    return list(mlflow.search_runs(experiments, f"tags.`prefect.flow_run_id` = '{flow_run}'"))


def ended_as(mlflow: MlflowClient, training: Training) -> dict[str, str]:
    """How the run and its stages ended in MLflow, by stage."""
    runs = runs_of(mlflow, training.run)
    return {
        run.data.tags["spikeseg.stage"]: run.info.status
        for run in runs
        if run.data.tags["spikeseg.stage"] in ("pipeline", "train")
    }


def test_cancelling_stops_the_training_and_a_rerun_goes_on(
    train: Callable[[int], Training], mlflow: MlflowClient
) -> None:
    first = train(1)
    first.wait_for_epoch(ENOUGH)
    assert first.processes()
    state = first.cancel()
    assert state["type"] == "CANCELLED", state
    assert not first.processes()
    assert ended_as(mlflow, first) == {"pipeline": "KILLED", "train": "KILLED"}
    before = first.epochs()
    assert ENOUGH <= before < EPOCHS

    again = train(1)
    again.wait_for_epoch(before + 1)
    assert again.went_on_after() == before


def test_a_run_whose_worker_is_killed_has_crashed_and_a_rerun_goes_on(
    operated: Spikeseg,
    prefect: Prefect,
    train: Callable[[int], Training],
    mlflow: MlflowClient,
) -> None:
    first = train(2)
    first.wait_for_epoch(ENOUGH)
    assert first.processes()
    worker = worker_of(operated)
    born = psutil.Process(worker).create_time()
    until(lambda: time.time() - born > WORKER_SECONDS + 5, "an old enough worker")
    os.kill(worker, signal.SIGKILL)
    run = prefect.wait_for(first.run, *ENDS)
    assert run["state"]["type"] == "CRASHED", run["state"]
    until(lambda: worker_of(operated) != worker, "another worker")
    assert psutil.pid_exists(worker_of(operated))
    assert "worker of the run was killed" in prefect.run(first.run)["state"]["message"]
    assert not first.processes()
    assert ended_as(mlflow, first) == {"pipeline": "KILLED", "train": "KILLED"}
    before = first.epochs()
    assert ENOUGH <= before < EPOCHS

    again = train(2)
    again.wait_for_epoch(before + 1)
    assert again.went_on_after() == before


def worker_of(spikeseg: Spikeseg) -> int:
    """Process id of the worker that is noted."""
    noted = Noted.read(State(spikeseg.home))
    assert noted is not None
    return noted.processes["worker"][0]


@pytest.fixture
def tiny_network(operated: Spikeseg) -> None:
    """A network that went all the way, as small and as quick as can be."""
    settings = {
        "dataset": SECTIONS,
        "train": {**TINY, "epochs": 1},
        "tune": {**TINY, "epochs": 1, "spiking_epochs": 0},
        "presentation": {"steps": 20},
        "benchmark": QUICKLY,
    }
    changes = [f"{name}={json.dumps(values)}" for name, values in settings.items()]
    operated.run("run", *(word for change in changes for word in ("--set", change)))


@contextmanager
def every(seconds: int, prefect: Prefect, deployment: Mapping[str, Any]) -> Iterator[None]:
    """Switch a deployment's schedule on, for every so many seconds; then it is what it was."""
    (schedule,) = deployment["schedules"]
    where = f"/deployments/{deployment['id']}/schedules/{schedule['id']}"
    often = {"schedule": {"interval": seconds}, "parameters": {"benchmark": QUICKLY}}
    prefect.ask(where, {**often, "active": True}, "PATCH")
    try:
        yield
    finally:
        was = {name: schedule[name] for name in ("schedule", "parameters", "active")}
        prefect.ask(where, was, "PATCH")


def test_a_schedule_fires_by_itself_and_its_run_says_what_moved(
    operated: Spikeseg, prefect: Prefect, mlflow: MlflowClient, tiny_network: None
) -> None:
    deployment = prefect.deployment("benchmark/benchmark")

    def fired(*states: str) -> list[dict[str, Any]]:
        which = {
            "deployments": {"id": {"any_": [deployment["id"]]}},
            "flow_runs": {"state": {"type": {"any_": states}}},
            "sort": "START_TIME_ASC",
        }
        return list(prefect.ask("/flow_runs/filter", which))

    with every(SECONDS_BETWEEN_BENCHMARKS, prefect, deployment):
        until(lambda: len(fired(*ENDS)) >= 2, "two scheduled benchmarks", 2 * SECONDS)
    for late in fired("SCHEDULED", "PENDING", "RUNNING"):
        state = {"type": "CANCELLING" if late["state"]["type"] == "RUNNING" else "CANCELLED"}
        prefect.ask(f"/flow_runs/{late['id']}/set_state", {"state": state})
    first, second = fired(*ENDS)[:2]
    for run in (first, second):
        assert run["auto_scheduled"]
        assert run["state"]["type"] == "COMPLETED", run["state"]

    (before,), (now,) = (runs_of(mlflow, run["id"]) for run in (first, second))
    assert now.data.tags["benchmark.previous"] == before.info.run_id
    moved = {n: v for n, v in now.data.metrics.items() if n.startswith("moved/loihi")}
    ratios = {n: v for n, v in moved.items() if "host" not in n}  # priced like the CPU's time
    assert ratios
    assert all(ratio == 1 for ratio in ratios.values())  # modelled: the same chips, the same spikes
    assert {"moved.json", "moved.md"} <= {a.path for a in mlflow.list_artifacts(now.info.run_id)}
    wanted = {"flow_runs": {"id": {"any_": [second["id"]]}}}
    shown = {each["key"]: each["data"] for each in prefect.ask("/artifacts/filter", wanted)}
    assert f"since run {before.info.run_id}" in shown["benchmark"]
    assert '"ratio"' in shown["benchmark-moved"]
