"""Tables and pictures of recorded sweeps, for whatever question they bear on."""

from __future__ import annotations

from collections.abc import Iterable

from flows.embed import data_uri
from flows.research.content import Cell, Picture, Table
from flows.research.evidence import RecordedSweep
from flows.research.stated import Basis, Code, Link, Name, say, stated


def sweep_section(
    sweeps: Iterable[RecordedSweep],
) -> tuple[list[Table], list[Picture], list[Link]]:
    """Show sweeps: a table each, its Pareto picture where it has one, and its run."""
    tables, pictures, runs = [], [], []
    for sweep in sweeps:
        tables.append(sweep_table(sweep))
        path = sweep.run.file("pareto.png")
        if path is not None:
            caption = say("{title}: its Pareto front.", title=_title(sweep))
            pictures.append(Picture(data_uri(path), caption, ("measured", "modelled")))
        runs.append(Link(sweep.run.id, sweep.run.page))
    return tables, pictures, runs


def _title(sweep: RecordedSweep) -> Name:
    return Name(f"{sweep.definition['title']} (preset {sweep.definition.get('preset', '?')})")


def basis_of(metric: str) -> Basis:
    """Energies of a benchmark are modelled or mixed; scores, rates and cores are measured."""
    return "modelled" if "energy/" in metric or "_mj" in metric else "measured"


def form_of(metric: str) -> str:
    """Digits that a reader can use of a metric."""
    if metric.endswith(("cores", "chips", "neurons_on_chip")):
        return ",.0f"
    return ".1f" if metric.endswith(("_hz", "_mj")) else ".4f"


def sweep_table(sweep: RecordedSweep) -> Table:
    """One row a point: median and all seeds of every metric that the sweep asked for."""
    rows: list[list[Cell]] = []
    for _, point in sweep.points.iterrows():
        name = str(point["point"])
        notes = [mark for mark in ("chosen", "front") if point[mark]]
        status = str(point["status"])
        rows.append(
            [
                Code(name),
                *(
                    stated(sweep.seeds_of(name, metric), basis_of(metric), form_of(metric))
                    for metric in sweep.metrics
                ),
                Name(", ".join(notes) if status == "done" else status),
            ]
        )
    return Table(
        caption=say(
            "{title}. {question} Front and choice look at validation only.",
            title=_title(sweep),
            question=Name(str(sweep.definition.get("question", ""))),
        ),
        heading=["point", *(Name(metric) for metric in sweep.metrics), "notes"],
        rows=rows,
    )
