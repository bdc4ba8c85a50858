"""What each way of saving energy takes off, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from spikeseg_core.figures.style import BLUE, GREY, SKY, clean, legend_below, new_figure, save

Bar = tuple[str, float, float]
"""What is new, and the energies then: of the chips alone, and with the host, mJ of a section."""


def lever_figure(bars: Sequence[Bar], path: Path, title: str = "") -> Path:
    """Draw the energy left after each lever as a bar, and what it took off as a lighter end.

    Parameters
    ----------
    bars : sequence of (str, float, float)
        The first is where it starts from.
    """
    figure = new_figure(7.2, 1.6 + 0.42 * len(bars), title)
    axes = figure.subplots()
    widest = max(hosted for _, _, hosted in bars)
    before = bars[0][2]
    for row, (_, chips, hosted) in enumerate(bars):
        axes.barh(row, chips, color=BLUE, height=0.6, label="chips")
        axes.barh(row, hosted - chips, left=chips, color=SKY, height=0.6, label="host")
        if row:
            low, high = sorted((hosted, before))
            axes.plot([low, high], [row, row], color=GREY, linewidth=1, label="change")
            axes.plot([before, before], [row - 0.7, row + 0.3], color=GREY, linewidth=0.8)
        change = f" ({hosted - before:+.1f})" if row else ""
        axes.annotate(
            f"{hosted:.1f} mJ{change}",
            (max(hosted, before) + 0.02 * widest, row),
            va="center",
            fontsize=8,
        )
        before = hosted
    axes.set_yticks(
        range(len(bars)), [name if not n else f"+ {name}" for n, (name, *_) in enumerate(bars)]
    )
    axes.set_ylim(len(bars) - 0.5, -0.5)
    axes.set_xlim(0, 1.3 * widest)
    axes.set_xlabel("energy of a section, mJ (modelled), mean over folds", fontsize=8)
    clean(axes)
    legend_below(figure)
    return save(figure, path)
