"""The end of every pipeline run: its results in one JSON file, and its report."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from spikeseg_core.figures.run import draw_run
from spikeseg_core.report.folders import recorded_stage
from spikeseg_core.report.records import RecordedStage
from spikeseg_core.report.render import html, markdown
from spikeseg_core.report.run import run_report, summarize
from spikeseg_core.storage import write_json, write_text
from tasks.local import state
from tasks.mlflow import champion
from tasks.mlflow.store import Run
from tasks.mlflow.tracking import PipelineRun
from tasks.prefect.artifacts import show_markdown
from tasks.provenance import prefect_tags
from tasks.references import StageRef


def conclude(run: PipelineRun, refs: Sequence[StageRef]) -> dict[str, Any]:
    """Log what is not logged yet, and write summary and report to ``.spikeseg/runs/<id>/``."""
    refs = run.complete(refs)
    stages = {ref.stage: recorded_stage(ref.folder) for ref in refs}
    by_stage = {ref.stage: ref for ref in refs}
    standing = champion.consider(by_stage["deploy"], by_stage["benchmark"], run.config.promotion)
    started = datetime.fromtimestamp(run.started, UTC)
    folder = state.current().runs / f"{started:%Y%m%d-%H%M%S}-{run.config.preset}"
    summary = summarize(stages, run.started, run.config.tolerance.model_dump()) | {
        "preset": run.config.preset,
        "config": run.config.model_dump(mode="json"),
        "mlflow": {
            "tracking_uri": state.tracking_uri(),
            "experiment": os.environ.get("MLFLOW_EXPERIMENT_NAME") or state.EXPERIMENT,
            "run_id": run.run.id if run.run is not None else None,
            "run_ids": {ref.stage: ref.mlflow_run_id for ref in refs},
        },
        "model": standing.plain() if standing is not None else None,
        "prefect": _prefect_summary(),
        "report": str(folder / "report.html"),
    }
    figures: dict[str, Sequence[Path]] = {name: _figures(stage) for name, stage in stages.items()}
    figures["run"] = draw_run({ref.stage: ref.folder for ref in refs}, summary, folder)
    write_json(folder / "summary.json", summary)
    document = run_report(summary, figures)
    text = markdown(document)
    write_text(folder / "report.md", text)
    write_text(folder / "report.html", html(document))
    run.attempt("log the report", lambda tracked: _log(tracked, folder))
    if standing is not None:
        run.attempt("log the model's standing", lambda tracked: tracked.tags(standing.tags()))
    page = run.attempt("give a link", lambda tracked: tracked.page)
    show_markdown(f"MLflow run: {page or 'none, MLflow did not answer'}\n\n{text}", key="pipeline")
    return summary


def _prefect_summary() -> dict[str, Any]:
    """Id of Prefect's run, and its page if there is a server to show it."""
    tags = prefect_tags()
    return {
        "flow_run_id": tags.get("prefect.flow_run_id"),
        "url": tags.get("prefect.flow_run_url"),
        "api": (os.environ.get("PREFECT_API_URL") or "embedded") if tags else None,
    }


def _figures(stage: RecordedStage) -> list[Path]:
    found = (stage.file(name) for name in stage.account["outcome"]["figures"])
    return [path for path in found if path is not None]


def _log(run: Run, folder: Path) -> None:
    for path in sorted(folder.iterdir()):
        run.artifact(path)
    note = (folder / "report.md").read_text(encoding="utf-8")
    run.tags({"mlflow.note.content": note[:8000], **prefect_tags()})
