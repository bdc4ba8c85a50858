"""Pictures of energy: by device, by unknown, by operating point, by presentation time."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd
from matplotlib.patches import Patch

from spikeseg_core.energy.figure import Basis, EnergyFigure, by_device
from spikeseg_core.energy.sensitivity import Sensitivity
from spikeseg_core.figures.style import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
    clean,
    new_figure,
    save,
)

_ANYTIME_COLOURS = {"validation": ORANGE, "test": BLUE, "dynamic": GREEN, "total": PURPLE}
_HATCH: dict[Basis, str] = {"measured": "", "modelled": "////", "published": "...."}


def draw_energy(figures: Iterable[EnergyFigure], title: str, path: Path) -> Path:
    """Draw each device's total and dynamic energy per section on a log scale.

    The hatching shows whether a figure was measured, modelled or published. Published figures are
    for another network; they are grey and come last.
    """
    order = sorted(
        by_device(figures).values(),
        key=lambda g: (g["total"].basis != "published", -g["total"].mj_per_section),
    )
    picture = new_figure(9, 1.6 + 0.36 * len(order), title)
    axes = picture.add_subplot()
    for row, group in enumerate(order):
        ours = group["total"].basis != "published"
        total, dynamic = group["total"].mj_per_section, group["dynamic"].mj_per_section
        hatch = _HATCH[group["total"].basis]
        axes.barh(row, total, color=SKY if ours else "#bbbbbb", hatch=hatch, edgecolor="white")
        axes.barh(row, dynamic, height=0.4, color=BLUE if ours else GREY)
        axes.annotate(
            _number(total), (total, row), (4, 0), textcoords="offset points", va="center", size=8
        )
    clean(axes)
    smallest = min(g["dynamic"].mj_per_section for g in order)
    axes.set_xscale("log")
    axes.set_xlim(max(smallest, 1e-9) / 3, 3 * max(g["total"].mj_per_section for g in order))
    axes.set_yticks(range(len(order)), [g["total"].title for g in order])
    axes.set_xlabel("energy, mJ per section")
    bases = dict.fromkeys(g["total"].basis for g in reversed(order))
    picture.legend(
        handles=[
            Patch(facecolor=BLUE, label="dynamic part"),
            *(
                Patch(facecolor=SKY, hatch=_HATCH[b], ec="white", label=f"total, {b}")
                for b in bases
            ),
        ],
        loc="outside lower center",
        ncols=4,
        fontsize=8,
    )
    return save(picture, path)


def _number(mj: float) -> str:
    return f"{mj:,.0f}" if mj >= 100 else f"{mj:.3g}"


def draw_tornado(sensitivity: Sensitivity, title: str, path: Path) -> Path:
    """Draw the range of the ratio for each unknown on a log scale, the widest at the top."""
    swings = sensitivity.swings[::-1]
    picture = new_figure(9, 1.4 + 0.42 * len(swings), title)
    axes = picture.add_subplot()
    for row, swing in enumerate(swings):
        axes.barh(row, swing.high - swing.low, left=swing.low, color=SKY, height=0.6)
        ends = ((swing.low, swing.low_case, "right", -4), (swing.high, swing.high_case, "left", 4))
        for value, case, align, offset in ends:
            axes.annotate(
                f"{case}: {value:.2g}",
                (value, row),
                (offset, 0),
                textcoords="offset points",
                ha=align,
                va="center",
                size=7,
            )
    clean(axes)
    axes.set_xscale("log")
    # Room for the labels on both sides.
    axes.set_xlim(min(s.low for s in swings) / 3, 3 * max(s.high for s in swings))
    axes.axvline(sensitivity.headline, color="black", linewidth=1)
    axes.axvline(1, color=VERMILLION, linewidth=1, linestyle=":")
    axes.set_yticks(range(len(swings)), [swing.unknown for swing in swings])
    axes.set_xlabel("CPU energy (int8, online) divided by Loihi's; above 1, Loihi needs less")
    return save(picture, path)


def draw_operating_points(table: pd.DataFrame, title: str, path: Path) -> Path:
    """Draw V_Rand against energy per section, one panel per split, energy on a log scale.

    Parameters
    ----------
    table : pandas.DataFrame
        As in :class:`~spikeseg_core.presentation.operating_point.OperatingPoints`.
    """
    picture = new_figure(10, 4.2, title)
    for axes, split in zip(picture.subplots(1, 2), ("validation", "test"), strict=True):
        mj, v_rand = f"{split}/loihi_total_mj", f"{split}/v_rand"
        grids = table["tiles"].unique()
        for tiles, colour in zip(grids, (BLUE, ORANGE, GREEN, SKY, PURPLE), strict=False):
            own = table[table["tiles"] == tiles]
            for exits, marker in (("", "o"), (", early exit", "^")):
                rows = own[own["early_exit"].notna() == bool(exits)]
                label = f"{tiles} tiles{exits}"
                axes.plot(rows[mj], rows[v_rand], marker, color=colour, markersize=5, label=label)
        front = table[table["front"]].sort_values(mj)
        axes.plot(front[mj], front[v_rand], color=GREY, linewidth=1, label="front (validation)")
        marks = {
            "start": GREY,
            "chosen": VERMILLION,
            "equal_accuracy": SKY,
            "as_good_as_start": GREEN,
        }
        for which, colour in marks.items():
            row, label = table[table[which]].iloc[0], which.replace("_", " ")
            axes.plot(row[mj], row[v_rand], "o", markersize=12, mfc="none", mec=colour, label=label)
        axes.set_xscale("log")
        axes.xaxis.set_minor_formatter("{x:g}")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.set_title(split, fontsize=9)
        axes.set_xlabel("Loihi energy, mJ per section (modelled)", fontsize=8)
        axes.set_ylabel("V_Rand", fontsize=8)
        clean(axes)
        axes.tick_params(axis="x", which="both", labelsize=7)
    axes.legend(fontsize=8, frameon=False, loc="lower right")
    return save(picture, path)


def draw_anytime(table: pd.DataFrame, path: Path) -> Path:
    """Draw one panel per score and one for energy.

    Parameters
    ----------
    table : pandas.DataFrame
        From :meth:`~spikeseg_core.presentation.operating_point.OperatingPoints.anytime`.
    """
    scores = [str(name).removeprefix("test/") for name in table if str(name).startswith("test/")]
    panels = {
        name.replace("_", " "): {split: f"{split}/{name}" for split in ("validation", "test")}
        for name in scores
    }
    energies = {part: f"loihi_{part}_mj" for part in ("dynamic", "total")}
    panels["energy per section, mJ (modelled)"] = energies
    figure = new_figure(3.2 * len(panels), 3.2, "Presentation time")
    for axes, (name, columns) in zip(
        figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True
    ):
        for label, column in columns.items():
            colour = _ANYTIME_COLOURS[label]
            axes.plot(table["steps"], table[column], "o-", color=colour, label=label, markersize=3)
        axes.set_title(name, fontsize=9)
        axes.set_xlabel("time steps of 1 ms", fontsize=8)
        axes.legend(fontsize=8, frameon=False)
        clean(axes)
    return save(figure, path)
