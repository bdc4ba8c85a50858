"""What `spikeseg segment` shows on Prefect's page: its progress, and its results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tasks  # noqa: F401 - sets where Prefect keeps its data, before Prefect is imported

# isort: split
from prefect.artifacts import (
    create_image_artifact,
    create_markdown_artifact,
    create_table_artifact,
)

from spikeseg_core.inference.job import CELLS, MASK, PROBABILITY
from spikeseg_core.report.embed import data_uri
from tasks.mlflow.store import Run, store
from tasks.prefect.artifacts import PageProgress
from tasks.terminal import TerminalReporter

SECONDS_BETWEEN_ARTIFACTS = 2.0
MOST_ROWS = 200
"""Most files listed in the table on Prefect's page."""


class OnPage(TerminalReporter):
    """Report to the log and, every few seconds, to Prefect's page."""

    def __init__(self) -> None:
        super().__init__("segment")
        self._page = PageProgress("progress-segment", SECONDS_BETWEEN_ARTIFACTS)

    def progress(self, done: float, total: float, message: str) -> None:
        """Show that ``done`` of ``total`` sections are finished."""
        super().progress(done, total, message)
        text = f"{done:g} of {total:g} sections: {message}"
        self._page.show(100 * done / total, text, now=done == total)


def show_segmented(result: dict[str, Any]) -> None:
    """Show the results on Prefect's page."""
    run_id = result["mlflow_run_id"]
    page = store().attempt("give a link", lambda: Run(store(), run_id).page) if run_id else None
    create_markdown_artifact(
        f"{result['sections']} sections with {result['model']} as {result['engine']}, "
        f"{result['seconds']:.0f} s; {result['membrane']:.1%} of the pixels are membrane "
        f"(threshold {result['threshold']:g}), {result['cells']:,} cells.\n\n"
        f"Time: {result['time']}\n\n"
        f"Results: `{result['out']}`\n\nMLflow run of the network: {page or 'none'}\n"
        + "".join(f"\n- WARNING: {warning}" for warning in result["warnings"]),
        key="segmented",
    )
    rows = [
        {
            "file": name,
            "probability": f"{PROBABILITY}/{name}",
            "mask": f"{MASK}/{name}",
            "cells": f"{CELLS}/{name}",
        }
        for name in result["files"][:MOST_ROWS]
    ]
    create_table_artifact(rows, key="segmented-files", description=f"in {result['out']}")
    create_image_artifact(
        data_uri(Path(result["preview"])), key="segmented-preview", description="first sections"
    )
