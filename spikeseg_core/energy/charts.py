"""Pictures of energy: bars by device, and what each unknown does to the ratio."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from matplotlib.figure import Figure

from spikeseg_core.energy.figure import EnergyFigure
from spikeseg_core.energy.sensitivity import Sensitivity
from spikeseg_core.storage import atomic_path

_HATCH = {"measured": "", "modelled": "///", "published": "..."}
_COLOUR = {"dynamic": "#3b6ea5", "static": "#b8c9dc"}


def draw_energy(figures: Iterable[EnergyFigure], title: str, path: Path) -> None:
    """Draw the total energy per section of every device, log scale, with its dynamic part.

    The hatching says whether a figure was measured, modelled or published.
    """
    groups: dict[tuple[str, str, int], dict[str, EnergyFigure]] = {}
    for f in figures:
        groups.setdefault((f.device, f.precision, f.batch), {})[f.component] = f
    order = sorted(groups.values(), key=lambda g: g["total"].mj_per_section, reverse=True)
    figure = Figure(figsize=(9, 1.2 + 0.38 * len(order)), layout="constrained")
    axes = figure.add_subplot()
    for row, group in enumerate(order):
        hatch = _HATCH[group["total"].basis]
        total, dynamic = group["total"].mj_per_section, group["dynamic"].mj_per_section
        axes.barh(row, total, color=_COLOUR["static"], hatch=hatch, edgecolor="white")
        axes.barh(row, dynamic, height=0.45, color=_COLOUR["dynamic"], edgecolor="white")
        axes.annotate(
            f"{total:.3g}", (total, row), xytext=(4, 0), textcoords="offset points", va="center"
        )
    axes.set_xscale("log")
    axes.margins(x=0.12)
    axes.set_yticks(range(len(order)), [_label(g["total"]) for g in order])
    axes.set_xlabel("energy, mJ a section")
    axes.set_title(title, loc="left", fontsize=11)
    for basis in dict.fromkeys(g["total"].basis for g in order):
        axes.bar(0, 0, color=_COLOUR["static"], hatch=_HATCH[basis], label=f"total, {basis}")
    axes.bar(0, 0, color=_COLOUR["dynamic"], label="of that dynamic")
    axes.legend(fontsize=8, loc="lower right", framealpha=0.9)
    axes.spines[["top", "right"]].set_visible(False)
    _save(figure, path)


def _label(f: EnergyFigure) -> str:
    batch = "online" if f.batch == 1 else f"batch {f.batch}"
    return f"{f.device}, {f.precision}, {batch}"


def draw_tornado(sensitivity: Sensitivity, title: str, path: Path) -> None:
    """Draw the range of the ratio under each unknown, the widest on top, log scale."""
    swings = sensitivity.swings[::-1]
    figure = Figure(figsize=(9, 1.2 + 0.45 * len(swings)), layout="constrained")
    axes = figure.add_subplot()
    for row, swing in enumerate(swings):
        axes.barh(row, swing.high - swing.low, left=swing.low, color=_COLOUR["dynamic"], height=0.6)
        ends = ((swing.low, swing.low_case, "right", -4), (swing.high, swing.high_case, "left", 4))
        for value, case, align, offset in ends:
            axes.annotate(
                f"{case}: {value:.2g}",
                (value, row),
                xytext=(offset, 0),
                textcoords="offset points",
                ha=align,
                va="center",
                fontsize=7,
            )
    axes.set_xscale("log")
    axes.margins(x=0.3)
    axes.axvline(sensitivity.headline, color="black", linewidth=1)
    axes.axvline(1, color="crimson", linewidth=1, linestyle=":")
    axes.set_yticks(range(len(swings)), [swing.unknown for swing in swings])
    axes.set_xlabel("energy of the CPU (int8, online) over Loihi; above 1 Loihi needs less")
    axes.set_title(title, loc="left", fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=130)
