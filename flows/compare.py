"""`spikeseg compare`: what differs between runs, as a table on the terminal."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import tasks  # noqa: F401 - says where MLflow keeps its things

# isort: split
from rich.table import Table

from flows.show import wide_console
from tasks.mlflow.comparison import ComparedRun, compared_runs, differing

SHOWN = re.compile(
    r"/test/(pixel_accuracy|membrane_iou|v_rand|v_info)$|/spikes/(mean_rate_hz|share_in_range)$"
    r"|/mapping/(cores|chips)$|/energy/(loihi|cpu_int8)_(total|dynamic)_mj$|(^|/)minutes$"
)
"""Results that are shown unless all are asked for."""


def compare(names: Sequence[str], newest: int = 2, everything: bool = False) -> dict[str, Any]:
    """Find the runs, print what differs, and return it.

    Parameters
    ----------
    names : sequence of str
        Run ids or names; none: the newest pipelines.
    newest : int
        How many of those.
    everything : bool
        All results instead of the main ones.

    Returns
    -------
    dict
        ``runs`` (id, name, what it is) and, by part (``settings``, ``data``, ``code``,
        ``results``), what differs: name to values in the runs' order; of the results also what is
        equal.

    Raises
    ------
    ConfigError
        If a run does not exist.
    """
    runs = compared_runs(names, newest)
    results = dict(_results(runs, everything))
    found: dict[str, dict[str, list[Any]]] = {
        "settings": differing(runs, lambda run: run.settings),
        "data": differing(runs, lambda run: run.data),
        "code": differing(runs, lambda run: run.code),
        "results": results,
    }
    _show(runs, found)
    return {"runs": [{"id": run.id, "name": run.name, **run.about} for run in runs], **found}


def _results(
    runs: Sequence[ComparedRun], everything: bool
) -> Iterator[tuple[str, list[float | None]]]:
    for name in dict.fromkeys(name for run in runs for name in run.metrics):
        if everything or SHOWN.search(name):
            yield name, [run.metrics.get(name) for run in runs]


def _show(runs: Sequence[ComparedRun], found: Mapping[str, Mapping[str, list[Any]]]) -> None:
    console = wide_console()
    two = len(runs) == 2
    table = Table(show_lines=False)
    table.add_column("", overflow="fold")
    for run in runs:
        table.add_column(f"{run.name}\n{run.id[:8]}", justify="right", overflow="fold")
    if two:
        table.add_column("change", justify="right")
    for name in runs[0].about:
        table.add_row(name, *(run.about[name] for run in runs))
    for part, rows in found.items():
        table.add_section()
        table.add_row(f"[bold]{part}[/]", *([] if rows else ["the same"] * len(runs)))
        for name, values in rows.items():
            change = [_change(*values)] if two and part == "results" else []
            table.add_row(f"  {name}", *(_text(value) for value in values), *change)
    console.print(table)


def _change(before: float | None, after: float | None) -> str:
    if before is None or after is None:
        return ""
    if before == after:
        return "="
    ratio = f" ({after / before:.2f} x)" if before > 0 and abs(after / before - 1) > 0.1 else ""
    return f"{after - before:+.4g}{ratio}"


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4f}" if abs(value) < 1 else f"{value:.4g}"
    # Digests say enough by their beginning.
    return str(value)[:12] if re.fullmatch(r"[0-9a-f]{40,64}", str(value)) else str(value)
