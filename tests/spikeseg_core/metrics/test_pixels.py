"""Pixel scores against values counted by hand."""

import numpy as np
import pytest

from spikeseg_core.metrics.pixels import pixel_scores


def test_hand_counted():
    labels = np.array([[[1, 1, 0, 0], [0, 0, 0, 1]]])
    probability = np.array([[[0.9, 0.2, 0.6, 0.1], [0.0, 0.5, 0.4, 0.8]]])
    # Called: pixels 0, 2, 7. True: 0, 1, 7. Both 2, either 4, wrong 2 of 8; 0.5 is not above 0.5.
    scores = pixel_scores(probability, labels)
    assert scores.accuracy == pytest.approx(6 / 8)
    assert scores.membrane_iou == pytest.approx(2 / 4)
    assert scores.dice == pytest.approx(4 / 6)


def test_threshold_moves_the_call():
    labels = np.array([[[1, 0]]])
    probability = np.array([[[0.3, 0.25]]])
    assert pixel_scores(probability, labels).accuracy == 0.5
    assert pixel_scores(probability, labels, threshold=0.28).accuracy == 1.0


def test_no_membrane_on_either_side_is_perfect():
    nothing = np.zeros((1, 4, 4))
    assert pixel_scores(nothing, nothing.astype(np.uint8)) == (1.0, 1.0, 1.0)
