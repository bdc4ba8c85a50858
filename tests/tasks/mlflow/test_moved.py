from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mlflow.tracking import MlflowClient

from tasks.local import state
from tasks.local.machine import FINGERPRINT
from tasks.mlflow.moved import ALERT_TAG, log_comparison
from tasks.mlflow.store import Run, store


def result(*, moved: bool, busy: bool = False) -> dict[str, Any]:
    change = {"what": "CPU, test/time", "unit": "ms", "basis": "measured"}
    change |= {"now": 3.0, "before": 2.0, "ratio": 3.0, "machine": 2.0, "own": 1.5}
    change |= {"moved": moved}
    return {
        "model": "newest",
        "machine": {FINGERPRINT: "x"},
        "busy": busy,
        "load": 0.5,
        "previous_mlflow_run_id": "0a1b",
        "figures": [],
        "changes": [] if busy else [change],
        "tolerance": {"timed": 0.2},
        "also_changed": [],
        "verdict": "what moved",
    }


@pytest.mark.parametrize(
    ("found", "count", "alert"),
    [
        (result(moved=True), "1", "what moved"),
        (result(moved=False), "0", None),
        (result(moved=True, busy=True), "not compared", None),
    ],
)
def test_only_what_moved_has_an_alert(
    found: dict[str, Any], count: str, alert: str | None, home: Path
) -> None:
    run = Run.create(store(), "benchmark", {}, None)
    log_comparison(run, found)
    client = MlflowClient(state.tracking_uri())
    data = client.get_run(run.id).data
    assert data.tags["benchmark.moved"] == count
    assert data.tags.get(ALERT_TAG) == alert
    assert data.metrics.get("moved/CPU/time") == (None if found["busy"] else 1.5)
    assert {each.path for each in client.list_artifacts(run.id)} == {"moved.json", "moved.md"}
