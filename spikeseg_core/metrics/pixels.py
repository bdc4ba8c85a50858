"""Scores that count pixels: accuracy, intersection over union, Dice."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class PixelScores(NamedTuple):
    """Pixel scores of a stack, over all its pixels together.

    Attributes
    ----------
    membrane_iou : float
        Intersection over union of predicted and true membrane.
    dice : float
        Twice the intersection, over predicted plus true membrane pixels.
    """

    accuracy: float
    membrane_iou: float
    dice: float


def pixel_scores(
    probability: np.ndarray, labels: np.ndarray, threshold: float = 0.5
) -> PixelScores:
    """Score a membrane probability against labels, pixel by pixel.

    Parameters
    ----------
    probability : array (n, h, w)
        Membrane probability; above ``threshold`` a pixel is predicted as membrane.
    labels : array (n, h, w)
        1 = membrane, 0 = interior.

    Returns
    -------
    PixelScores
        IoU and Dice are 1 if there is neither true nor predicted membrane.
    """
    called = np.asarray(probability) > threshold
    membrane = np.asarray(labels) == 1
    both = int(np.count_nonzero(called & membrane))
    either = int(np.count_nonzero(called | membrane))
    wrong = either - both
    return PixelScores(
        accuracy=1.0 - wrong / membrane.size,
        membrane_iou=both / either if either else 1.0,
        dice=2.0 * both / (both + either) if either else 1.0,
    )
