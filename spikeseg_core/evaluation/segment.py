"""Segment whole sections and score them: the same for every stage that segments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit

from spikeseg_core.data.dataset import Dataset
from spikeseg_core.evaluation.scorer import evaluate
from spikeseg_core.figures.sections import sections_figure
from spikeseg_core.storage import save_arrays

SCORED_SPLITS = ("validation", "test")
"""Splits that every stage is scored on; thresholds are chosen on the first."""

SegmentTiles = Callable[[np.ndarray], np.ndarray]
"""Standardised tiles (n, tile, tile) to logits of membrane, the same shape."""


@dataclass(frozen=True)
class Segmentation:
    """Whole sections as one stage sees them.

    Attributes
    ----------
    probability : mapping of split to float32 array (sections, height, width)
        Of membrane.
    metrics : mapping of str to float
        ``test/v_rand`` and so on.
    figure : Path
        The first test section: image, truth, probability, overlay.
    """

    probability: Mapping[str, np.ndarray]
    metrics: Mapping[str, float]
    figure: Path


def segment_sections(segment_tiles: SegmentTiles, dataset: Dataset, split: str) -> np.ndarray:
    """Segment the sections of a split, tile by tile, and blend the tiles.

    Parameters
    ----------
    segment_tiles : callable
        Tiles to logits.
    dataset : Dataset
        Sections and how they are cut.
    split : str
        Which of them.

    Returns
    -------
    float32 array (sections, height, width)
        Probability of membrane.
    """
    images, _ = dataset.split(split)
    return dataset.grid.stitch(expit(segment_tiles(dataset.grid.cut(images))))


def segment_and_score(
    tag: str, segment_tiles: SegmentTiles, dataset: Dataset, folder: Path
) -> Segmentation:
    """Segment validation and test sections, score them, and keep what a loaded model must repeat.

    Parameters
    ----------
    tag : str
        Segmentation stage tag: ``ann``, ``rate_tuned``, ``snn_rate``, ``snn_spiking``, ``loihi``.
    segment_tiles : callable
        Tiles to logits.
    dataset : Dataset
        Sections, labels and how they are cut.
    folder : Path
        Gets ``probability_<tag>.npz`` (test split, float16) and ``sections_<tag>.png``.

    Returns
    -------
    Segmentation
        Probabilities, scores and the picture.
    """
    probability = {s: segment_sections(segment_tiles, dataset, s) for s in SCORED_SPLITS}
    metrics = evaluate({s: (p, dataset.split(s)[1]) for s, p in probability.items()})
    test = probability["test"]
    save_arrays(folder / f"probability_{tag}.npz", {"test": test.astype(np.float16)})
    images, labels = dataset.split("test")
    figure = sections_figure(
        images[0], labels[0], test[0], folder / f"sections_{tag}.png", f"{tag}, first test section"
    )
    return Segmentation(probability, metrics, figure)


def keras_segmenter(model: Any, batch_tiles: int = 16) -> SegmentTiles:
    """Make a Keras model from :mod:`spikeseg_core.ann.unet` segment tiles.

    Parameters
    ----------
    model : keras.Model
        Tiles to logits, both with a channel axis.
    batch_tiles : int
        Tiles computed at once.
    """

    def segment_tiles(tiles: np.ndarray) -> np.ndarray:
        logits = [
            np.asarray(model(tiles[i : i + batch_tiles, ..., np.newaxis]))[..., 0]
            for i in range(0, len(tiles), batch_tiles)
        ]
        return np.concatenate(logits)

    return segment_tiles
