"""Where accuracy is lost: the scores after each step, from the ANN to the chip."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import fill

import numpy as np
import pandas as pd

from spikeseg_core.evaluation.accounting import SCORES
from spikeseg_core.figures.style import BLUE, GREY, SKY, VERMILLION, clean, new_figure, save
from spikeseg_core.figures.style import SCORES as TITLES

LINE = 30
"""Letters in a line of a step's name, which may be several steps' together."""


def waterfall_figure(
    table: pd.DataFrame,
    start: Mapping[str, float],
    tolerance: Mapping[str, float],
    path: Path,
    *,
    narrow: bool = False,
) -> Path:
    """Draw one panel per score from :func:`~spikeseg_core.evaluation.accounting.loss_table`.

    Parameters
    ----------
    table : DataFrame
        The steps as far as they are to be shown, the last one ending at the chip.
    start : mapping of str to float
        The ANN's scores.
    tolerance : mapping of str to float
        Largest accepted loss by score, shaded.
    narrow : bool
        For a narrow screen: one panel below the other.
    """
    height, across = 1.3 + 0.34 * (len(table) + 1), 1 if narrow else len(SCORES)
    down = len(SCORES) // across
    figure = new_figure(4.6 if narrow else 10.4, height * down)
    labels = ["ANN", *(fill(step, LINE) for step in table["step"])]
    rows = np.arange(len(labels))
    panels = figure.subplots(down, across, sharey=True).ravel()
    for axes, score in zip(panels, SCORES, strict=True):
        level = start[score] + np.cumsum([0.0, *table[score]])
        accepted = (start[score] - tolerance.get(score, 0.0), start[score])
        axes.axvspan(*accepted, color=SKY, alpha=0.45, linewidth=0)
        axes.plot(level, rows, color=GREY, linewidth=1, zorder=1)
        for row, value in enumerate(level):
            change = _change(value - level[row - 1]) if row else ""
            # What rounds to zero is neither gain nor loss.
            marker = {"-": "<", "+": ">"}.get(change[:1], "o")
            colour = VERMILLION if marker == "<" else BLUE
            axes.plot(value, row, marker, color=colour, markersize=6)
            told = change or f"{value:.3f}"
            axes.annotate(
                told, (1.02, row), xycoords=("axes fraction", "data"), va="center", fontsize=7.5
            )
        axes.annotate(
            "score, change",
            (1.02, -0.75),
            xycoords=("axes fraction", "data"),
            fontsize=7.5,
            color=GREY,
        )
        shown = [*level, *accepted]
        margin = 0.1 * max(float(np.ptp(shown)), 0.005)
        axes.set_xlim(min(shown) - margin, max(shown) + margin)
        axes.set_ylim(len(labels) - 0.5, -0.5)
        axes.set_yticks(rows, labels)
        axes.set_title(TITLES[score], fontsize=9)
        clean(axes)
        axes.xaxis.get_major_locator().set_params(nbins=3)
    return save(figure, path)


def _change(value: float) -> str:
    told = f"{value:+.3f}"
    return told if told.strip("+-0.") else told[1:]
