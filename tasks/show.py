"""What the terminal shows at the end of a run: the results, and where to find more."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from spikeseg_core.report.document import SYNTHETIC, Table, number
from spikeseg_core.report.render import terminal, terminal_table, wide_console
from spikeseg_core.report.run import short_report
from spikeseg_core.report.tables import METRICS
from spikeseg_core.stages import table as registry
from tasks.mlflow.pages import EMBEDDED
from tasks.references import StageRef

MOST_METRICS = 12
"""Figures that are printed of a stage that scores nothing."""


def show_stage(result: Mapping[str, Any]) -> None:
    """Print the scores of a stage that was run alone, where its files are, and the next step."""
    console = wide_console()
    metrics: Mapping[str, Mapping[str, float | None]] = result["metrics"]
    scores = {
        tag: {name: value for name, value in values.items() if name in METRICS}
        for tag, values in metrics.items()
    }
    if any(scores.values()):
        names = [name for name in METRICS if any(name in own for own in scores.values())]
        rows = [[tag, *(number(own.get(name)) for name in names)] for tag, own in scores.items()]
        heading = ["test sections", *(METRICS[name] for name in names)]
        console.print(terminal_table(Table(heading, rows)))
    else:
        for values in metrics.values():
            for name, value in list(values.items())[:MOST_METRICS]:
                console.print(f"{name:<40} {number(value)}", markup=False)
    follow = following(result["stage"])
    after = f" --after {result['mlflow_run_id']}" if result["mlflow_run_id"] else ""
    step = f"spikeseg stage {follow}{after}" if follow else "spikeseg run makes a report of all"
    for name, text in (("files", StageRef.model_validate(result).folder), ("next", step)):
        console.print(f"{name:<9} {text}", soft_wrap=True, markup=False)


def following(stage: str) -> str | None:
    """Return the name of the next stage in the pipeline; None after the last."""
    names = list(registry.STAGES)
    return next(iter(names[names.index(stage) + 1 :]), None)


def show(summary: Mapping[str, Any]) -> None:
    """Print the summary's tables, and the files and commands that show more."""
    console = wide_console()
    terminal(short_report(summary), console)

    def line(name: str, text: str) -> None:
        console.print(f"{name:<9} {text}", soft_wrap=True, markup=False)

    if (model := summary["model"]) is not None:
        version = f"{model['name']}/{model['version']} ({model['alias']})"
        line("model", f"{version if model['version'] else 'not registered'}: {model['reason']}")
    line("report", summary["report"])
    address, page = summary["mlflow"]["tracking_uri"], summary["mlflow"]["page"]
    if address.startswith("http"):
        line("MLflow", page or address)
    else:
        line("MLflow", f"mlflow ui --backend-store-uri {shlex.quote(address)}, then open")
        line("", page or EMBEDDED)
    line("Prefect", summary["prefect"]["url"] or "`make up` starts both pages and a worker")
    dataset = summary["dataset"]
    if not dataset["synthetic"]:
        line("data", dataset.get("note", dataset.get("source")))
        return
    console.print(SYNTHETIC, style="bold white on red", soft_wrap=True)
    if dataset.get("note"):
        console.print(str(dataset["note"]), soft_wrap=True, markup=False)
