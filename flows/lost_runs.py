"""Runs that a killed worker has left behind.

Their processes work on, but nobody hears of their end any more, and nobody can cancel them.
"""

from __future__ import annotations

from collections.abc import Iterator

import psutil  # type: ignore[import-untyped]

from flows.prefect_api import ask

STOP_SECONDS = 15.0
RUN_VARIABLE = "PREFECT__FLOW_RUN_ID"
"""Environment variable by which Prefect tells a process, and those it starts, whose run it is."""
MESSAGE = (
    "the worker of the run was killed, and its process was stopped. Run it again: finished stages "
    "are used again, training goes on from its last checkpoint."
)


def end_lost_runs(api: str, worker: str) -> list[str]:
    """Stop what still runs of a worker that was killed, and call those runs crashed.

    Parameters
    ----------
    api : str
        Address of Prefect's API.
    worker : str
        Name of the worker; all its runs are on this machine.

    Returns
    -------
    list of str
        Names of the runs.
    """
    going_on = {"flow_runs": {"state": {"type": {"any_": ["RUNNING", "PENDING", "CANCELLING"]}}}}
    crashed = {"type": "CRASHED", "name": "Crashed", "message": MESSAGE}
    lost = []
    for run in ask(f"{api}/flow_runs/filter", going_on):
        if run["labels"].get("prefect.worker.name") != worker:
            continue
        stop(list(processes_of(run["id"])))
        ask(f"{api}/flow_runs/{run['id']}/set_state", {"state": crashed, "force": True})
        lost.append(str(run["name"]))
    return lost


def processes_of(run_id: str) -> Iterator[psutil.Process]:
    """Find the processes of a flow run on this machine, workers of its sweep included."""
    for process in psutil.process_iter():
        try:
            if process.environ().get(RUN_VARIABLE) == run_id:
                yield process
        except psutil.Error:  # ended, or another user's
            continue


def stop(processes: list[psutil.Process]) -> None:
    """Stop processes: asked first, so that they can say in MLflow that they were killed."""
    for end in (psutil.Process.terminate, psutil.Process.kill):
        for process in processes:
            try:
                end(process)
            except psutil.NoSuchProcess:
                continue
        _, processes = psutil.wait_procs(processes, timeout=STOP_SECONDS)
