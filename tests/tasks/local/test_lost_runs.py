from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psutil  # type: ignore[import-untyped]
import pytest

from tasks.local import lost_runs
from tasks.local.process import stop_all

SLEEP = "import subprocess, sys, time; {}; print('up', flush=True); time.sleep(60)"
PASSWORD = "spikeseg:secret"
BELOW = "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])"


class Server:
    """Answers of Prefect and MLflow, and the requests they got."""

    def __init__(self, run: dict[str, Any]) -> None:
        tag = f"tags.`prefect.flow_run_id` = '{run['id']}'"
        self.answers = {
            "http://prefect/api/flow_runs/filter": [run],
            f"http://prefect/api/flow_runs/{run['id']}/set_state": {},
            "http://mlflow/api/2.0/mlflow/experiments/search": {
                "experiments": [{"experiment_id": "1"}]
            },
            "http://mlflow/api/2.0/mlflow/runs/search": {"runs": [{"info": {"run_id": "0123"}}]},
            "http://mlflow/api/2.0/mlflow/runs/update": {},
        }
        self.search = {
            "experiment_ids": ["1"],
            "filter": f"{tag} and attributes.status = 'RUNNING'",
        }
        self.told: dict[str, dict[str, Any]] = {}

    def post(self, address: str, body: dict[str, Any], password: str) -> Any:
        assert password == PASSWORD
        if address.endswith("runs/search"):
            assert body == self.search
        self.told[address.rpartition("/")[2]] = body
        return self.answers[address]


@pytest.fixture
def run() -> dict[str, Any]:
    return {
        "id": str(uuid4()),
        "name": "train",
        "state": {"type": "RUNNING"},
        "work_pool_name": "spikeseg",
        "labels": {"prefect.worker.name": "ours"},
    }


@pytest.fixture
def process(run: dict[str, Any]) -> Iterator[psutil.Process]:
    """A flow run's process with a child, like a sweep's workers."""
    started = subprocess.Popen(
        [sys.executable, "-c", SLEEP.format(BELOW)],
        env={**os.environ, lost_runs.RUN_VARIABLE: run["id"]},
        stdout=subprocess.PIPE,
    )
    assert started.stdout is not None
    started.stdout.readline()
    yield psutil.Process(started.pid)
    stop_all(list(lost_runs.processes_of(run["id"])))
    started.communicate()


def end(monkeypatch: pytest.MonkeyPatch, run: dict[str, Any], worker: str) -> tuple[Any, Server]:
    server = Server(run)
    monkeypatch.setattr(lost_runs, "post", server.post)
    names = lost_runs.end_lost_runs("http://prefect/api", "http://mlflow", worker, PASSWORD)
    return names, server


def test_what_still_runs_is_stopped_and_called_crashed(
    monkeypatch: pytest.MonkeyPatch, run: dict[str, Any], process: psutil.Process
) -> None:
    assert len(list(lost_runs.processes_of(run["id"]))) == 2
    names, server = end(monkeypatch, run, "ours")
    assert names == ["train"]
    state = server.told["set_state"]["state"]
    assert state["type"] == "CRASHED"
    assert "worker of the run was killed" in state["message"]
    assert server.told["update"].items() >= {"run_id": "0123", "status": "KILLED"}.items()
    assert not list(lost_runs.processes_of(run["id"]))


def test_runs_of_others_are_left_alone(
    monkeypatch: pytest.MonkeyPatch, run: dict[str, Any], process: psutil.Process
) -> None:
    for labels in ({"prefect.worker.name": "theirs"}, {}):
        names, server = end(monkeypatch, {**run, "labels": labels}, "ours")
        assert (names, list(server.told)) == ([], ["filter"])
    assert process.is_running()


def test_a_run_that_the_worker_had_only_just_taken_is_ended_too(
    monkeypatch: pytest.MonkeyPatch, run: dict[str, Any]
) -> None:
    pending = {"state": {"type": "PENDING"}, "labels": {}}
    names, _ = end(monkeypatch, {**run, **pending}, "ours")
    assert names == ["train"]
    names, _ = end(monkeypatch, {**run, **pending, "work_pool_name": None}, "ours")
    assert names == []


@pytest.mark.parametrize(
    ("seconds_ago", "other", "ended"),
    [
        (200, {}, True),
        (10, {}, False),
        (200, {"labels": {"prefect.worker.name": "theirs"}}, False),
        (200, {"work_pool_name": None, "labels": {}}, False),
    ],
    ids=["long ago", "it may still begin", "of another worker", "of a terminal"],
)
def test_a_run_that_never_began_gives_its_place_back(
    monkeypatch: pytest.MonkeyPatch,
    run: dict[str, Any],
    seconds_ago: int,
    other: dict[str, Any],
    ended: bool,
) -> None:
    when = (datetime.now(UTC) - timedelta(seconds=seconds_ago)).isoformat().replace("+00:00", "Z")
    server = Server({**run, "state": {"type": "PENDING", "timestamp": when}, **other})
    monkeypatch.setattr(lost_runs, "post", server.post)
    names = lost_runs.end_runs_without_process("http://prefect/api", "ours", PASSWORD)
    assert names == (["train"] if ended else [])
    assert ("set_state" in server.told) is ended


def test_one_with_a_process_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, run: dict[str, Any], process: psutil.Process
) -> None:
    old = {"type": "PENDING", "timestamp": "2026-01-01T00:00:00+00:00"}
    monkeypatch.setattr(lost_runs, "post", Server({**run, "state": old}).post)
    assert lost_runs.end_runs_without_process("http://prefect/api", "ours", PASSWORD) == []
