"""Runs that are cancelled or lose their worker, and commands that are stopped."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest
from mlflow.tracking import MlflowClient

from tasks.local.servers import WORKER_SECONDS, Noted
from tasks.local.state import State
from tests.e2e.conftest import (
    ENDS,
    ENOUGH,
    EPOCHS,
    SECONDS,
    SECTIONS,
    TINY,
    Prefect,
    Spikeseg,
    Training,
    runs_of,
    until,
)

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]


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


def test_servers_that_are_killed_are_started_again_and_the_run_goes_on(
    operated: Spikeseg,
    prefect: Prefect,
    train: Callable[[int], Training],
    mlflow: MlflowClient,
) -> None:
    run = train(3)
    run.wait_for_epoch(ENOUGH)
    for name in ("mlflow", "prefect"):
        server = process_of(operated, name)
        born = psutil.Process(server).create_time()
        until(lambda born=born: time.time() - born > WORKER_SECONDS + 5, "an old enough server")
        os.kill(server, signal.SIGKILL)
        until(lambda n=name, s=server: process_of(operated, n) != s, f"another {name}")
    before = run.epochs()
    run.wait_for_epoch(before + 1)
    assert prefect.run(run.run)["state"]["type"] == "RUNNING"
    assert run.cancel()["type"] == "CANCELLED"
    assert ended_as(mlflow, run) == {"pipeline": "KILLED", "train": "KILLED"}


def worker_of(spikeseg: Spikeseg) -> int:
    return process_of(spikeseg, "worker")


def process_of(spikeseg: Spikeseg, name: str) -> int:
    """Process id in ``servers.json``."""
    noted = Noted.read(State(spikeseg.home))
    assert noted is not None
    return noted.processes[name][0]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_says_how_to_go_on_and_leaves_nothing_behind(
    number: signal.Signals, tmp_path: Path
) -> None:
    spikeseg = Spikeseg(tmp_path / "st [old]?")
    train = json.dumps({**TINY, "epochs": EPOCHS})
    sections = json.dumps(SECTIONS)
    process = spikeseg.start("run", "--set", f"train={train}", "--set", f"dataset={sections}")
    checkpoints = "stages/train-*/checkpoints/*"
    until(lambda: any(spikeseg.home.glob(checkpoints)), "a checkpoint", 2 * SECONDS)
    below = psutil.Process(process.pid).children(recursive=True)
    assert any("tasks.local.bound" in each.cmdline() for each in below)
    process.send_signal(number)
    output, _ = process.communicate(timeout=15)
    assert process.returncode == 128 + number
    assert output.count("interrupted; run the same command again to continue") == 1
    assert "Crash" not in output
    assert "Traceback" not in output
    assert psutil.wait_procs(below, timeout=5)[1] == []
    assert [path.name for path in tmp_path.iterdir()] == ["st [old]?"]
