"""What a pipeline run found, in one JSON: the end of every run."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from flows.report import html_report, markdown_report
from spikeseg_core.evaluation.accounting import SCORES, blame, loss_table
from spikeseg_core.figures.waterfall import waterfall_figure
from spikeseg_core.storage import write_json, write_text
from tasks.folder import StageRecord, read_record
from tasks.local import state
from tasks.mlflow import champion
from tasks.mlflow.store import Run
from tasks.mlflow.tracking import PipelineRun
from tasks.prefect.artifacts import show_markdown
from tasks.provenance import is_synthetic, prefect_tags
from tasks.references import StageRef

SEGMENTATIONS = ("ann", "rate_tuned", "snn_rate", "snn_spiking", "loihi")


def conclude(run: PipelineRun, refs: Sequence[StageRef]) -> dict[str, Any]:
    """Log what is left to log, and write summary and report into ``.spikeseg/runs/<id>/``."""
    refs = run.complete(refs)
    records = {ref.stage: read_record(ref.folder) for ref in refs}
    by_stage = {ref.stage: ref for ref in refs}
    standing = champion.consider(by_stage["deploy"], by_stage["benchmark"], run.config.promotion)
    started = datetime.fromtimestamp(run.started, UTC)
    folder = state.current().runs / f"{started:%Y%m%d-%H%M%S}-{run.config.preset}"
    summary = summarize(records, run.started, run.config.tolerance.model_dump()) | {
        "preset": run.config.preset,
        "config": run.config.model_dump(mode="json"),
        "mlflow": {
            "tracking_uri": state.tracking_uri(),
            "experiment": os.environ.get("MLFLOW_EXPERIMENT_NAME") or state.EXPERIMENT,
            "run_id": run.run.id if run.run is not None else None,
            "run_ids": {ref.stage: ref.mlflow_run_id for ref in refs},
        },
        "model": standing.plain() if standing is not None else None,
        "prefect": prefect_summary(),
        "report": str(folder / "report.html"),
    }
    figures = {ref.stage: _figures(ref.folder, records[ref.stage]) for ref in refs}
    if summary["losses"]["steps"]:
        waterfall = waterfall_figure(
            pd.DataFrame(summary["losses"]["steps"]),
            {score: summary["stages"]["ann"][f"test/{score}"] for score in SCORES},
            folder / "waterfall.png",
        )
        figures["deploy"] = [*figures.get("deploy", []), waterfall]
    write_json(folder / "summary.json", summary)
    write_text(folder / "report.md", markdown_report(summary))
    write_text(folder / "report.html", html_report(summary, figures))
    run.attempt("log the report", lambda tracked: _log(tracked, folder))
    if standing is not None:
        run.attempt("log the model's standing", lambda tracked: tracked.tags(standing.tags()))
    page = run.attempt("be linked to", lambda tracked: tracked.page)
    markdown = (folder / "report.md").read_text(encoding="utf-8")
    show_markdown(
        f"MLflow run: {page or 'none, MLflow did not answer'}\n\n{markdown}", key="pipeline"
    )
    return summary


def summarize(
    records: Mapping[str, StageRecord], started: float, tolerance: Mapping[str, float]
) -> dict[str, Any]:
    """Gather what the stages found.

    Parameters
    ----------
    records : mapping of str to StageRecord
        The finished stages by name.
    started : float
        When the pipeline started, in seconds since 1970; stages older than that were reused.
    tolerance : mapping of str to float
        By score, how far the chip may stay below the ANN.
    """
    metrics = {
        tag: dict(values)
        for record in records.values()
        for tag, values in record.outcome.metrics.items()
    }
    losses = loss_table(metrics)
    facts = {name: record.outcome.facts for name, record in records.items()}
    dataset = facts.get("prepare", {})
    return {
        "dataset": {**dataset, "synthetic": is_synthetic(dataset)},
        "stages": {tag: metrics[tag] for tag in SEGMENTATIONS if tag in metrics},
        "losses": {
            "steps": losses.to_dict(orient="records"),
            "warnings": blame(losses, tolerance),
        },
        "mapping": {
            **facts.get("quantize", {}),
            **facts.get("partition", {}),
            "metrics": {**metrics.get("quantize", {}), **metrics.get("partition", {})},
        },
        "energy": {**facts.get("benchmark", {}), "metrics": metrics.get("benchmark", {})},
        "minutes": {name: record.seconds / 60 for name, record in records.items()},
        "reused": [name for name, record in records.items() if record.started < started],
    }


def prefect_summary() -> dict[str, Any]:
    """Name Prefect's run, and where its page is, if a server is there to show it."""
    tags = prefect_tags()
    return {
        "flow_run_id": tags.get("prefect.flow_run_id"),
        "url": tags.get("prefect.flow_run_url"),
        "api": (os.environ.get("PREFECT_API_URL") or "embedded") if tags else None,
    }


def _figures(folder: Path, record: StageRecord) -> list[Path]:
    return [folder / name for name in record.outcome.figures]


def _log(run: Run, folder: Path) -> None:
    for path in sorted(folder.iterdir()):
        run.artifact(path)
    links = prefect_tags()
    note = (folder / "report.md").read_text(encoding="utf-8")
    run.tags({"mlflow.note.content": note[:8000], **links})
