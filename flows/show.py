"""The end of a run, for people: the table, and where to look next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from flows.report import SYNTHETIC, tables
from tasks.local import state

LEFT_TO_THE_REPORT = ("Data",)
WIDTH_IN_A_LOG = 120
"""Columns of text where no terminal tells how wide it is."""


def wide_console() -> Console:
    """Give the console for results; in a log it is wide enough for a table."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = WIDTH_IN_A_LOG
    return console


def show(summary: Mapping[str, Any]) -> None:
    """Print the summary's tables, and the files and commands that show more."""
    console = wide_console()
    for title, (heading, rows) in tables(summary, published=False).items():
        if title in LEFT_TO_THE_REPORT:
            continue
        table = Table(title=title, title_justify="left", title_style="bold")
        for number, name in enumerate(heading):
            table.add_column(name, justify="left" if number == 0 else "right")
        for row in rows:
            table.add_row(*row)
        console.print(table)
    for warning in summary["losses"]["warnings"]:
        console.print(f"[yellow]note      {warning}[/]", soft_wrap=True)
    if (model := summary["model"]) is not None:
        version = f"{model['name']}/{model['version']} ({model['alias']})"
        what = version if model["version"] else "not registered"
        console.print(f"model     {what}: {model['reason']}", soft_wrap=True, markup=False)
    console.print(f"report    {summary['report']}", soft_wrap=True)
    address = summary["mlflow"]["tracking_uri"]
    if address == state.current().mlflow_database:
        console.print(f"MLflow    mlflow ui --backend-store-uri {address}", soft_wrap=True)
    else:
        console.print(f"MLflow    {address}", soft_wrap=True)
    page = summary["prefect"]["url"]
    console.print(f"Prefect   {page or 'make up (both pages, and a worker)'}", soft_wrap=True)
    dataset = summary["dataset"]
    if dataset["synthetic"]:
        console.print(f"[bold white on red]{SYNTHETIC}[/]", soft_wrap=True)
        if dataset.get("note"):
            console.print(str(dataset["note"]), soft_wrap=True, markup=False)
    else:
        console.print(f"data      {dataset.get('note', dataset.get('source'))}", soft_wrap=True)
