"""Sweeps as tables: one that has just ended, or recorded ones in a research report."""

from __future__ import annotations

import math
from collections.abc import Iterable

import pandas as pd

from spikeseg_core.report.document import Cell, Picture, Table, four_digits
from spikeseg_core.report.embed import data_uri
from spikeseg_core.report.evidence import link
from spikeseg_core.report.records import RecordedSweep
from spikeseg_core.report.stated import Basis, Code, Link, Name, say, stated
from spikeseg_core.sweep.definition import Sweep
from spikeseg_core.sweep.table import DONE


def points_table(sweep: Sweep, points: pd.DataFrame) -> Table:
    """Tabulate the points of a sweep: medians, and the range over seeds."""
    names = sweep.read_metrics()
    rows: list[list[Cell]] = []
    for _, row in points.iterrows():
        needed = row["cores_needed"]
        rows.append(
            [
                str(row["point"]),
                "-" if needed is None or pd.isna(needed) else str(needed),
                *(_range(row[name], row[f"{name} (min)"], row[f"{name} (max)"]) for name in names),
                str(row["seeds"]),
                _notes(row),
            ]
        )
    return Table(["point", "cores", *names, "seeds", "notes"], rows)


def _notes(row: pd.Series) -> str:
    """Say how a point is marked, and what failed."""
    marks = [mark for mark in ("chosen", "front") if row[mark]]
    return ", ".join(marks if row["status"] == DONE else [*marks, str(row["status"])])


def _range(median: float, low: float, high: float) -> str:
    if math.isnan(median):
        return "-"
    if low == high:
        return four_digits(median)
    return f"{four_digits(median)} ({four_digits(low)} to {four_digits(high)})"


def recorded_sweeps(
    sweeps: Iterable[RecordedSweep],
) -> tuple[list[Table], list[Picture], list[Link]]:
    """Return a table per sweep, the Pareto fronts that were drawn, and the runs."""
    tables, pictures, runs = [], [], []
    for sweep in sweeps:
        tables.append(_recorded_table(sweep))
        path = sweep.run.fetch("pareto.png")
        if path is not None:
            caption = say("{title}: Pareto front.", title=Name(sweep.title))
            pictures.append(Picture(data_uri(path), caption, ("measured", "modelled")))
        runs.append(link(sweep.run))
    return tables, pictures, runs


def basis_of(metric: str) -> Basis:
    """Energies count as modelled; scores, rates and cores are measured."""
    return "modelled" if "energy/" in metric or "_mj" in metric else "measured"


def form_of(metric: str) -> str:
    """Return the number format of a metric."""
    if metric.endswith(("cores", "chips", "neurons_on_chip")):
        return ",.0f"
    return ".1f" if metric.endswith(("_hz", "_mj")) else ".4f"


def _recorded_table(sweep: RecordedSweep) -> Table:
    """One row per point: median and all seeds of every metric of the sweep."""
    rows: list[list[Cell]] = [
        [
            Code(str(point["point"])),
            *(
                stated(
                    sweep.seeds_of(str(point["point"]), metric), basis_of(metric), form_of(metric)
                )
                for metric in sweep.metrics
            ),
            Name(_notes(point)),
        ]
        for _, point in sweep.points.iterrows()
    ]
    return Table(
        caption=say(
            "{title}. {question} The front and the choice use validation only.",
            title=Name(sweep.title),
            question=Name(str(sweep.definition.get("question", ""))),
        ),
        heading=["point", *(Name(metric) for metric in sweep.metrics), "notes"],
        rows=rows,
    )
