"""`make load`: many runs, one line of figures each; the last line counts what was lost.

Stages are stubbed (they write a few numbers) in all but the queue, whose runs prepare real, tiny
sections in processes of their own, started by the worker of a real `spikeseg up`.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]

SLOWEST_ANSWER = 30.0
"""Seconds within which a command or page has to answer, on a busy machine."""
GROWTH = 1.0
"""Megabytes of memory that a run may leave behind; Prefect and MLflow keep caches."""


def main() -> int:
    """Run what is asked for; 0 if nothing was lost."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--runs", type=int, default=50, help="pipelines one after the other")
    words.add_argument("--points", type=int, default=200, help="points of a sweep")
    words.add_argument("--mlflow", type=int, default=1000, help="runs in MLflow's experiment")
    words.add_argument("--queued", type=int, default=50, help="flow runs that wait at once")
    asked = words.parse_args()
    with tempfile.TemporaryDirectory(prefix="spikeseg-load-") as folder:
        os.environ["SPIKESEG_HOME"] = str(Path(folder) / "state")
        for name in ("PREFECT_API_URL", "PREFECT_HOME", "MLFLOW_TRACKING_URI"):
            os.environ.pop(name, None)
        lost = _stubbed(asked) + (_queued(asked.queued, Path(folder)) if asked.queued else 0)
    print(f"lost {lost}")
    return int(lost > 0)


def _stubbed(asked: argparse.Namespace) -> int:
    """Run what needs no server of its own, with stubbed stages."""
    import pytest
    from prefect.testing.utilities import prefect_test_harness

    from tasks.mlflow import models
    from tests.fakes import FakeStages

    logging.disable(logging.WARNING)
    with pytest.MonkeyPatch.context() as patch, prefect_test_harness(server_startup_timeout=280):
        FakeStages().put_in_place(patch)
        patch.setattr(models, "log", lambda *model: None)
        return (
            (_runs(asked.runs) if asked.runs else 0)
            + (_sweep(asked.points) if asked.points else 0)
            + (_mlflow(asked.mlflow) if asked.mlflow else 0)
        )


def _runs(count: int) -> int:
    from flows.pipeline import pipeline
    from tasks.cleaning import delete, waste
    from tasks.in_use import release
    from tasks.local import runs, state

    memory, began = [], time.monotonic()
    for seed in range(count):
        pipeline(preset="quick", dataset="synthetic", seed=seed)
        memory.append(_megabytes())
    seconds = (time.monotonic() - began) / count
    found = len([run for run in runs.recorded() if run.kind == "pipeline"])
    disk = _disk(state.current().home)
    release(state.current().stages)  # as if this process had ended
    delete(waste(()))
    stages = sum(1 for _ in state.current().stages.glob("*/"))
    settled = memory[len(memory) // 2 :]
    growth = (settled[-1] - settled[0]) / max(1, len(settled) - 1)
    print(
        f"{count} runs one after the other: {seconds:.2f} s each, memory {memory[0]:.0f} to "
        f"{memory[-1]:.0f} MB ({growth:+.2f} MB a run in the second half), disk {disk:.0f} MB, "
        f"{_disk(state.current().home):.0f} MB and {stages} stages after clean; "
        f"{found} of {count} listed"
    )
    return _counted(count - found, {"memory grows": growth > GROWTH, "clean left more": stages > 8})


def _sweep(count: int) -> int:
    from flows.sweep import sweep
    from spikeseg_core.sweep.definition import Sweep

    before, began = _megabytes(), time.monotonic()
    grid = {"tune.percentile": tuple(90 + 9.9 * i / count for i in range(count))}
    asked = Sweep(title="Load", grid=grid, metrics=("loihi/test/v_rand",), until="deploy")
    summary = sweep(own=asked, workers=1)
    done = sum(row["seeds"] == 1 for row in summary["points"])
    print(
        f"a sweep of {count} points: {(time.monotonic() - began) / count:.2f} s a point, memory "
        f"{before:.0f} to {_megabytes():.0f} MB; {done} of {count} in the table"
    )
    return _counted(count - done, {})


def _mlflow(count: int) -> int:
    from tasks.compare import compare
    from tasks.local import runs
    from tasks.mlflow.store import RUNS_TAG, Run, store

    began = time.monotonic()
    made = []
    for number in range(count):
        run = Run.create(store(), f"load-{number:04}", {"spikeseg.stage": "pipeline"}, None)
        run.params({"preset": "quick", "train.epochs": number})
        run.metrics([("test/v_rand", number / count, 0, 0.0)])
        run.tags({RUNS_TAG: "{}"})
        run.end()
        made.append(run.id)
    written = (time.monotonic() - began) / max(1, count)
    found = {run.info.run_id for run in _every_run()}
    two, seconds = _timed(lambda: compare([]))
    named, by_name = _timed(lambda: compare(["load-0000", made[-1][:8]]))
    _, listed = _timed(runs.show_list)
    print(
        f"{count} runs in MLflow: {1000 * written:.0f} ms each, compare answers in "
        f"{seconds:.1f} s, by name in {by_name:.1f} s, runs in {listed:.1f} s; "
        f"{len(found & set(made))} of {count} there"
    )
    slow = max(seconds, by_name, listed) > SLOWEST_ANSWER
    wrong = len(two["runs"]) != 2 or named["runs"][0]["name"] != "load-0000"
    return _counted(count - len(found & set(made)), {"slow": slow, "wrong answer": wrong})


def _every_run() -> list[Any]:
    from tasks.mlflow.store import store

    client, found, token = store().client, [], None
    while True:
        page = client.search_runs([store().experiment], max_results=500, page_token=token)
        found += page
        if not (token := page.token):
            return found


def _queued(count: int, folder: Path) -> int:
    """Queue runs at once at a real stack; every one of them has to end well."""
    from tests.e2e.conftest import SECTIONS, Prefect, Spikeseg, until

    spikeseg = Spikeseg(folder / "up")
    up = spikeseg.start("up")
    note = spikeseg.home / "servers.json"
    try:
        until(lambda: up.poll() is not None or _is_ready(note), "spikeseg up", 600)
        noted = json.loads(note.read_text())["environment"]
        prefect = Prefect(noted["PREFECT_API_URL"], noted["PREFECT_API_AUTH_STRING"])
        began = time.monotonic()
        started = [
            prefect.start("prepare/prepare", {"dataset": {**SECTIONS, "synthetic_seed": seed}})
            for seed in range(count)
        ]
        asked = time.monotonic() - began
        slowest, done = 0.0, 0
        wanted = {"flow_runs": {"id": {"any_": started}}, "limit": 200}
        while done < count and time.monotonic() - began < 120 * count:
            answer, seconds = _timed(lambda: prefect.ask("/flow_runs/filter", wanted))
            slowest = max(slowest, seconds)
            states = [run["state"]["type"] for run in answer]
            done = sum(state in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED") for state in states)
            time.sleep(2)
        well = states.count("COMPLETED")
        memory = sum(
            each.memory_info().rss for each in psutil.Process(up.pid).children(recursive=True)
        )
        print(
            f"{count} flow runs queued at once in {asked:.1f} s: all ended after "
            f"{time.monotonic() - began:.0f} s, slowest answer {slowest:.1f} s, servers "
            f"{memory / 2**20:.0f} MB, disk {_disk(spikeseg.home):.0f} MB; "
            f"{well} of {count} completed"
        )
    finally:
        up.send_signal(signal.SIGINT)
        up.communicate(timeout=120)
    return _counted(count - well, {"slow": slowest > SLOWEST_ANSWER})


def _is_ready(note: Path) -> bool:
    try:
        return bool(json.loads(note.read_text())["health"])
    except (OSError, ValueError):
        return False


def _counted(lost: int, wrong: dict[str, bool]) -> int:
    for name in (name for name, is_so in wrong.items() if is_so):
        print(f"  WRONG: {name}")
    return lost + sum(wrong.values())


def _timed(what: Callable[[], Any]) -> tuple[Any, float]:
    began = time.monotonic()
    return what(), time.monotonic() - began


def _megabytes() -> float:
    return float(psutil.Process().memory_info().rss / 2**20)


def _disk(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**20


if __name__ == "__main__":
    sys.exit(main())
