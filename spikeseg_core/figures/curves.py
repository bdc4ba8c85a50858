"""Training curves: every metric against the epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from spikeseg_core.figures.style import BLUE, ORANGE, SCORES, clean, legend_below, new_figure, save

_SPLITS = {
    "validation/": ("validation", ORANGE),
    "train/": ("training", BLUE),
}
_COLUMNS = 3


def training_curves(
    history: Mapping[str, Sequence[float]], path: Path, *, narrow: bool = False
) -> Path:
    """Draw one panel per metric, with training and validation together.

    Parameters
    ----------
    history : mapping of metric name to one value per epoch
        ``validation/NAME`` is drawn with ``train/NAME``; values under ``epoch`` are the x axis,
        otherwise epochs count from 1. NaN leaves a gap.
    """
    panels: dict[str, list[tuple[str, str, np.ndarray]]] = {}
    for name, column in history.items():
        if name != "epoch":
            metric, label, colour = _meaning(name)
            panels.setdefault(metric, []).append((label, colour, np.asarray(column, dtype=float)))

    columns = 1 if narrow else min(max(len(panels), 1), _COLUMNS)
    rows = -(-max(len(panels), 1) // columns)
    figure = new_figure(4.6 if narrow else 4 * columns, 0.7 + 2.5 * rows)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, (metric, lines) in zip(grid, panels.items(), strict=False):
        for label, colour, values in lines:
            epochs = history.get("epoch", range(1, len(values) + 1))
            axes.plot(epochs, values, color=colour, label=label, marker="o", markersize=2.5)
        axes.set_title(SCORES.get(metric, metric.replace("_", " ")), fontsize=9)
        axes.set_xlabel("epoch", fontsize=8)
        clean(axes)
        axes.xaxis.get_major_locator().set_params(integer=True)
    for axes in grid[len(panels) :]:
        axes.set_axis_off()
    if panels:
        legend_below(figure)
    return save(figure, path)


def _meaning(name: str) -> tuple[str, str, str]:
    """Return the metric, legend and colour of a column."""
    for prefix, (label, colour) in _SPLITS.items():
        if name.startswith(prefix):
            return name.removeprefix(prefix), label, colour
    return name, "training", BLUE
