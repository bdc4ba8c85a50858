"""Where accuracy is lost: one bar per step, from the ANN's score to the chip's."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pandas as pd

from spikeseg_core.evaluation.accounting import SCORES
from spikeseg_core.figures.style import BLUE, GREEN, GREY, VERMILLION, clean, new_figure, save


def waterfall_figure(table: pd.DataFrame, start: dict[str, float], path: Path) -> Path:
    """Draw one panel per score from :func:`~spikeseg_core.evaluation.accounting.loss_table`.

    Parameters
    ----------
    start : dict of str to float
        The ANN's scores.
    """
    rows = (len(SCORES) + 1) // 2
    figure = new_figure(10.4, 4.0 * rows, "Change by each step, test sections")
    labels = ["ANN", *table["step"], "chip"]
    for axes, score in zip(figure.subplots(rows, 2).flat, SCORES, strict=True):
        level = [start[score]]
        for change in table[score]:
            level.append(level[-1] + change)
        low = min(level) - 0.25 * (max(level) - min(level)) - 0.002
        axes.bar(0, level[0] - low, bottom=low, color=BLUE)
        for i, (before, after) in enumerate(pairwise(level), start=1):
            colour = GREEN if after >= before else VERMILLION
            axes.bar(i, after - before, bottom=before, color=colour)
            axes.plot([i - 1.4, i + 0.4], [before, before], color=GREY, linewidth=0.6)
            axes.annotate(
                f"{after - before:+.4f}", (i, max(before, after)), ha="center", va="bottom",
                fontsize=7,
            )  # fmt: skip
        axes.bar(len(level), level[-1] - low, bottom=low, color=BLUE)
        for i, value in ((0, level[0]), (len(level), level[-1])):
            axes.annotate(f"{value:.4f}", (i, value), ha="center", va="bottom", fontsize=7)
        axes.set_ylim(low, max(level) + 0.08 * (max(level) - low))
        axes.set_xticks(range(len(labels)), labels, rotation=40, ha="right", fontsize=7)
        axes.set_title(score.replace("_", " "), fontsize=9)
        clean(axes)
    return save(figure, path)
