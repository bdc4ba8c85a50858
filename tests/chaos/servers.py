"""Faults of a real `spikeseg up` and of commands beside it: killed, slow, refusing, cancelled."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil  # type: ignore[import-untyped]
from mlflow.tracking import MlflowClient

from tasks.local.password import CREDENTIALS
from tasks.local.registration import POOL
from tasks.local.servers import WORKER_SECONDS, Noted
from tasks.local.state import State
from tests.chaos.faults import Fault, expect
from tests.e2e.conftest import (
    ENDS,
    ENOUGH,
    EPOCHS,
    SECTIONS,
    TINY,
    Prefect,
    Spikeseg,
    Training,
    runs_of,
    until,
)


class Stack:
    """A `spikeseg up` with a state folder of its own, and trainings on it."""

    def __init__(self, home: Path) -> None:
        self.spikeseg = Spikeseg(home)
        self.seeds = iter(range(1, 1000))

    @contextmanager
    def running(self) -> Iterator[Stack]:
        """Start it, and prepare the sections that all trainings use."""
        self.up = self.spikeseg.start("up")
        before = dict(os.environ)
        try:
            until(lambda: self.up.poll() is not None or self.noted is not None, "up", 600)
            assert self.noted is not None, self.up.communicate()[0]
            noted = self.noted.environment
            os.environ.update({name: noted[name] for name in CREDENTIALS["MLFLOW_TRACKING_URI"]})
            self.prefect = Prefect(noted["PREFECT_API_URL"], noted["PREFECT_API_AUTH_STRING"])
            self.mlflow = MlflowClient(noted["MLFLOW_TRACKING_URI"])
            self.spikeseg.run("stage", "prepare", "--set", f"dataset={json.dumps(SECTIONS)}")
            yield self
        finally:
            os.environ.clear()
            os.environ.update(before)
            self.up.send_signal(signal.SIGINT)
            self.up.communicate(timeout=300)

    @property
    def noted(self) -> Noted | None:
        """What it has written about itself once its servers answer."""
        noted = Noted.read(State(self.spikeseg.home))
        return noted if noted is not None and noted.health else None

    def process(self, name: str) -> int:
        """Process id of a server or of the worker."""
        noted = self.noted
        assert noted is not None
        return noted.processes[name][0]

    def training(self) -> Training:
        """Start a training that nobody has run yet, and wait until it has checkpoints."""
        training = Training(self.spikeseg, self.prefect, next(self.seeds))
        training.wait_for_epoch(ENOUGH)
        return training

    def ended_in_mlflow(self, training: Training) -> set[str]:
        """How the run and its training ended in MLflow."""
        return {run.info.status for run in runs_of(self.mlflow, training.run)}


def of_servers(stack: Stack) -> Iterator[Fault]:
    """A server killed, stopped or without its database: the training goes on."""
    for name, make in NAMES.items():
        yield Fault(name, make(stack))


def _kill(stack: Stack, name: str) -> bool:
    server = stack.process(name)
    born = psutil.Process(server).create_time()
    until(lambda: time.time() - born > WORKER_SECONDS + 5, "an old enough server")
    os.kill(server, signal.SIGKILL)
    until(lambda: stack.process(name) != server, f"another {name}")
    return True


def _stop(stack: Stack, name: str) -> bool:
    """Stop the server and all that it has started, as a machine does that swaps."""
    top = psutil.Process(stack.process(name))
    every = [top, *top.children(recursive=True)]
    for process in every:
        process.suspend()
    time.sleep(40)
    for process in every:
        process.resume()
    return True


def _lock(stack: Stack, name: str) -> bool:
    file = stack.spikeseg.home / "prefect" / "prefect.db"
    database = sqlite3.connect(file, isolation_level=None, timeout=60)
    database.execute("BEGIN EXCLUSIVE")
    time.sleep(20)
    database.rollback()
    database.close()
    return True


def _goes_on(
    stack: Stack, name: str, trouble: Callable[[Stack, str], bool]
) -> Callable[[bool], None]:
    def check(inject: bool) -> None:
        training = stack.training()
        fired = inject and trouble(stack, name)
        before = training.epochs()
        training.wait_for_epoch(before + 1)
        state = until(lambda: _state(stack, training), "Prefect to answer")
        expect(state == "RUNNING", f"Prefect says {state}")
        expect(training.cancel()["type"] == "CANCELLED", "it cannot be cancelled any more")
        ended = stack.ended_in_mlflow(training)
        expect(ended == {"KILLED"}, f"MLflow says {sorted(ended)}")
        expect(fired, "nothing happened to the server")

    return check


def _state(stack: Stack, training: Training) -> str | None:
    try:
        return str(stack.prefect.run(training.run)["state"]["type"])
    except OSError:
        return None


def _rerun(stack: Stack) -> Callable[[bool], None]:
    def check(inject: bool) -> None:
        training = stack.training()
        if inject:
            _kill(stack, "worker")
            state = stack.prefect.wait_for(training.run, *ENDS)["state"]["type"]
        else:
            state = training.cancel()["type"]
        expect(not training.processes(), "its processes are left")
        _goes_on_where_it_was(stack, training)
        expect(state == "CRASHED", f"Prefect says {state}")

    return check


def _cancelled(stack: Stack) -> Callable[[bool], None]:
    def check(inject: bool) -> None:
        training = stack.training()
        if not inject:
            os.kill(training.processes()[0].pid, signal.SIGTERM)
        state = (
            training.cancel() if inject else stack.prefect.wait_for(training.run, *ENDS)["state"]
        )
        expect(not training.processes(), "its processes are left")
        _goes_on_where_it_was(stack, training)
        expect(state["type"] == "CANCELLED", f"Prefect says {state['type']}")

    return check


def _goes_on_where_it_was(stack: Stack, training: Training) -> None:
    before = training.epochs()
    expect(ENOUGH <= before < EPOCHS, f"it has {before} epochs")
    seed = next(stack.seeds) - 1
    again = Training(stack.spikeseg, stack.prefect, seed)
    again.wait_for_epoch(before + 1)
    after = again.went_on_after()
    again.cancel()
    expect(after == before, f"it went on after epoch {after}, not {before}")


def of_commands(folder: Path) -> Iterator[Fault]:
    """`spikeseg run` on its own, which gets a signal: nothing is left, and it goes on."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL):

        def check(inject: bool, number: signal.Signals = number) -> None:
            spikeseg = Spikeseg(folder / f"of-{number.name}")
            train = json.dumps({**TINY, "epochs": 2000})
            words = ("run", "--set", f"train={train}", "--set", f"dataset={json.dumps(SECTIONS)}")
            process = spikeseg.start(*words)
            checkpoints = "stages/train-*/checkpoints/*"
            until(lambda: any(spikeseg.home.glob(checkpoints)), "a checkpoint", 600)
            below = psutil.Process(process.pid).children(recursive=True)
            process.send_signal(number if inject else signal.SIGSTOP)
            if not inject:
                process.kill()
            output, _ = process.communicate(timeout=60)
            left = psutil.wait_procs(below, timeout=20)[1]
            shutil.rmtree(spikeseg.home, ignore_errors=True)
            expect(below, "it had started nothing")
            expect(not left, f"{len(left)} processes are left")
            expect("Traceback" not in output, "there is a traceback")
            if number == signal.SIGKILL:
                expect(inject, "it was ended by somebody else")
                return
            expect(process.returncode == 128 + number, f"it ended with {process.returncode}")
            expect("run the same command again" in output, "it does not say how to go on")

        yield Fault(f"run: {number.name}", check)


def of_foreign(folder: Path) -> Iterator[Fault]:
    """A state folder of somebody else, in whose Prefect database a command waits for a worker."""

    def check(inject: bool) -> None:
        proof, planted = folder / "executed", folder / "planted"
        _plant(Spikeseg(planted), f"touch {proof}")
        home = folder / "unpacked"
        if inject:
            shutil.copytree(planted, home)
        else:
            planted.rename(home)  # which leaves it as it was made
        with Stack(home).running() as stack:
            time.sleep(60)
            runs = stack.prefect.ask("/flow_runs/filter", {})
        executed = proof.exists()
        proof.unlink(missing_ok=True)
        shutil.rmtree(home, ignore_errors=True)
        expect(not executed, "the command was executed")
        expect(not any(run["name"] == "waits" for run in runs), "the planted run is there")

    yield Fault("up: a command waits in a state folder from elsewhere", check)


def _plant(spikeseg: Spikeseg, command: str) -> None:
    up = spikeseg.start("up", "--no-worker")
    try:
        until(lambda: up.poll() is not None or Noted.read(State(spikeseg.home)), "up", 600)
        noted = until(lambda: Noted.read(State(spikeseg.home)), "up", 600)
        until(lambda: (Noted.read(State(spikeseg.home)) or noted).health, "its servers", 600)
        assert noted.password is not None
        prefect = Prefect(noted.environment["PREFECT_API_URL"], noted.password)
        flow = prefect.ask("/flows/", {"name": "planted"})["id"]
        steps = [{"prefect.deployments.steps.run_shell_script": {"script": command}}]
        deployment = prefect.ask(
            "/deployments/",
            {"name": "planted", "flow_id": flow, "work_pool_name": POOL}
            | {"pull_steps": steps, "entrypoint": "planted.py:planted"},
        )["id"]
        prefect.ask(f"/deployments/{deployment}/create_flow_run", {"name": "waits"})
    finally:
        up.send_signal(signal.SIGINT)
        up.communicate(timeout=300)


NAMES: dict[str, Callable[[Stack], Callable[[bool], None]]] = {
    "up: mlflow is killed": lambda stack: _goes_on(stack, "mlflow", _kill),
    "up: mlflow does not answer for 40 s": lambda stack: _goes_on(stack, "mlflow", _stop),
    "up: prefect is killed": lambda stack: _goes_on(stack, "prefect", _kill),
    "up: prefect does not answer for 40 s": lambda stack: _goes_on(stack, "prefect", _stop),
    "up: Prefect's database is locked for 20 s": lambda stack: _goes_on(stack, "prefect", _lock),
    "up: the worker is killed, and the run goes on when it is run again": _rerun,
    "up: a run is cancelled, and goes on when it is run again": _cancelled,
}
