"""Runs that a killed worker has left behind.

Their processes keep running, but nobody learns when they end, and nobody can cancel them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import psutil  # type: ignore[import-untyped]

from tasks.local.posting import post
from tasks.local.process import stop_all

RUN_VARIABLE = "PREFECT__FLOW_RUN_ID"
"""Prefect sets it for the process of a flow run; child processes inherit it."""
STARTING_SECONDS = 90.0
"""How long a run may have no process after the worker took it."""
NEVER_BEGAN = (
    "the run has no process on the worker's machine: it ended before it could report anything. Its "
    "output is in the worker's log."
)
MESSAGE = (
    "the worker of the run was killed, and its process was stopped. Run it again: finished stages "
    "are reused, and training continues from its last checkpoint."
)


def end_lost_runs(prefect: str, mlflow: str, worker: str, password: str) -> list[str]:
    """Stop the processes of a killed worker's runs, and mark the runs as crashed.

    ``prefect`` and ``mlflow`` are the addresses of Prefect's API and of MLflow's server, and
    ``password`` is that of both. Returns the names of the runs; raises OSError if a server does
    not answer.
    """
    going_on = {"flow_runs": {"state": {"type": {"any_": ["RUNNING", "PENDING", "CANCELLING"]}}}}
    crashed = _crashed(MESSAGE)
    lost = []
    for run in post(f"{prefect}/flow_runs/filter", going_on, password):
        if not _is_of(worker, run):
            continue
        stop_all(list(processes_of(run["id"])))
        post(f"{prefect}/flow_runs/{run['id']}/set_state", crashed, password)
        _end_in_mlflow(f"{mlflow}/api/2.0/mlflow", run["id"], password)
        lost.append(str(run["name"]))
    return lost


def end_runs_without_process(prefect: str, worker: str, password: str) -> list[str]:
    """Mark runs as crashed that the worker took, but that have no process long after.

    They would keep their place in the pool. Returns their names; raises as :func:`end_lost_runs`.
    """
    starting = {"flow_runs": {"state": {"type": {"any_": ["PENDING"]}}}}
    crashed = _crashed(NEVER_BEGAN)
    ended = []
    for run in post(f"{prefect}/flow_runs/filter", starting, password):
        since = datetime.fromisoformat(run["state"]["timestamp"])
        waited = (datetime.now(UTC) - since).total_seconds()
        if waited < STARTING_SECONDS or not _is_of(worker, run) or any(processes_of(run["id"])):
            continue
        post(f"{prefect}/flow_runs/{run['id']}/set_state", crashed, password)
        ended.append(str(run["name"]))
    return ended


def _crashed(message: str) -> dict[str, Any]:
    return {"state": {"type": "CRASHED", "name": "Crashed", "message": message}, "force": True}


def _is_of(worker: str, run: Mapping[str, Any]) -> bool:
    """Whether it is the worker's run; one that it had just picked up has no label yet."""
    label = run["labels"].get("prefect.worker.name")
    taken = run["state"]["type"] == "PENDING" and run["work_pool_name"] is not None
    return bool(label == worker or (label is None and taken))


def _end_in_mlflow(api: str, run_id: str, password: str) -> None:
    """End the runs in MLflow that the killed processes left running."""
    found = post(f"{api}/experiments/search", {"max_results": 1000}, password)
    experiments = [each["experiment_id"] for each in found["experiments"]]
    running = f"tags.`prefect.flow_run_id` = '{run_id}' and attributes.status = 'RUNNING'"
    wanted = {"experiment_ids": experiments, "filter": running}
    found = post(f"{api}/runs/search", wanted, password)
    for run in found.get("runs", []):
        killed = {"status": "KILLED", "end_time": int(1000 * time.time())}
        post(f"{api}/runs/update", {"run_id": run["info"]["run_id"], **killed}, password)


def processes_of(run_id: str) -> Iterator[psutil.Process]:
    """Find the processes of a flow run on this machine, including the workers of a sweep."""
    for process in psutil.process_iter():
        try:
            if process.environ().get(RUN_VARIABLE) == run_id:
                yield process
        except psutil.Error:  # ended, or belongs to another user
            continue
