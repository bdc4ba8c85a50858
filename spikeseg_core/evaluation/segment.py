"""Segment whole sections and score them, in the same way for all stages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from spikeseg_core.ann.predict import tile_logits
from spikeseg_core.data.dataset import Dataset
from spikeseg_core.evaluation.scorer import Scorer, Thresholds, evaluate

SCORED_SPLITS = ("validation", "test")
"""Splits that all stages are scored on; thresholds are chosen on the first."""

SegmentTiles = Callable[[np.ndarray], np.ndarray]
"""Standardised tiles (n, tile, tile) to logits of membrane, the same shape."""


@dataclass(frozen=True)
class Segmentation:
    """Segmented sections and their scores.

    Attributes
    ----------
    probability : mapping of split to float32 array (sections, height, width)
        Of membrane.
    metrics : mapping of str to float
        :func:`~spikeseg_core.evaluation.scorer.evaluate`, and for each split the means over its
        sections of ``sections``, as ``test/v_rand_carried``.
    thresholds : Thresholds
        Chosen on validation, and carried over to test.
    sections : pandas.DataFrame
        A row per section: ``split``, ``section`` (its number in the stack),
        :data:`~spikeseg_core.evaluation.scorer.SECTION_SCORES` at the thresholds,
        ``mask_threshold``, ``v_rand_threshold`` and ``v_info_threshold``.
    """

    probability: Mapping[str, np.ndarray]
    metrics: Mapping[str, float]
    thresholds: Thresholds
    sections: pd.DataFrame

    @property
    def overall(self) -> dict[str, float]:
        """Metrics without the means over sections."""
        return {name: v for name, v in self.metrics.items() if not name.endswith("_carried")}


def segment_sections(segment_tiles: SegmentTiles, dataset: Dataset, split: str) -> np.ndarray:
    """Segment the sections of a split, tile by tile, and blend the tiles.

    Returns
    -------
    float32 array (sections, height, width)
        Probability of membrane.
    """
    images, _ = dataset.split(split)
    return dataset.grid.stitch(expit(segment_tiles(dataset.grid.cut(images))))


def segment_and_score(segment_tiles: SegmentTiles, dataset: Dataset) -> Segmentation:
    """Segment validation and test sections, and score them."""
    probability = {s: segment_sections(segment_tiles, dataset, s) for s in SCORED_SPLITS}
    return scored(probability, dataset)


def scored(
    probability: Mapping[str, np.ndarray],
    dataset: Dataset,
    thresholds: Thresholds | None = None,
    scorers: Mapping[str, Scorer] | None = None,
) -> Segmentation:
    """Score membrane probabilities of whole splits, together and section by section.

    Parameters
    ----------
    probability : mapping of split to array (sections, height, width)
    thresholds : Thresholds, optional
        For the scores of single sections, if validation is not among the splits; by default the
        best ones on validation.
    scorers : mapping of split to Scorer, optional
        Where several segmentations are scored (:func:`scorers_of`); by default new ones.
    """
    if scorers is None:
        scorers = {split: Scorer(dataset.split(split)[1], split) for split in probability}
    curves = {split: scorers[split].curve(p) for split, p in probability.items()}
    metrics = evaluate({s: (p, scorers[s]) for s, p in probability.items()}, curves=curves)
    if thresholds is None:
        thresholds = scorers["validation"].thresholds(
            probability["validation"], curves["validation"]
        )
    parts = []
    for split, p in probability.items():
        scores = scorers[split].by_section(p, curves[split], thresholds)
        metrics |= {f"{split}/{name}_carried": float(v.mean()) for name, v in scores.items()}
        parts.append(section_rows(split, dataset, scores, thresholds))
    return Segmentation(probability, metrics, thresholds, pd.concat(parts, ignore_index=True))


def section_rows(
    split: str, dataset: Dataset, scores: Mapping[str, np.ndarray], thresholds: Thresholds
) -> pd.DataFrame:
    """Tabulate :meth:`Scorer.by_section` of a split, as :attr:`Segmentation.sections`."""
    chosen = {f"{name}_threshold": value for name, value in thresholds._asdict().items()}
    where = {"split": split, "section": dataset.splits[split].astype(np.int64)}
    return pd.DataFrame(where | dict(scores) | chosen)


def scorers_of(dataset: Dataset) -> dict[str, Scorer]:
    """Return a scorer for each of :data:`SCORED_SPLITS`."""
    return {split: Scorer(dataset.split(split)[1], split) for split in SCORED_SPLITS}


def score_sections(
    segment: Callable[[np.ndarray], np.ndarray], dataset: Dataset, scorers: Mapping[str, Scorer]
) -> Segmentation:
    """Score a function of standardised sections ``(n, height, width)`` to their probability."""
    probability = {split: segment(dataset.split(split)[0]) for split in scorers}
    return scored(probability, dataset, scorers=scorers)


def keras_segmenter(model: Any, batch_tiles: int = 16) -> SegmentTiles:
    """Make a function that segments tiles from a Keras model (:mod:`spikeseg_core.ann.unet`)."""

    def segment_tiles(tiles: np.ndarray) -> np.ndarray:
        return tile_logits(model, tiles, batch_tiles)

    return segment_tiles
