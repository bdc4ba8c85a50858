"""Pictures of a whole run: what came out, and where accuracy was lost."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from spikeseg_core.data.dataset import load_dataset
from spikeseg_core.evaluation.accounting import SCORES, START, to_deployed
from spikeseg_core.figures.sections import overview_figure
from spikeseg_core.figures.style import for_both_screens
from spikeseg_core.figures.waterfall import waterfall_figure
from spikeseg_core.stages.artifacts import probability
from spikeseg_core.storage import load_arrays

_FOUND = {"ANN": ("train", "ann"), "chip": ("deploy", "loihi")}


def draw_run(
    stages: Mapping[str, Path], summary: Mapping[str, Any], folder: Path
) -> tuple[Path, ...]:
    """Draw the pictures that need more than one stage.

    Parameters
    ----------
    stages : mapping of str to Path
        Folders of the finished stages by name.
    summary : mapping
        From :func:`spikeseg_core.report.run.summarize`.
    folder : Path
        Where the pictures go.
    """
    return (*draw_overview(stages, folder), *_losses(summary, folder))


def draw_overview(stages: Mapping[str, Path], folder: Path) -> tuple[Path, ...]:
    """Draw the first test section, its truth, the ANN's and the chip's answer, twice.

    The second one is for narrow screens. None if an answer was not kept.
    """
    files = {name: stages[stage] / probability(tag) for name, (stage, tag) in _FOUND.items()}
    if not all(file.exists() for file in files.values()):
        return ()
    dataset = load_dataset(stages["prepare"])
    images, labels = dataset.split("test")
    found = {name: load_arrays(file)["test"][0].astype(np.float32) for name, file in files.items()}
    return for_both_screens(
        lambda path, narrow: overview_figure(
            images[0],
            labels[0],
            found,
            path,
            columns=2 if narrow else 4,
            pixel_nm=dataset.pixel_nm,
        ),
        folder / "overview.png",
    )


def _losses(summary: Mapping[str, Any], folder: Path) -> tuple[Path, ...]:
    steps = to_deployed(pd.DataFrame(summary["losses"]["steps"]))
    if steps.empty:
        return ()
    start = {score: summary["stages"][START][f"test/{score}"] for score in SCORES}
    tolerance = summary["losses"]["tolerance"]
    return for_both_screens(
        lambda path, narrow: waterfall_figure(steps, start, tolerance, path, narrow=narrow),
        folder / "waterfall.png",
    )
