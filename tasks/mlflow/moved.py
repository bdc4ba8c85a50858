"""What moved between two benchmarks, in the MLflow run of the later one."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from spikeseg_core.storage import write_json, write_text
from tasks.mlflow.store import Run
from tasks.moved import markdown

ALERT_TAG = "benchmark.alert"
"""Says what moved beyond its tolerance; a benchmark of which nothing did has no such tag."""


def log_comparison(run: Run, result: Mapping[str, Any]) -> None:
    """Add the comparison to the benchmark's MLflow run.

    ``result`` is what the flow ``benchmark`` returns.
    """
    moved = [change for change in result["changes"] if change["moved"]]
    run.tags(
        {
            "benchmark.model": result["model"],
            "benchmark.previous": result["previous_mlflow_run_id"] or "none",
            "benchmark.moved": "not compared" if result["busy"] else str(len(moved)),
            "benchmark.busy": str(result["busy"]).lower(),
            "mlflow.note.content": markdown(result)[:8000],
            **({ALERT_TAG: result["verdict"][:5000]} if moved else {}),
        }
    )
    now = time.time()
    if not result["busy"]:
        run.metrics([("moved/figures", float(len(moved)), 0, now)])
    run.metrics(
        (f"moved/{_metric(change['what'])}", change["own"], 0, now) for change in result["changes"]
    )
    with TemporaryDirectory() as temporary:
        write_json(Path(temporary) / "moved.json", result)
        write_text(Path(temporary) / "moved.md", markdown(result))
        for path in sorted(Path(temporary).iterdir()):
            run.artifact(path)


def _metric(what: str) -> str:
    """Name of a figure that MLflow accepts."""
    return what.replace(", ", "/").replace("test/", "")
