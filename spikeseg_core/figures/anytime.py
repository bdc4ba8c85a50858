"""Scores and energy against the number of time steps a tile is shown for."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from spikeseg_core.figures.style import BLUE, GREEN, ORANGE, PURPLE, clean, new_figure, save

_COLOURS = {"validation": ORANGE, "test": BLUE, "dynamic": GREEN, "total": PURPLE}


def anytime_figure(table: pd.DataFrame, path: Path) -> Path:
    """Draw one panel per score and one of energy.

    Parameters
    ----------
    table : pandas.DataFrame
        From :meth:`~spikeseg_core.presentation.operating_point.OperatingPoints.anytime`.
    path : Path
        Where the PNG goes.

    Returns
    -------
    Path
        ``path``.
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
            colour = _COLOURS[label]
            axes.plot(table["steps"], table[column], "o-", color=colour, label=label, markersize=3)
        axes.set_title(name, fontsize=9)
        axes.set_xlabel("time steps of 1 ms", fontsize=8)
        axes.legend(fontsize=8, frameon=False)
        clean(axes)
    return save(figure, path)
