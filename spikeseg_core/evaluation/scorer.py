"""All scores of a stage, under the names that all stages share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from spikeseg_core.errors import DataError
from spikeseg_core.metrics.pixels import pixel_scores
from spikeseg_core.metrics.rand_info import (
    ThresholdCurve,
    TrueCells,
    cell_regions,
    threshold_curve,
)

SECTION_SCORES = ("pixel_accuracy", "membrane_iou", "v_rand", "v_info")
"""Scores of a single section, in the order of tables."""


class Thresholds(NamedTuple):
    """Thresholds that a user would have chosen on validation, one for each kind of score."""

    mask: float
    v_rand: float
    v_info: float


class Scorer:
    """Scores any number of segmentations of the same sections; their cells are found once.

    Parameters
    ----------
    labels : array (n, h, w)
        1 = membrane, 0 = interior.
    split : str
        Name of the sections in errors.

    Raises
    ------
    DataError
        If a section has no interior.
    """

    def __init__(self, labels: np.ndarray, split: str = "sections") -> None:
        self._labels, self._split = np.asarray(labels), split
        self._truths = [TrueCells(cell_regions(section == 1)) for section in self._labels]

    def scores(
        self,
        probability: np.ndarray,
        threshold: float | None = None,
        curve: ThresholdCurve | None = None,
    ) -> dict[str, float]:
        """Score a membrane probability.

        Parameters
        ----------
        probability : array (n, h, w)
            In [0, 1].
        threshold : float, optional
            The threshold that a user would have chosen, one of 0.1 to 0.9.
        curve : ThresholdCurve, optional
            :meth:`curve` of the probability, if it is known.

        Returns
        -------
        dict
            ``pixel_accuracy``, ``membrane_iou`` and ``dice`` at 0.5; ``v_rand`` and ``v_info``,
            each at its best threshold of 0.1..0.9 for the stack (the challenge's official scores),
            ``v_rand_threshold``; and, given a threshold, ``v_rand``, ``v_info``,
            ``pixel_accuracy`` and ``membrane_iou`` ``_at_validation_threshold``.

        Raises
        ------
        DataError
            If a probability is not finite, or shapes differ.
        """
        curve = self.curve(probability) if curve is None else curve
        pixels = pixel_scores(probability, self._labels)
        found = {
            "pixel_accuracy": pixels.accuracy,
            "membrane_iou": pixels.membrane_iou,
            "dice": pixels.dice,
            "v_rand": float(curve.v_rand.max()),
            "v_info": float(curve.v_info.max()),
            "v_rand_threshold": curve.best_v_rand_threshold,
        }
        if threshold is not None:
            cells = curve.at(threshold)
            pixels = pixel_scores(probability, self._labels, threshold)
            found |= {
                "v_rand_at_validation_threshold": cells.v_rand,
                "v_info_at_validation_threshold": cells.v_info,
                "pixel_accuracy_at_validation_threshold": pixels.accuracy,
                "membrane_iou_at_validation_threshold": pixels.membrane_iou,
            }
        return found

    def thresholds(self, probability: np.ndarray, curve: ThresholdCurve) -> Thresholds:
        """Choose the thresholds that are best for a probability and its :meth:`curve`.

        The mask's has the highest pixel accuracy; the lowest threshold wins if several tie.
        """
        accuracy = [pixel_scores(probability, self._labels, t).accuracy for t in curve.thresholds]
        return Thresholds(
            mask=float(curve.thresholds[np.argmax(accuracy)]),
            v_rand=curve.best_v_rand_threshold,
            v_info=curve.best_v_info_threshold,
        )

    def by_section(
        self, probability: np.ndarray, curve: ThresholdCurve, thresholds: Thresholds
    ) -> dict[str, np.ndarray]:
        """Score every section of a probability at given thresholds.

        Returns
        -------
        dict of str to array (n,)
            :data:`SECTION_SCORES`: both pixel scores at the mask's threshold, V_Rand and V_Info
            each at its own.
        """
        pixels = [
            pixel_scores(section, labels, thresholds.mask)
            for section, labels in zip(probability, self._labels, strict=True)
        ]
        return {
            "pixel_accuracy": np.array([found.accuracy for found in pixels]),
            "membrane_iou": np.array([found.membrane_iou for found in pixels]),
            "v_rand": curve.sections_at(thresholds.v_rand)[:, 0],
            "v_info": curve.sections_at(thresholds.v_info)[:, 1],
        }

    def curve(self, probability: np.ndarray) -> ThresholdCurve:
        """Score the cells of a probability at every threshold; raises as :meth:`scores`."""
        labels, split = self._labels, self._split
        if probability.ndim != 3 or probability.shape != labels.shape or len(labels) == 0:
            raise DataError(
                f"split {split!r}: probabilities {probability.shape} and labels {labels.shape} "
                "must both be (sections, height, width) of the same sections"
            )
        if not np.isfinite(probability).all():
            raise DataError(
                f"split {split!r}: {np.count_nonzero(~np.isfinite(probability))} probabilities are "
                "not finite; the network that made them diverged: lower its learning rate"
            )
        return threshold_curve(probability, self._truths)


def evaluate(
    probability_by_split: Mapping[str, tuple[np.ndarray, np.ndarray | Scorer]],
    validation_threshold: float | None = None,
    curves: Mapping[str, ThresholdCurve] | None = None,
) -> dict[str, float]:
    """Score membrane probabilities of whole sections.

    Parameters
    ----------
    probability_by_split : mapping of split name to (probability, labels)
        Both (n, h, w): membrane probability in [0, 1], and labels with 1 = membrane, or a
        scorer that has them already.
    validation_threshold : float, optional
        The threshold that a user would have chosen, one of 0.1 to 0.9. By default the one with the
        best V_Rand on the split ``"validation"``; without that split and this parameter, the scores
        ``..._at_validation_threshold`` are omitted.
    curves : mapping of split name to ThresholdCurve, optional
        :meth:`Scorer.curve` of each probability, if they are known.

    Returns
    -------
    dict
        :meth:`Scorer.scores` of each split. Keys read ``"test/v_rand"``.

    Raises
    ------
    DataError
        If a probability is not finite, shapes differ, or a section has no interior.
    """
    scorers = {
        split: labels if isinstance(labels, Scorer) else Scorer(labels, split)
        for split, (_, labels) in probability_by_split.items()
    }
    if curves is None:
        curves = {split: scorers[split].curve(p) for split, (p, _) in probability_by_split.items()}
    if validation_threshold is None and "validation" in curves:
        validation_threshold = curves["validation"].best_v_rand_threshold
    return {
        f"{split}/{name}": score
        for split, (p, _) in probability_by_split.items()
        for name, score in scorers[split].scores(p, validation_threshold, curves[split]).items()
    }
