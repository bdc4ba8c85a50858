"""Means with their intervals, a panel per score."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from spikeseg_core.figures.style import BLUE, clean, new_figure, save


def interval_figure(
    table: Mapping[str, Mapping[str, tuple[float, float, float]]], path: Path, title: str = ""
) -> Path:
    """Draw a dot and its interval for every row, in a panel for every score.

    Parameters
    ----------
    table : mapping of row to (mapping of score to (mean, low, high))
        All rows with the same scores; the first row is drawn at the top.
    """
    rows = list(table)
    scores = list(table[rows[0]])
    figure = new_figure(2.9 * len(scores) + 1.2, 1.3 + 0.34 * len(rows), title)
    panels = figure.subplots(1, len(scores), squeeze=False, sharey=True)[0]
    for axes, score in zip(panels, scores, strict=True):
        for place, row in enumerate(rows):
            mean, low, high = table[row][score]
            axes.plot([low, high], [place, place], color=BLUE, linewidth=1.4)
            axes.plot([mean], [place], "o", color=BLUE, markersize=5)
        axes.set_yticks(range(len(rows)), rows)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xlabel(score, fontsize=8)
        clean(axes)
        axes.locator_params(axis="x", nbins=4)
    return save(figure, path)
