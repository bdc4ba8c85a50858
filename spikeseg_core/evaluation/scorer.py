"""Every score of a stage, under the names that all stages share."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from spikeseg_core.errors import DataError
from spikeseg_core.metrics.pixels import pixel_scores
from spikeseg_core.metrics.rand_info import threshold_curve


def evaluate(
    probability_by_split: Mapping[str, tuple[np.ndarray, np.ndarray]],
    validation_threshold: float | None = None,
) -> dict[str, float]:
    """Score membrane probabilities of whole sections.

    Parameters
    ----------
    probability_by_split : mapping of split name to (probability, labels)
        Both (n, h, w): membrane probability in [0, 1], and labels with 1 = membrane.
    validation_threshold : float, optional
        The threshold a user would have chosen, one of 0.1..0.9. By default the one with the best
        V_Rand on the split ``"validation"``; without that split and this parameter the scores
        ``..._at_validation_threshold`` are left out.

    Returns
    -------
    dict
        For each split ``pixel_accuracy``, ``membrane_iou`` and ``dice`` at 0.5; ``v_rand`` and
        ``v_info``, each at its best threshold of 0.1..0.9 for the stack (the challenge's official
        scores), ``v_rand_threshold``; and ``v_rand``, ``v_info``, ``pixel_accuracy`` and
        ``membrane_iou`` ``_at_validation_threshold``. Keys read ``"test/v_rand"``.

    Raises
    ------
    DataError
        If a probability is not finite, shapes differ, or a section has no interior.
    """
    for split, (probability, labels) in probability_by_split.items():
        _check(split, probability, labels)
    curves = {
        split: threshold_curve(probability, labels)
        for split, (probability, labels) in probability_by_split.items()
    }
    if validation_threshold is None and "validation" in curves:
        validation_threshold = curves["validation"].best_v_rand_threshold

    scores: dict[str, float] = {}
    for split, (probability, labels) in probability_by_split.items():
        curve = curves[split]
        pixels = pixel_scores(probability, labels)
        scores[f"{split}/pixel_accuracy"] = pixels.accuracy
        scores[f"{split}/membrane_iou"] = pixels.membrane_iou
        scores[f"{split}/dice"] = pixels.dice
        scores[f"{split}/v_rand"] = float(curve.v_rand.max())
        scores[f"{split}/v_info"] = float(curve.v_info.max())
        scores[f"{split}/v_rand_threshold"] = curve.best_v_rand_threshold
        if validation_threshold is not None:
            chosen = curve.at(validation_threshold)
            scores[f"{split}/v_rand_at_validation_threshold"] = chosen.v_rand
            scores[f"{split}/v_info_at_validation_threshold"] = chosen.v_info
            pixels = pixel_scores(probability, labels, validation_threshold)
            scores[f"{split}/pixel_accuracy_at_validation_threshold"] = pixels.accuracy
            scores[f"{split}/membrane_iou_at_validation_threshold"] = pixels.membrane_iou
    return scores


def _check(split: str, probability: np.ndarray, labels: np.ndarray) -> None:
    if probability.ndim != 3 or probability.shape != labels.shape or len(labels) == 0:
        raise DataError(
            f"split {split!r}: probabilities {probability.shape} and labels {labels.shape} must "
            "both be (sections, height, width) of the same sections"
        )
    if not np.isfinite(probability).all():
        raise DataError(
            f"split {split!r}: {np.count_nonzero(~np.isfinite(probability))} probabilities are "
            "not finite; the network that made them diverged: lower its learning rate"
        )
