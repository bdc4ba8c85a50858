"""Pictures of energy: by device, by unknown, by operating point, by presentation time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from spikeseg_core.energy.figure import Basis, EnergyFigure, by_device
from spikeseg_core.energy.sensitivity import Sensitivity
from spikeseg_core.figures.style import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SCORES,
    SKY,
    VERMILLION,
    clean,
    legend_below,
    new_figure,
    save,
    short,
)

_ANYTIME = {
    "validation": (ORANGE, "s-"),
    "test": (BLUE, "o-"),
    "dynamic": (GREEN, "^-"),
    "total": (VERMILLION, "v-"),
}
_MARKERS: dict[Basis, str] = {"measured": "s", "modelled": "o", "published": "D"}
_MARKS = {
    "start": ("start", GREY),
    "chosen": ("operating point (chosen on validation)", VERMILLION),
    "equal_accuracy": ("equal pixel accuracy", BLUE),
    "as_good_as_start": ("as good as the start", GREEN),
}


def draw_energy(figures: Iterable[EnergyFigure], path: Path, *, narrow: bool = False) -> Path:
    """Draw each device's dynamic and total energy per section on a log scale.

    The marker shows whether a figure was measured, modelled or published. Published figures are
    for another network; they are grey and come last.

    Parameters
    ----------
    narrow : bool
        For a narrow screen: names stand above their lines, not beside them.
    """
    order = sorted(
        by_device(figures).values(),
        key=lambda g: (g["total"].basis == "published", g["total"].mj_per_section),
    )
    picture = (
        new_figure(4.6, 1.3 + 0.46 * len(order))
        if narrow
        else new_figure(9, 1.3 + 0.27 * len(order))
    )
    axes = picture.add_subplot()
    for row, group in enumerate(order):
        basis = group["total"].basis
        total, dynamic = group["total"].mj_per_section, group["dynamic"].mj_per_section
        colour = GREY if basis == "published" else BLUE
        axes.plot([dynamic, total], [row, row], color=colour, linewidth=1)
        axes.plot(dynamic, row, "|", color=colour, markersize=8, label="dynamic part")
        label = f"total, {basis}"
        shape: dict[str, Any] = {"color": colour, "markersize": 6}
        if group["total"].busy:  # hollow: not to be compared
            shape |= {"markerfacecolor": "none"}
            label += ", busy: not to be compared"
        axes.plot(total, row, _MARKERS[basis], label=label, **shape)
        axes.annotate(
            short(total), (total, row), (7, 0), textcoords="offset points", va="center", size=8
        )
    clean(axes)
    _log(axes)
    axes.margins(x=0.2 if narrow else 0.1)  # room for the figures
    axes.set_ylim(len(order) - 0.5, -0.8 if narrow else -0.5)
    _names(axes, [_title(group["total"]) for group in order], above=narrow)
    axes.set_xlabel("energy, mJ per section")
    legend_below(picture, 2 if narrow else 4)
    return save(picture, path)


def _title(figure: EnergyFigure) -> str:
    return f"{figure.title} (busy)" if figure.busy else figure.title


def _names(axes: Axes, names: Sequence[str], *, above: bool) -> None:
    """Name the rows, beside them or above them."""
    axes.set_yticks(range(len(names)), [""] * len(names) if above else names)
    for row, name in enumerate(names if above else ()):
        axes.annotate(name, (0.01, row - 0.3), xycoords=("axes fraction", "data"), size=7)


def _log(axes: Axes) -> None:
    """Make the lower axis logarithmic, with plain numbers that do not collide."""
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    subs = (1.0, 2.0, 5.0) if high / low < 300 else (1.0,)
    axes.xaxis.set_major_locator(LogLocator(subs=subs))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def draw_tornado(sensitivity: Sensitivity, path: Path, *, narrow: bool = False) -> Path:
    """Draw the range of the ratio for each unknown on a log scale, the widest at the top.

    Parameters
    ----------
    narrow : bool
        For a narrow screen: names stand above their lines.
    """
    swings = sensitivity.swings
    width, height = (5.6, 0.62) if narrow else (10, 0.4)
    picture = new_figure(width, 1.2 + height * len(swings))
    axes = picture.add_subplot()
    for row, swing in enumerate(swings):
        axes.plot([swing.low, swing.high], [row, row], "|-", color=BLUE, linewidth=3, ms=10)
        ends = ((swing.low, swing.low_case, "right", -7), (swing.high, swing.high_case, "left", 7))
        for value, case, align, offset in ends:
            axes.annotate(
                f"{case}: {short(value)}",
                (value, row),
                (offset, 0),
                textcoords="offset points",
                ha=align,
                va="center",
                size=7.5,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
            )
    clean(axes)
    _log(axes)
    # Room for the labels on both sides.
    room = 20 if narrow else 6
    axes.set_xlim(min(s.low for s in swings) / room, room * max(s.high for s in swings))
    headline = sensitivity.headline
    axes.axvline(headline, color=GREY, linewidth=1, label=f"headline, {short(headline)}")
    axes.axvline(1, color=VERMILLION, linewidth=1, linestyle=":", label="equal energy")
    axes.set_ylim(len(swings) - 0.5, -0.8 if narrow else -0.5)
    _names(axes, [swing.unknown for swing in swings], above=narrow)
    axes.set_xlabel("energy of the best int8 CPU over Loihi's; above 1, Loihi needs less")
    legend_below(picture)
    return save(picture, path)


def draw_operating_points(table: pd.DataFrame, path: Path, *, narrow: bool = False) -> Path:
    """Draw V_Rand against energy of Loihi and its host, one panel per split, on a log scale.

    Parameters
    ----------
    table : pandas.DataFrame
        As in :class:`~spikeseg_core.presentation.operating_point.OperatingPoints`.
    narrow : bool
        For a narrow screen: one panel below the other.
    """
    picture = new_figure(5, 8.6) if narrow else new_figure(10, 4.8)
    panels = picture.subplots(2, 1) if narrow else picture.subplots(1, 2)
    for axes, split in zip(panels, ("validation", "test"), strict=True):
        mj, v_rand = f"{split}/loihi_with_host_mj", f"{split}/v_rand"
        grids = table["tiles"].unique()
        for tiles, colour in zip(grids, (BLUE, ORANGE, GREEN, SKY, PURPLE), strict=False):
            own = table[table["tiles"] == tiles]
            exits, continuous = own["early_exit"].notna(), own["continuous"]
            kinds = {"": ~(exits | continuous), ", early exit": exits, ", no resets": continuous}
            for (kind, of_kind), marker in zip(kinds.items(), "o^s", strict=True):
                if of_kind.any():
                    points = own.loc[of_kind, mj], own.loc[of_kind, v_rand]
                    label = f"{tiles} tiles{kind}"
                    axes.plot(*points, marker, color=colour, markersize=4, label=label)
        if split == "validation":
            front = table[table["front"]].sort_values(mj)
            axes.plot(front[mj], front[v_rand], color=GREY, linewidth=1, label="front")
        # Several marks may be on one point: their rings lie in each other.
        for size, (which, (label, colour)) in enumerate(_MARKS.items()):
            row = table[table[which]].iloc[0]
            ring = {"ms": 18 - 3.5 * size, "mfc": "none", "mec": colour, "mew": 1.5}
            axes.plot(row[mj], row[v_rand], "o", label=label, **ring)
        _log(axes)
        axes.set_title(split, fontsize=9)
        axes.set_xlabel("Loihi and its host, mJ per section (modelled)", fontsize=8)
        axes.set_ylabel("V_Rand", fontsize=8)
        clean(axes)
    legend_below(picture, 2 if narrow else 4)
    return save(picture, path)


def draw_anytime(table: pd.DataFrame, path: Path, *, narrow: bool = False) -> Path:
    """Draw one panel per score and one for energy.

    Parameters
    ----------
    table : pandas.DataFrame
        From :meth:`~spikeseg_core.presentation.operating_point.OperatingPoints.anytime`.
    """
    scores = [str(name).removeprefix("test/") for name in table if str(name).startswith("test/")]
    panels = {
        SCORES.get(name, name.replace("_", " ")): {
            split: f"{split}/{name}" for split in ("validation", "test")
        }
        for name in scores
    }
    energies = {part: f"loihi_{part}_mj" for part in ("dynamic", "total")}
    panels["mJ per section (modelled)"] = energies
    across = min(2 if narrow else 3, len(panels))
    down = -(-len(panels) // across)
    figure = new_figure((2.6 if narrow else 3.4) * across, 0.4 + 2.6 * down)
    places = figure.subplots(down, across, squeeze=False).ravel()
    for axes in places[len(panels) :]:
        axes.set_axis_off()
    for axes, (name, columns) in zip(places, panels.items(), strict=False):
        for label, column in columns.items():
            colour, line = _ANYTIME[label]
            axes.plot(table["steps"], table[column], line, color=colour, label=label, markersize=3)
        axes.set_title(name, fontsize=9)
        axes.set_xlabel("time steps of 1 ms", fontsize=8)
        clean(axes)
    legend_below(figure, 2 if narrow else 4)
    return save(figure, path)
