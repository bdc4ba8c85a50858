"""Two metrics of every point of a sweep, and the Pareto front."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from spikeseg_core.figures.style import (
    BLUE,
    GREY,
    SCORES,
    VERMILLION,
    clean,
    legend_below,
    new_figure,
    save,
)

MOST_NAMES = 12
"""If there are more points than this, only those on the front are labelled."""


def pareto_figure(table: pd.DataFrame, x: str, y: str, path: Path, title: str = "") -> Path:
    """Draw the points and the Pareto front on validation, and beside it the same points on test.

    Parameters
    ----------
    table : DataFrame
        From :func:`spikeseg_core.sweep.table.point_table`: medians over seeds with their range.
    """
    panels = [(x, y)]
    on_test = tuple(name.replace("validation/", "test/") for name in panels[0])
    if on_test != panels[0] and set(on_test) <= set(table.columns):
        panels.append((on_test[0], on_test[1]))
    figure = new_figure(5.2 * len(panels), 4.2, title)
    for axes, pair in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        _panel(axes, table, *pair)
    legend_below(figure)
    return save(figure, path)


def _panel(axes: Axes, table: pd.DataFrame, x: str, y: str) -> None:
    known = table[np.isfinite(table[[x, y]].to_numpy(float)).all(axis=1)]
    for on_front, colour in ((False, GREY), (True, BLUE)):
        part = known[known["front"] == on_front]
        if part.empty:
            continue
        axes.errorbar(
            part[x],
            part[y],
            xerr=_spread(part, x),
            yerr=_spread(part, y),
            fmt="o",
            color=colour,
            markersize=5,
            elinewidth=0.8,
            label="Pareto front" if on_front else "dominated",
        )
    chosen = known[known["chosen"]]
    if not chosen.empty:
        ring = axes.scatter(chosen[x], chosen[y], 130, label="chosen on validation", zorder=3)
        ring.set(facecolor="none", edgecolor=VERMILLION, linewidth=1.6)
    front = known[known["front"]].sort_values(x)
    if "test/" not in f"{x}{y}":
        axes.plot(front[x], front[y], color=BLUE, linewidth=1)
    for _, row in (known if len(known) <= MOST_NAMES else front).iterrows():
        axes.annotate(
            str(row["point"]), (row[x], row[y]), (5, 4), textcoords="offset points", fontsize=7
        )
    axes.set_xlabel(_title(x), fontsize=8)
    axes.set_ylabel(_title(y), fontsize=8)
    axes.margins(0.12)
    clean(axes)


def _title(metric: str) -> str:
    """Name a metric in words: ``loihi/validation/v_rand`` is "V_Rand, validation"."""
    for split in ("validation", "test"):
        if f"/{split}/" in metric:
            score = metric.rsplit("/", maxsplit=1)[-1]
            return f"{SCORES.get(score, score.replace('_', ' '))}, {split}"
    if metric.endswith("energy/loihi_total_mj"):
        return "Loihi energy, mJ per section (modelled)"
    return metric.rsplit("/", maxsplit=1)[-1].replace("_", " ")


def _spread(table: pd.DataFrame, name: str) -> np.ndarray:
    """Distances from the median to the minimum and the maximum, ``(2, points)``."""
    middle = table[name].to_numpy(float)
    low, high = table[f"{name} (min)"].to_numpy(float), table[f"{name} (max)"].to_numpy(float)
    return np.maximum(0, np.stack([middle - low, high - middle]))
