"""Synthetic sections: seeded, plausible, and not to be solved by a threshold."""

import numpy as np
import pytest
from scipy import ndimage

from spikeseg_core.data.polarity import choose_polarity
from spikeseg_core.data.sources.synthetic import synthetic_sections


@pytest.fixture(scope="module")
def stack():
    return synthetic_sections(5, 256, seed=3)


def test_shape_share_and_polarity(stack):
    images, labels = stack
    assert images.shape == labels.shape == (5, 256, 256)
    assert images.dtype == labels.dtype == np.uint8
    assert set(np.unique(labels)) == {0, 1}
    assert labels.mean() == pytest.approx(0.2, abs=0.01)
    masks = np.where(labels == 1, 0, 255)
    assert choose_polarity(images, masks).polarity == "membrane_dark"


def test_the_seed_decides(stack):
    again = synthetic_sections(5, 256, seed=3)
    np.testing.assert_array_equal(again[0], stack[0])
    np.testing.assert_array_equal(again[1], stack[1])
    assert not np.array_equal(synthetic_sections(5, 256, seed=4)[1], stack[1])


def test_neighbours_are_more_alike_than_others(stack):
    labels = stack[1].astype(float)
    near = np.corrcoef(labels[1].ravel(), labels[2].ravel())[0, 1]
    far = np.corrcoef(labels[0].ravel(), labels[4].ravel())[0, 1]
    assert near > far + 0.1


def test_cells_are_many_and_whole(stack):
    cells = [ndimage.label(section == 0)[1] for section in stack[1]]
    assert min(cells) > 15


def test_a_threshold_does_not_solve_it(stack):
    images, labels = stack
    smooth = ndimage.gaussian_filter(images.astype(float), (0, 1.5, 1.5))
    best = max(((smooth < t) == labels).mean() for t in range(40, 200, 4))
    assert 0.8 < best < 0.9


@pytest.mark.parametrize("size", [129, 130])
def test_odd_sizes(size):
    images, labels = synthetic_sections(1, size, seed=0)
    assert images.shape == labels.shape == (1, size, size)
