"""Picture of the prepared sections, to see that images and labels belong together."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from spikeseg_core.config import PipelineConfig
from spikeseg_core.data.dataset import load_dataset
from spikeseg_core.figures.sections import labelled_figure

MOST_SECTIONS = 4


def draw_prepare(
    config: PipelineConfig, inputs: Mapping[str, Path], folder: Path
) -> tuple[Path, ...]:
    """Draw sections from the first to the last, with their labels."""
    dataset = load_dataset(folder)
    last = len(dataset.images) - 1
    shown = np.unique(np.linspace(0, last, MOST_SECTIONS).round().astype(int))
    sections = [(dataset.names[i], dataset.images[i], dataset.labels[i]) for i in shown]
    return tuple(
        labelled_figure(sections, folder / name, "Sections and their labels", columns=columns)
        for name, columns in (("sections.png", 2), ("sections_narrow.png", 1))
    )
