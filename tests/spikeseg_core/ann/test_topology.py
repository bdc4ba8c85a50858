from typing import Any

import numpy as np
import pytest

from spikeseg_core.ann.topology import critical_pixels, with_topology
from spikeseg_core.config import TrainConfig
from spikeseg_core.stack import tf

CONFIG = TrainConfig(topology_weight=0.5)


def two_cells(left: int = 10) -> np.ndarray:
    """Cells of 12 rows, with membrane two pixels wide between them."""
    labels = np.zeros((1, 12, 30), np.float32)
    labels[0, :, left : left + 2] = 1
    return labels


def test_the_weakest_pixel_between_two_cells_weighs_the_smaller_cell() -> None:
    labels = two_cells()
    probability = np.where(labels > 0.5, 0.9, 0.1).astype(np.float32)
    probability[0, 4, 10:12] = 0.4, 0.6  # the way through is as strong as its strongest pixel
    weights = critical_pixels(probability, labels)
    assert np.flatnonzero(weights).tolist() == [4 * 30 + 11]
    np.testing.assert_allclose(weights[0, 4, 11], 120 / (120 + 216))


def test_false_membrane_weighs_the_part_that_it_cuts_off() -> None:
    labels = np.zeros((1, 12, 30), np.float32)
    probability = np.full(labels.shape, 0.1, np.float32)
    probability[0, :, 7] = np.linspace(0.6, 0.9, 12)
    weights = critical_pixels(probability, labels)
    assert np.flatnonzero(weights).tolist() == [7]  # the weakest pixel of the false membrane
    np.testing.assert_allclose(weights[0, 0, 7], 84 / 360)
    probability[0, 0, 7] = 0.1  # a gap joins both parts, so none is cut off
    np.testing.assert_array_equal(
        critical_pixels(probability, labels) > 0, np.zeros(labels.shape, bool)
    )


def test_what_is_no_cell_does_not_count() -> None:
    labels = two_cells(left=4)  # 48 px on the left
    probability = np.where(labels > 0.5, 0.2, 0.1).astype(np.float32)
    assert not critical_pixels(probability, labels).any()
    assert not critical_pixels(probability, np.ones_like(labels)).any()


def brute_force(probability: np.ndarray, labels: np.ndarray) -> float:
    """Highest threshold at which the only two cells are still apart, pixel by pixel."""
    from scipy import ndimage

    cells, _ = ndimage.label(labels < 0.5)
    for value in np.sort(probability[labels > 0.5]):
        joined, _ = ndimage.label((labels < 0.5) | ((labels > 0.5) & (probability <= value)))
        if joined[0, 0] == joined[0, -1] and cells[0, 0] != cells[0, -1]:
            return float(value)
    raise AssertionError("never joined")


@pytest.mark.parametrize("seed", range(10))
def test_the_critical_pixel_is_that_of_a_search_over_all_thresholds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = two_cells()
    labels[0, :, 9:14] = 1
    probability = rng.random(labels.shape).astype(np.float32)
    weights = critical_pixels(probability, labels) * (labels > 0.5)
    assert np.count_nonzero(weights) == 1
    assert probability[weights > 0][0] == np.float32(brute_force(probability[0], labels[0]))


def test_its_gradient_closes_gaps_and_opens_false_membrane() -> None:
    labels = np.concatenate([two_cells(), np.zeros((1, 12, 30), np.float32)])
    logits = np.where(labels > 0.5, 3.0, -3.0).astype(np.float32)
    logits[0, 4, 10:12] = -1
    logits[1, :, 7] = 2
    targets = tf.constant(np.stack([labels, np.ones_like(labels)], axis=-1))

    @tf.function
    def found(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            parts = with_topology({"loss": tf.constant(1.0)}, x, targets, CONFIG)
        return parts, tape.gradient(parts["loss"], x)

    parts, gradient = found(tf.constant(logits[..., np.newaxis]))
    np.testing.assert_allclose(parts["loss"], 1 + 0.5 * parts["topology"], rtol=1e-6)
    slope = gradient.numpy()[..., 0]
    assert (slope[0] < 0).sum() == 1 and slope[0].argmin() in (4 * 30 + 10, 4 * 30 + 11)
    assert (slope[1] > 0).sum() == 1 and slope[1].argmax() % 30 == 7
    off = with_topology({"loss": 1.0}, logits, targets, TrainConfig())
    assert off == {"loss": 1.0}
