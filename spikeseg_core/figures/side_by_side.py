"""One section segmented by every network, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from spikeseg_core.figures.sections import grey_picture
from spikeseg_core.figures.style import new_figure, save

COLUMNS = 4


def side_by_side_figure(
    image: np.ndarray,
    truth: np.ndarray,
    probabilities: Mapping[str, np.ndarray],
    path: Path,
    title: str,
) -> Path:
    """Draw a section, its truth, and the membrane probability of each network.

    Parameters
    ----------
    image : array (h, w)
        Grey values, or the standardized section.
    truth : array (h, w)
        1 = membrane, 0 = interior.
    probabilities : mapping of str to array (h, w)
        Membrane probability in [0, 1] by the network's name.
    """
    panels = {
        "section": grey_picture(image),
        "truth (black: membrane)": 1.0 - (truth == 1),
        **{name: 1.0 - probability for name, probability in probabilities.items()},
    }
    columns = min(COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    figure = new_figure(3.4 * columns, 0.5 + 3.6 * rows, title)
    grid = figure.subplots(rows, columns, squeeze=False).flat
    for axes, (name, picture) in zip(grid, panels.items(), strict=False):
        axes.imshow(picture, cmap="gray", vmin=0, vmax=1)
        axes.set_title(name, fontsize=10)
    for axes in figure.axes:
        axes.set_axis_off()
    return save(figure, path)
