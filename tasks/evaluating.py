"""`spikeseg evaluate`: a finished network on other labelled sections, in MLflow beside its run."""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.table import Table

from spikeseg_core.evaluation.scorer import SECTION_SCORES
from spikeseg_core.inference.evaluating import Evaluation, evaluate
from spikeseg_core.inference.segmenter import Segmenter
from spikeseg_core.stages.table import ModelKind
from spikeseg_core.storage import save_table
from tasks.mlflow.models import SCORED_AS
from tasks.mlflow.store import PARENT_TAG, SEGMENTATION_TAG, STAGE_TAG, Run, store
from tasks.references import StageRef
from tasks.terminal import TerminalReporter

STAGE = "evaluate"
TABLE = "evaluated_sections.parquet"


def evaluate_model(
    model: str, path: Path, kind: ModelKind, ref: StageRef, segment: Segmenter
) -> dict[str, Any]:
    """Score a model's network on labelled sections, print the scores, and log them.

    Returns
    -------
    dict
        :meth:`~spikeseg_core.inference.evaluating.Evaluation.to_json`, and ``model``, ``dataset``,
        ``mlflow_run_id`` (of this evaluation) and ``evaluated_run_id``; can be written as JSON.
    """
    found = evaluate(path, segment, TerminalReporter(STAGE))
    run_id = store().attempt("log the evaluation", lambda: _logged(found, model, path, kind, ref))
    _show(found)
    return {
        "model": model,
        "network": {"kind": kind, "stage": ref.stage, "key": ref.key},
        "dataset": str(path),
        "mlflow_run_id": run_id,
        "evaluated_run_id": ref.mlflow_run_id,
        **found.to_json(),
    }


def _logged(found: Evaluation, model: str, path: Path, kind: ModelKind, ref: StageRef) -> str:
    tags = {STAGE_TAG: STAGE, SEGMENTATION_TAG: SCORED_AS[kind], "spikeseg.model": model}
    above = ref.mlflow_run_id
    if above is not None:
        parent = store().client.get_run(above).data.tags.get(PARENT_TAG)
        tags["spikeseg.evaluated"], above = above, parent or above
    run = Run.create(store(), f"{model} on {path.name}", tags, above)
    when = time.time()
    run.params({"model": model, "dataset": str(path), "threshold": found.threshold})
    run.metrics((f"test/{name}", value, 0, when) for name, value in found.scores.items())
    for name, ends in found.intervals.items():
        run.metrics((f"test/{name}_{end}", value, 0, when) for end, value in ends.items())
    run.dataset(
        {
            "name": path.name,
            "sha256": found.sha256,
            "location": str(path),
            "note": found.note,
            "synthetic": False,
        }
    )
    with TemporaryDirectory() as temporary:
        run.artifact(save_table(found.sections, Path(temporary) / TABLE), "tables")
    run.end()
    return run.id


def _show(found: Evaluation) -> None:
    table = Table(title=f"{len(found.sections)} sections, at the model's threshold")
    for column in ("section", *(name.replace("_", " ") for name in SECTION_SCORES)):
        table.add_column(column)
    for row in found.sections.to_dict("records"):
        table.add_row(str(row["section"]), *(f"{row[name]:.4f}" for name in SECTION_SCORES))
    if found.intervals:
        table.add_section()
        shown = (found.intervals[name] for name in SECTION_SCORES)
        ends = (f"{i['mean']:.4f} [{i['low']:.4f}, {i['high']:.4f}]" for i in shown)
        table.add_row("mean, 95 % interval", *ends)
    console = Console()
    console.print(table)
    console.print(
        f"best on these labels: V_Rand {found.scores['v_rand']:.4f} at a threshold of "
        f"{found.scores['v_rand_threshold']:g}; the model's is {found.threshold:g}"
    )
