"""Sections beside what a network makes of them, where no truth is known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from spikeseg_core.figures.sections import grey_picture, lay_over
from spikeseg_core.figures.style import VERMILLION, new_figure, save


def segmented_figure(
    sections: Sequence[tuple[str, np.ndarray, np.ndarray]],
    threshold: float,
    path: Path,
    title: str,
) -> Path:
    """Draw sections, one a row: as they are, membrane probability, and mask laid over.

    Parameters
    ----------
    sections : sequence of (name, image, probability)
        Image (h, w) of grey values and probability (h, w) in [0, 1].
    threshold : float
        From it on, a pixel is membrane.
    path : Path
        Where the PNG goes.
    title : str

    Returns
    -------
    Path
        ``path``.
    """
    figure = new_figure(11, 0.5 + 3.6 * len(sections), title)
    rows = figure.subplots(len(sections), 3, squeeze=False)
    for panels, (name, image, probability) in zip(rows, sections, strict=True):
        grey = grey_picture(image)
        overlay, membrane = grey.copy(), probability >= threshold
        lay_over(overlay, membrane, VERMILLION)
        panels[0].imshow(grey)
        panels[0].set_title(f"{name}, {image.shape[1]} x {image.shape[0]} px", fontsize=9)
        shown = panels[1].imshow(probability, cmap="cividis", vmin=0, vmax=1)
        panels[1].set_title("membrane probability", fontsize=9)
        figure.colorbar(shown, ax=panels[1], fraction=0.046, pad=0.02).ax.tick_params(labelsize=7)
        panels[2].imshow(overlay)
        panels[2].set_title(
            f"mask: from {threshold:g} on, {membrane.mean():.1%} of the pixels", fontsize=9
        )
        for panel in panels:
            panel.set_axis_off()
    return save(figure, path)
