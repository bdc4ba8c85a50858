"""Picture of the prepared sections, to see that images and labels belong together."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from spikeseg_core.config import PipelineConfig
from spikeseg_core.data.dataset import load_dataset
from spikeseg_core.figures.sections import labelled_figure
from spikeseg_core.figures.style import for_both_screens

MOST_SECTIONS = 4


def draw_prepare(
    config: PipelineConfig, inputs: Mapping[str, Path], folder: Path
) -> tuple[Path, ...]:
    """Draw sections from the first to the last, with their labels."""
    dataset = load_dataset(folder)
    last = len(dataset.images) - 1
    shown = np.unique(np.linspace(0, last, MOST_SECTIONS).round().astype(int))
    sections = [
        (f"section {i + 1} of {last + 1}, {dataset.names[i]}", dataset.images[i], dataset.labels[i])
        for i in shown
    ]
    return for_both_screens(
        lambda path, narrow: labelled_figure(
            sections,
            path,
            "Sections and their labels",
            columns=1 if narrow else 2,
            pixel_nm=dataset.pixel_nm,
        ),
        folder / "sections.png",
    )
