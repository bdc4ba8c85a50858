"""The pictures of a pipeline's own MLflow run, under the same names in every run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from spikeseg_core.data.dataset import SECTIONS_FILE, load_dataset
from spikeseg_core.figures.sections import overview_figure
from spikeseg_core.report.document import SEGMENTATIONS
from spikeseg_core.report.records import RecordedStage
from spikeseg_core.stages.artifacts import probability
from spikeseg_core.storage import load_arrays

SIDE_BY_SIDE = "sections"

TELLING = {
    "energy": ("benchmark", ""),
    "mapping": ("partition", ""),
    "rates": ("tune", "rates_"),
    "operating points": ("benchmark", "operating_points"),
}
"""By name: the stage whose picture it is, and how its file begins. The first that fits counts;
stages list their most important picture first."""


def telling_pictures(
    stages: Mapping[str, RecordedStage], folder: Path, title: str
) -> dict[str, Path]:
    """Return the most telling pictures of a run by name, those that it has.

    The first test section by every network is drawn here, to ``folder``.
    """
    found = {SIDE_BY_SIDE: _side_by_side(stages, folder / f"{SIDE_BY_SIDE}.png", title)}
    for name, (stage, start) in TELLING.items():
        figures = stages[stage].account["outcome"]["figures"] if stage in stages else []
        fitting = [figure for figure in figures if Path(figure).name.startswith(start)]
        found[name] = stages[stage].file(fitting[0]) if fitting else None
    return {name: path for name, path in found.items() if path is not None}


def _side_by_side(stages: Mapping[str, RecordedStage], path: Path, title: str) -> Path | None:
    dataset = stages["prepare"].folder
    if dataset is None or not (dataset / SECTIONS_FILE).is_file():
        return None
    prepared = load_dataset(dataset)
    images, labels = prepared.split("test")
    probabilities = {}
    for tag, name in SEGMENTATIONS.items():
        files = (stage.file(probability(tag)) for stage in stages.values())
        if file := next((file for file in files if file is not None), None):
            probabilities[name] = load_arrays(file)["test"][0].astype(np.float32)
    return overview_figure(
        images[0], labels[0], probabilities, path, title=title, pixel_nm=prepared.pixel_nm
    )
