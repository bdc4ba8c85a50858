"""The end of every pipeline run: its results in one JSON file, and its report."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from spikeseg_core.figures.run import draw_run
from spikeseg_core.report.embed import data_uri
from spikeseg_core.report.folders import recorded_stage
from spikeseg_core.report.records import RecordedStage
from spikeseg_core.report.render import html, markdown
from spikeseg_core.report.run import run_report, summarize
from spikeseg_core.report.seal import SEAL, seal_of
from spikeseg_core.storage import write_json, write_text
from tasks.local import state
from tasks.local.addresses import without_password
from tasks.mlflow import champion
from tasks.mlflow.experiment import PICTURES
from tasks.mlflow.headline import bases, headline, note, scores_table
from tasks.mlflow.pages import EMBEDDED, run_page
from tasks.mlflow.pictures import telling_pictures
from tasks.mlflow.store import Run, store
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
            "tracking_uri": store().name,
            "experiment": state.experiment(),
            "run_id": run.run.id if run.run is not None else None,
            "page": run.attempt("give a link", _page),
            "run_ids": {ref.stage: ref.mlflow_run_id for ref in refs},
        },
        "model": standing.plain() if standing is not None else None,
        "prefect": _prefect_summary(),
        "report": str(folder / "report.html"),
    }
    figures: dict[str, Sequence[Path]] = {name: _figures(stage) for name, stage in stages.items()}
    figures["run"] = draw_run({ref.stage: ref.folder for ref in refs}, summary, folder)
    telling = telling_pictures(stages, folder, f"{run.name}, first test section")
    telling |= {path.stem: path for path in figures["run"] if "narrow" not in path.stem}
    write_json(folder / "summary.json", {**summary, SEAL: seal_of(summary)})
    document = run_report(summary, figures)
    text = markdown(document)
    write_text(folder / "report.md", text)
    write_text(folder / "report.html", html(document))
    run.attempt("log the report", lambda tracked: _log(tracked, run.name, summary, telling, folder))
    if standing is not None:
        run.attempt("log the model's standing", lambda tracked: tracked.tags(standing.tags()))
    page = run.attempt("give a link", lambda tracked: tracked.page)
    show_markdown(
        _page_of_the_run(run.name, summary, telling, page), "pipeline", "What came out of the run"
    )
    return summary


def _page_of_the_run(
    name: str, summary: dict[str, Any], telling: dict[str, Path], page: str | None
) -> str:
    """Write what came out for Prefect's page: three lines, the scores, a picture, and links."""
    pictures = [f"![{title}]({data_uri(path)})" for title, path in telling.items()][:1]
    return "\n\n".join(
        [
            note(summary, name),
            scores_table(summary),
            *pictures,
            f"MLflow run: {page or 'none, MLflow did not answer'}",
            f"Report: `{summary['report']}`",
        ]
    )


def _page(run: Run) -> str:
    """Address of the run's page; for the embedded store, once ``mlflow ui`` shows it."""
    uri = run.store.uri
    server = uri if uri.startswith("http") else EMBEDDED
    return str(run_page(server, run.store.experiment, run.id))


def _prefect_summary() -> dict[str, Any]:
    """Id of Prefect's run, and its page if there is a server to show it."""
    tags = prefect_tags()
    return {
        "flow_run_id": tags.get("prefect.flow_run_id"),
        "url": tags.get("prefect.flow_run_url"),
        "api": without_password(os.environ.get("PREFECT_API_URL") or "embedded") if tags else None,
    }


def _figures(stage: RecordedStage) -> list[Path]:
    found = (stage.file(name) for name in stage.account["outcome"]["figures"])
    return [path for path in found if path is not None]


def _log(
    run: Run, name: str, summary: dict[str, Any], telling: dict[str, Path], folder: Path
) -> None:
    """Log headline, pictures, report and what came out to the pipeline's own run."""
    now = time.time()
    run.metrics((figure, value, 0, now) for figure, value in headline(summary).items())
    for title, path in telling.items():
        run.picture(path, f"{PICTURES}{title}")
    for written in ("report.html", "report.md", "summary.json"):
        run.artifact(folder / written)
    run.tags(
        {
            "mlflow.note.content": note(summary, name),
            "energy.basis": bases(summary) or "none",
            **prefect_tags(),
        }
    )
