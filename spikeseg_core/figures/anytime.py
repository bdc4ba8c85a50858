"""Scores and energy against the number of time steps a tile is shown for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from spikeseg_core.figures.style import BLUE, GREEN, GREY, ORANGE, PURPLE, clean, new_figure, save

_COLOURS = {"validation": ORANGE, "test": BLUE, "dynamic": GREEN, "total": PURPLE}


def anytime_figure(
    steps: np.ndarray,
    scores: Mapping[str, Mapping[str, np.ndarray]],
    energy_mj: Mapping[str, np.ndarray],
    chosen: int,
    path: Path,
) -> Path:
    """Draw one panel a score and one of energy.

    Parameters
    ----------
    steps : array (times,)
        Numbers of time steps.
    scores : mapping of score name to split to array (times,)
        One panel each.
    energy_mj : mapping of component to array (times,)
        Millijoules a section, modelled.
    chosen : int
        Presentation time chosen on the validation split; a dashed line.
    path : Path
        Where the PNG goes.

    Returns
    -------
    Path
        ``path``.
    """
    panels = {name.replace("_", " "): lines for name, lines in scores.items()}
    panels["energy a section, mJ (modelled)"] = energy_mj
    figure = new_figure(3.2 * len(panels), 3.2, f"Presentation time (chosen: {chosen} steps)")
    for axes, (name, lines) in zip(
        figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True
    ):
        axes.axvline(chosen, color=GREY, linestyle="--", linewidth=1)
        for label, values in lines.items():
            axes.plot(steps, values, color=_COLOURS[label], label=label, marker="o", markersize=3)
        axes.set_title(name, fontsize=9)
        axes.set_xlabel("time steps of 1 ms", fontsize=8)
        axes.legend(fontsize=8, frameon=False)
        clean(axes)
    return save(figure, path)
