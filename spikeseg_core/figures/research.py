"""Pictures that only the research report draws."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from spikeseg_core.figures.style import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
    clean,
    legend_below,
    new_figure,
    save,
)

_COLOURS = (BLUE, ORANGE, GREEN, VERMILLION, PURPLE, SKY, GREY)


def tradeoff_figure(points: pd.DataFrame, path: Path, *, narrow: bool = False) -> Path:
    """Draw accuracy against energy, with the Pareto front.

    Parameters
    ----------
    points : DataFrame
        ``series``, ``label``, ``energy_mj`` (per section), ``v_rand`` and ``front`` (whether the
        point is on the Pareto front). Points of one presentation-time series are joined.
    """
    figure = new_figure(5, 4.6) if narrow else new_figure(8.6, 5)
    axes = figure.add_subplot()
    front = points[points["front"]].sort_values("energy_mj")
    axes.step(
        front["energy_mj"], front["v_rand"], where="post", color=GREY, linewidth=1, linestyle=":",
        label="Pareto front",
    )  # fmt: skip
    for (name, series), colour in zip(
        points.groupby("series", sort=False), _COLOURS * len(points), strict=False
    ):
        joined = "-" if str(name).startswith("presentation") else "none"
        named = [not joined.startswith("-")] * len(series)
        if joined == "-":  # only its ends, which cannot collide
            named[0] = named[-1] = True
        axes.plot(
            series["energy_mj"], series["v_rand"], marker="o", markersize=5, linestyle=joined,
            linewidth=1, color=colour, label=str(name),
        )  # fmt: skip
        for shown, (_, point) in zip(named, series.iterrows(), strict=True):
            if shown:
                axes.annotate(
                    str(point["label"]), (point["energy_mj"], point["v_rand"]), (5, 5),
                    textcoords="offset points", fontsize=7,
                )  # fmt: skip
    axes.set_xlabel("total energy per section on Loihi, mJ (modelled)", fontsize=9)
    axes.set_ylabel("V_Rand, validation sections (measured)", fontsize=9)
    axes.margins(0.08)
    clean(axes)
    legend_below(figure, 1 if narrow else 4)
    return save(figure, path)


def strategies_figure(table: pd.DataFrame, path: Path, *, narrow: bool = False) -> Path:
    """Draw NoC traffic, time and energy per time step, one bar per strategy."""
    height = 1.5 + 0.34 * len(table)
    figure = new_figure(5, 3 * height) if narrow else new_figure(8.6, height)
    panels = figure.subplots(*((3, 1) if narrow else (1, 3)), sharey=True)
    rows = np.arange(len(table))[::-1]
    across = table["interchip_messages_per_step"].to_numpy()
    traffic = {
        "between chips": (across, VERMILLION),
        "on a chip": (table["messages_per_step"].to_numpy() - across, SKY),
    }
    energy = {
        "dynamic": (table["dynamic_uj"].to_numpy(), BLUE),
        "static": (table["static_uj"].to_numpy(), SKY),
    }
    time = {"time": (table["time_us"].to_numpy(), GREEN)}
    for axes, (title, stacked) in zip(
        panels,
        {"NoC messages": traffic, "time, µs": time, "energy, µJ": energy}.items(),
        strict=True,
    ):
        left = np.zeros(len(table))
        for name, (values, colour) in stacked.items():
            axes.barh(rows, values, left=left, color=colour, label=name)
            left += values
        axes.set_xlabel(f"{title} per time step (modelled)", fontsize=8)
        clean(axes)
        if len(stacked) > 1:
            axes.legend(
                fontsize=7, frameon=False, ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1)
            )
    # The panels share this axis.
    panels[0].set_yticks(rows, [str(name).replace("_", " ") for name in table["strategy"]])
    return save(figure, path)


def weight_error_figure(table: pd.DataFrame, path: Path, *, narrow: bool = False) -> Path:
    """Draw the weight error of every layer and the resource utilization of its fullest core.

    Parameters
    ----------
    table : DataFrame
        ``layer``, ``weight_error`` (relative), ``synapse_bits_used``, ``compartments_used``.
    """
    figure = new_figure(5, 6) if narrow else new_figure(8.6, 3.2)
    left, right = figure.subplots(2, 1) if narrow else figure.subplots(1, 2)
    columns = np.arange(len(table))
    left.bar(columns, 100 * table["weight_error"], color=BLUE)
    left.set_ylabel("weight error, % (measured)", fontsize=8)
    right.bar(columns - 0.2, table["compartments_used"], 0.4, color=GREEN, label="compartments")
    right.bar(columns + 0.2, table["synapse_bits_used"], 0.4, color=ORANGE, label="synapse memory")
    right.axhline(1, color=GREY, linewidth=0.8)
    right.set_ylabel("share of a core, fullest core (measured)", fontsize=8)
    right.set_ylim(0, 1.25)
    right.legend(fontsize=7, frameon=False, ncols=2, loc="upper center")
    for axes in (left, right):
        axes.set_xticks(columns, table["layer"], rotation=45, ha="right", fontsize=7)
        clean(axes)
    return save(figure, path)
