"""Weights of pixels: thin membranes more, all membranes as much as before."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from spikeseg_core.data.borders import REACH_PX, distance_between_cells, pixel_weights


def two_cells(gap: int, size: int = 60) -> np.ndarray:
    """A vertical membrane of ``gap`` px between two cells."""
    labels = np.zeros((size, size), np.uint8)
    labels[:, 25 : 25 + gap] = 1
    return labels


@pytest.mark.parametrize("gap", [2, 5, 12])
def test_the_distances_across_a_membrane_are_its_thickness(gap: int) -> None:
    labels = two_cells(gap)
    apart = distance_between_cells(labels > 0)
    np.testing.assert_allclose(apart[labels > 0], gap + 1)  # to the first pixel of either cell


def test_distances_are_those_of_a_search_over_all_pixels() -> None:
    rng = np.random.default_rng(0)
    membrane = np.zeros((48, 48), bool)
    for row, column in rng.integers(8, 40, (4, 2)):
        membrane[row - 1 : row + 1] = membrane[:, column - 1 : column + 2] = True
    cells, count = ndimage.label(~membrane)
    sizes = np.bincount(cells.ravel())
    kept = [c for c in range(1, count + 1) if sizes[c] >= 50]
    rows, columns = np.mgrid[:48, :48]
    to_cell = []
    for cell in kept:
        of_cell = np.argwhere(cells == cell)
        squared = (rows[..., None] - of_cell[:, 0]) ** 2 + (columns[..., None] - of_cell[:, 1]) ** 2
        to_cell.append(np.sqrt(squared.min(axis=-1)))
    expected = np.sort(to_cell, axis=0)[:2].sum(axis=0)
    near = expected < 2 * REACH_PX
    found = distance_between_cells(membrane)
    np.testing.assert_allclose(found[near & membrane], expected[near & membrane])


def test_a_thin_membrane_weighs_more_than_a_thick_one() -> None:
    labels = np.stack([two_cells(3), two_cells(14)])
    weights = pixel_weights(labels, border_weight=2.0, membrane_weight=1.0)
    thin, thick = (weights[i][labels[i] > 0].mean() for i in (0, 1))
    assert thin > 2 * thick
    assert (weights[labels == 0] == 1).all()


@given(
    seed=st.integers(0, 2**32 - 1),
    border=st.floats(0, 10),
    membrane=st.floats(0.1, 5),
    share=st.floats(0, 1),
)
@settings(max_examples=25, deadline=None)
def test_membrane_weighs_on_average_what_was_asked(
    seed: int, border: float, membrane: float, share: float
) -> None:
    labels = (np.random.default_rng(seed).random((2, 24, 24)) < share).repeat(2, 1).astype(np.uint8)
    weights = pixel_weights(labels, border, membrane)
    assert weights.dtype == np.float32
    assert np.isfinite(weights).all()
    assert (weights[labels == 0] == 1).all()
    if labels.any():
        assert weights[labels > 0].mean() == pytest.approx(membrane, rel=1e-4)


def test_without_extra_weight_all_membrane_weighs_the_same() -> None:
    labels = two_cells(4)[np.newaxis]
    assert (pixel_weights(labels, 0.0, 1.5)[labels > 0] == 1.5).all()
