"""The paper's five questions, answered from MLflow's records."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import tasks  # noqa: F401 - sets where Prefect keeps its data, before Prefect is imported

# isort: split
from prefect import flow
from prefect.artifacts import create_link_artifact, create_markdown_artifact
from prefect.context import FlowRunContext
from prefect.runtime import flow_run
from pydantic import Field

from flows.pipeline import pipeline
from spikeseg_core.config import presets
from spikeseg_core.config.overrides import shown
from spikeseg_core.report.evidence import Evidence
from spikeseg_core.report.render import html, markdown, words
from spikeseg_core.storage import write_json, write_text
from tasks.local import state
from tasks.missing import missing_runs
from tasks.mlflow.pages import run_page
from tasks.mlflow.records import records
from tasks.mlflow.store import STAGE_TAG, Run, store
from tasks.prefect.logger import run_logger
from tasks.prefect.names import named
from tasks.provenance import code_tags, prefect_tags

Seed = Annotated[int, Field(ge=0)]


@flow(
    name="research-report",
    flow_run_name=named(lambda: f"report-{flow_run.parameters['preset']}"),
)
def research_report(
    preset: Annotated[
        str, shown("Preset", "preset whose runs are reported", enum=list(presets.PRESETS))
    ] = "paper",
    seeds: Annotated[
        tuple[Seed, ...],
        shown(
            "Seeds",
            "seeds of training and tuning; seeds without a finished run are run first. If empty, "
            "all that MLflow has, or one new run if it has none",
        ),
    ] = (),
    runs: Annotated[
        tuple[str, ...],
        shown(
            "Runs", "MLflow run ids of the pipelines to report, and no others; none is run first"
        ),
    ] = (),
) -> dict[str, Any]:
    """Answer the paper's five questions with a table, a picture and the runs behind each.

    Finished runs are read from MLflow only. Missing pipelines are run first; other missing records
    are listed with the command that makes each of them.
    """
    if not runs:
        for config in missing_runs(preset, seeds):
            run_logger().info("seed %d has no finished run: running it", config.train.seed)
            pipeline(config=presets.changes(config))
    from spikeseg_core.report.research import build

    with records() as known:
        report, evidence = build(known, preset, runs)
        page, text = html(report), markdown(report)
    now = datetime.now(UTC)
    folder = state.current().runs / f"{now:%Y%m%d-%H%M%S}-report-{evidence.preset}"
    write_text(folder / "research.html", page)
    write_text(folder / "research.md", text)
    result: dict[str, Any] = {
        "report": str(folder / "research.html"),
        "markdown": str(folder / "research.md"),
        "preset": evidence.preset,
        "runs": [run.run.id for run in evidence.runs],
        "compared": [run.run.id for run in evidence.others],
        "sweeps": [sweep.run.id for sweep in evidence.sweeps],
        "findings": {
            section.key: words(section.finding) for section in report.sections if section.key
        },
        "missing": {missing.command.text: words(missing.what) for missing in report.missing},
    }
    run = store().attempt("log the report", lambda: _log(result, folder, evidence, text))
    result["mlflow_run_id"] = run.id if run is not None else None
    _link(result, run, text)
    return result


def _log(result: dict[str, Any], folder: Path, evidence: Evidence, text: str) -> Run:
    """Log page, text and sources of the report as an MLflow run."""
    tags = {
        STAGE_TAG: "report",
        "preset": evidence.preset,
        "synthetic": str(evidence.first.synthetic).lower(),
        "mlflow.note.content": text[:8000],
        **code_tags(),
        **prefect_tags(),
    }
    run = Run.create(store(), f"research-report-{evidence.preset}", tags, None)
    write_json(folder / "research.json", result)
    for name in ("research.html", "research.md", "research.json"):
        run.artifact(folder / name)
    run.metrics([("report/missing_records", float(len(result["missing"])), 0, evidence.newest)])
    run.end()
    return run


def _link(result: dict[str, Any], run: Run | None, text: str) -> None:
    """Put a link to the report and its text on Prefect's page."""
    page = run_page(run.store.uri, run.store.experiment, run.id, "artifacts") if run else None
    if FlowRunContext.get() is None:
        return  # the terminal lists what is missing
    for what in result["missing"].values():
        run_logger().info("not in the report: %s", what)
    create_link_artifact(
        link=page or Path(result["report"]).as_uri(),
        link_text="The five questions, answered",
        key="research-report",
        description=f"MLflow run {run.id}" if run is not None else "MLflow did not answer",
    )
    create_markdown_artifact(text, key="research-report-text")
