"""`spikeseg compare`: what differs between runs, as a table on the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tasks  # noqa: F401 - sets where MLflow keeps its data

# isort: split
from spikeseg_core.errors import ConfigError
from spikeseg_core.report.comparison import comparison_table, differences
from spikeseg_core.report.render import terminal_table, wide_console
from tasks.mlflow.reader import Reader
from tasks.mlflow.store import store


def compare(
    names: Sequence[str],
    newest: int = 2,
    everything: bool = False,
    picture: Path | None = None,
) -> dict[str, Any]:
    """Print what differs between runs, and return it.

    Two cross-validations are compared section by section (:mod:`spikeseg_core.report.folds`).

    The runs are given by id, the beginning of an id, or name; without any, the ``newest``
    pipelines are compared. ``everything`` shows all results instead of the main ones; ``picture``
    is where two cross-validations are drawn. The result holds ``runs`` and the
    :data:`~spikeseg_core.report.comparison.Differences`.

    Raises
    ------
    ConfigError
        If a run does not exist, or a picture is wanted of other runs.
    """
    reader = Reader(store())
    runs = reader.compared(names, newest)
    found = differences(runs, everything)
    if all(run.about["kind"] == "sweep" for run in runs):
        from spikeseg_core.report import folds
        from tasks.mlflow.sweep import cross_validations

        if (studies := cross_validations(reader, [run.id for run in runs])) is not None:
            return folds.compare(runs, found["settings"], *studies, picture)
    if picture is not None:
        raise ConfigError("--picture takes two cross-validations: spikeseg compare ID ID --picture")
    wide_console().print(terminal_table(comparison_table(runs, found)))
    return {"runs": [{"id": run.id, "name": run.name, **run.about} for run in runs], **found}
