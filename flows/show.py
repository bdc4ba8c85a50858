"""What the terminal shows at the end of a run: the results, and where to find more."""

from __future__ import annotations

from collections.abc import Mapping
from shlex import quote
from typing import Any

from spikeseg_core.report.document import SYNTHETIC
from spikeseg_core.report.render import terminal, wide_console
from spikeseg_core.report.run import short_report
from tasks.mlflow.pages import EMBEDDED


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
        line("MLflow", f"mlflow ui --backend-store-uri {quote(address)}, then open")
        line("", page or EMBEDDED)
    line("Prefect", summary["prefect"]["url"] or "`make up` starts both pages and a worker")
    dataset = summary["dataset"]
    if not dataset["synthetic"]:
        line("data", dataset.get("note", dataset.get("source")))
        return
    console.print(f"[bold white on red]{SYNTHETIC}[/]", soft_wrap=True)
    if dataset.get("note"):
        console.print(str(dataset["note"]), soft_wrap=True, markup=False)
