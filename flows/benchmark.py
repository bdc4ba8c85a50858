# ruff: noqa: B008 - the settings are frozen, and Prefect reads its form from the defaults.
"""Benchmark a model on this machine again, and report what changed since the last time.

Meant to be scheduled: each run measures the model anew and compares it, figure by figure, with the
last benchmark of the same deployed network on the same machine in MLflow. If other work disturbed
the timing, nothing is compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

import tasks  # noqa: F401 - sets where Prefect keeps its data, before Prefect is imported

# isort: split
from prefect import flow
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.runtime import flow_run

from flows.stages import run_after
from spikeseg_core.config import BenchmarkConfig
from spikeseg_core.config.overrides import shown
from spikeseg_core.report.records import RecordedStage
from spikeseg_core.report.render import plain_rows
from tasks.folder import StageRecord, read_record
from tasks.local.machine import FINGERPRINT, machine_tags
from tasks.lookup import inputs_after
from tasks.mlflow.moved import log_comparison
from tasks.mlflow.records import records
from tasks.mlflow.registered import run_of_model
from tasks.mlflow.store import Run, store
from tasks.moved import MoveTolerance, also_changed, compare, figures, markdown, table, verdict
from tasks.prefect.alert import ended, raise_alert
from tasks.prefect.logger import run_logger
from tasks.prefect.names import named

NEWEST = "newest"


@flow(
    name="benchmark",
    flow_run_name=named(lambda: f"benchmark-{flow_run.parameters.get('model') or NEWEST}"),
)
def benchmark(
    model: Annotated[
        str | None,
        shown(
            "Model",
            "registered model (NAME, NAME@ALIAS, NAME/VERSION) or MLflow run id of a deployment or "
            "pipeline; if empty, the newest deployed network",
        ),
    ] = None,
    benchmark: BenchmarkConfig = BenchmarkConfig(),
    tolerance: MoveTolerance = MoveTolerance(),
) -> dict[str, Any]:
    """Measure energy, latency and accuracy of a model here, and compare with the last time."""
    after = None if model is None else run_of_model(model)
    deployment = next(ref for ref in inputs_after("benchmark", after) if ref.stage == "deploy")
    ref = run_after("benchmark", after, again=True, benchmark=benchmark)
    record = read_record(ref.folder)
    deployed = read_record(deployment.folder)
    logger = run_logger()

    def find_previous() -> RecordedStage | None:
        with records() as known:
            found = known.benchmarks(machine_tags()[FINGERPRINT], deployment.key)
        return next(
            (s for s in found if s.run.id != ref.mlflow_run_id and not s.facts.get("busy")), None
        )

    previous = store().attempt("find the previous benchmark", find_previous)
    earlier = StageRecord.model_validate(previous.account) if previous is not None else None
    busy = bool(record.outcome.facts.get("busy"))
    changes = compare(record, earlier, tolerance) if earlier is not None and not busy else []
    result = {
        "model": model or NEWEST,
        "deployment": {"key": deployment.key, "mlflow_run_id": deployment.mlflow_run_id},
        "machine": machine_tags(),
        "busy": busy,
        "load": record.outcome.facts.get("load"),
        "mlflow_run_id": ref.mlflow_run_id,
        "previous_mlflow_run_id": previous.run.id if previous is not None else None,
        "figures": [asdict(figure) for figure in figures(record, deployed)],
        "changes": [asdict(change) for change in changes],
        "tolerance": tolerance.model_dump(),
        "also_changed": also_changed(record, earlier) if earlier is not None else [],
    }
    result["verdict"] = verdict(result)
    warn = busy or any(change.moved for change in changes)
    (logger.warning if warn else logger.info)(result["verdict"])
    raise_alert(result)
    if ref.mlflow_run_id is not None:
        run = Run(store(), ref.mlflow_run_id)
        store().attempt("log the comparison", lambda: log_comparison(run, result))
        result["page"] = store().attempt("give a link", lambda: run.page)
    _show(result)
    return ended(result)


def _show(result: Mapping[str, Any]) -> None:
    page = result.get("page") or "none, MLflow did not answer"
    create_markdown_artifact(f"MLflow run: {page}\n\n{markdown(result)}", key="benchmark")
    if result["changes"]:
        create_table_artifact(
            plain_rows(table(result)), key="benchmark-moved", description=result["verdict"]
        )
