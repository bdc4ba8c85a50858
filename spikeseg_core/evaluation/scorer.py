"""All scores of a stage, under the names that all stages share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from spikeseg_core.errors import DataError
from spikeseg_core.metrics.pixels import pixel_scores
from spikeseg_core.metrics.rand_info import (
    ThresholdCurve,
    TrueCells,
    cell_regions,
    threshold_curve,
)


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

    def scores(self, probability: np.ndarray, threshold: float | None = None) -> dict[str, float]:
        """Score a membrane probability.

        Parameters
        ----------
        probability : array (n, h, w)
            In [0, 1].
        threshold : float, optional
            The threshold that a user would have chosen, one of 0.1 to 0.9.

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
        return self.judge(probability).scores(threshold)

    def judge(self, probability: np.ndarray) -> Judged:
        """Do the part of :meth:`scores` that does not depend on a threshold."""
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
        return Judged(probability, labels, threshold_curve(probability, self._truths))


@dataclass(frozen=True)
class Judged:
    """A segmentation with its scores at every threshold.

    Attributes
    ----------
    probability, labels : array (n, h, w)
    curve : ThresholdCurve
    """

    probability: np.ndarray
    labels: np.ndarray
    curve: ThresholdCurve

    def scores(self, threshold: float | None = None) -> dict[str, float]:
        """Return the scores, as :meth:`Scorer.scores`."""
        pixels = pixel_scores(self.probability, self.labels)
        found = {
            "pixel_accuracy": pixels.accuracy,
            "membrane_iou": pixels.membrane_iou,
            "dice": pixels.dice,
            "v_rand": float(self.curve.v_rand.max()),
            "v_info": float(self.curve.v_info.max()),
            "v_rand_threshold": self.curve.best_v_rand_threshold,
        }
        if threshold is not None:
            cells = self.curve.at(threshold)
            pixels = pixel_scores(self.probability, self.labels, threshold)
            found |= {
                "v_rand_at_validation_threshold": cells.v_rand,
                "v_info_at_validation_threshold": cells.v_info,
                "pixel_accuracy_at_validation_threshold": pixels.accuracy,
                "membrane_iou_at_validation_threshold": pixels.membrane_iou,
            }
        return found


def evaluate(
    probability_by_split: Mapping[str, tuple[np.ndarray, np.ndarray | Scorer]],
    validation_threshold: float | None = None,
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

    Returns
    -------
    dict
        :meth:`Scorer.scores` of each split. Keys read ``"test/v_rand"``.

    Raises
    ------
    DataError
        If a probability is not finite, shapes differ, or a section has no interior.
    """
    judged = {
        split: (labels if isinstance(labels, Scorer) else Scorer(labels, split)).judge(probability)
        for split, (probability, labels) in probability_by_split.items()
    }
    if validation_threshold is None and "validation" in judged:
        validation_threshold = judged["validation"].curve.best_v_rand_threshold
    return {
        f"{split}/{name}": score
        for split, one in judged.items()
        for name, score in one.scores(validation_threshold).items()
    }
