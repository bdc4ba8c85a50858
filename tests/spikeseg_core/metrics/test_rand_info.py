"""V_Rand and V_Info against values worked out by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage.segmentation import watershed

from spikeseg_core.errors import DataError
from spikeseg_core.metrics.rand_info import (
    THRESHOLDS,
    TrueCells,
    cell_regions,
    rand_info,
    thinned_regions,
    threshold_curve,
)


def walls(height: int, width: int, *columns: int) -> np.ndarray:
    """A section of membrane walls at these columns."""
    membrane = np.zeros((height, width), dtype=bool)
    membrane[:, list(columns)] = True
    return membrane


def entropy(*p: float) -> float:
    return -sum(q * np.log(q) for q in p)


def test_identical_is_one():
    membrane = walls(10, 31, 10, 20)
    scores = rand_info(cell_regions(membrane), thinned_regions(membrane))
    assert scores == pytest.approx((1.0, 1.0))


def test_one_cell_found_as_one_cell_is_one():
    nothing = np.zeros((4, 4), dtype=bool)
    assert rand_info(cell_regions(nothing), thinned_regions(nothing)) == (1.0, 1.0)


def test_merge_of_two_equal_cells():
    truth = cell_regions(walls(8, 21, 10))  # two cells of 80 pixels
    merged = thinned_regions(np.zeros((8, 21), dtype=bool))
    # p_ij = (1/2, 1/2), s = (1,), t = (1/2, 1/2): (1/4 + 1/4) / (1/2 * 1 + 1/2 * 1/2) = 2/3.
    # The proposal carries no information: I = 0.
    v_rand, v_info = rand_info(truth, merged)
    assert v_rand == pytest.approx(2 / 3)
    assert v_info == pytest.approx(0.0, abs=1e-12)


def test_split_without_border_pixels_in_the_cell():
    truth = np.ones((8, 20), dtype=np.int32)
    split = np.ones((8, 20), dtype=np.int32)
    split[:, 5:] = 2
    # p_ij = (1/4, 3/4), t = (1,): (1/16 + 9/16) / (1/2 * 10/16 + 1/2) = 10/13.
    v_rand, v_info = rand_info(truth, split)
    assert v_rand == pytest.approx(10 / 13)
    assert v_info == pytest.approx(0.0, abs=1e-12)


def test_split_with_a_border_in_the_cell_counts_its_pixels_as_cells():
    truth = cell_regions(np.zeros((4, 9), dtype=bool))
    split = thinned_regions(walls(4, 9, 4))
    # 16 + 16 pixels and 4 of border out of 36.
    squares = 2 * (16 / 36) ** 2 + 4 / 36**2
    assert rand_info(truth, split).v_rand == pytest.approx(squares / (0.5 * squares + 0.5))


def test_merge_and_split_information_by_hand():
    # Truth cells a, b, c of 1/2, 1/4, 1/4; proposal joins a and b, and keeps c.
    truth = np.repeat(np.array([[1, 1, 2, 3]]), 4, axis=0)
    merged = np.repeat(np.array([[1, 1, 1, 2]]), 4, axis=0)
    h_truth, h_merged = entropy(1 / 2, 1 / 4, 1 / 4), entropy(3 / 4, 1 / 4)
    v_rand, v_info = rand_info(truth, merged)
    assert v_rand == pytest.approx(6 / 16 / (0.5 * 10 / 16 + 0.5 * 6 / 16))
    assert v_info == pytest.approx(h_merged / (0.5 * h_merged + 0.5 * h_truth))


def test_membrane_pixels_of_the_truth_are_left_out():
    truth = cell_regions(walls(6, 23, 9, 10, 11, 12, 13))
    wide, narrow = walls(6, 23, 9, 10, 11, 12, 13), walls(6, 23, 10)
    assert rand_info(truth, thinned_regions(wide)) == pytest.approx((1.0, 1.0))
    assert rand_info(truth, thinned_regions(narrow)) == pytest.approx((1.0, 1.0))


def test_a_wide_border_is_thinned_to_its_middle():
    regions = thinned_regions(walls(5, 11, 3, 4, 5, 6, 7))
    assert (regions[0] == [1, 1, 1, 1, 1, 0, 2, 2, 2, 2, 2]).all()


def test_membrane_that_separates_nothing_disappears():
    spur = np.zeros((9, 9), dtype=bool)
    spur[4, :5] = True
    assert (thinned_regions(spur) == 1).all()


def test_all_membrane_is_no_cell_and_scores_near_zero():
    truth = cell_regions(walls(30, 61, 30))
    nothing = thinned_regions(np.ones((30, 61), dtype=bool))
    assert not nothing.any()
    v_rand, v_info = rand_info(truth, nothing)
    assert v_rand == pytest.approx((1 / 1800) / (0.5 / 1800 + 0.25))
    assert v_info == pytest.approx(np.log(2) / (0.5 * np.log(2) + 0.5 * np.log(1800)))


def test_diagonal_contact_does_not_join_cells():
    membrane = np.array([[0, 1], [1, 0]], dtype=bool)
    assert cell_regions(membrane).max() == 2


def test_truth_without_cells_is_refused():
    all_membrane = np.zeros((4, 4), dtype=np.int32)
    with pytest.raises(DataError, match="membrane all over"):
        rand_info(all_membrane, all_membrane)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(1, 5), st.integers(4, 16))
def test_scores_are_bounded_symmetric_and_blind_to_names(seed, n_truth, n_proposal, side):
    rng = np.random.default_rng(seed)
    truth = rng.integers(1, n_truth + 1, (side, side))
    proposal = rng.integers(1, n_proposal + 1, (side, side))
    scores = rand_info(truth, proposal)
    assert all(-1e-9 <= score <= 1 + 1e-9 for score in scores)
    assert rand_info(proposal, truth) == pytest.approx(scores)
    renamed = rng.permutation(n_proposal + 1)[proposal - 1] + 1
    assert rand_info(truth, renamed) == pytest.approx(scores)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.3, 0.7))
def test_thinning_keeps_every_cell_and_leaves_no_two_cells_touching(seed, threshold):
    rng = np.random.default_rng(seed)
    membrane = ndimage.gaussian_filter(rng.random((40, 40)), 2, mode="wrap") > 0.5
    cells, thin = cell_regions(membrane), thinned_regions(membrane)
    assert (thin[cells > 0] == cells[cells > 0]).all()
    for a, b in ((thin[1:], thin[:-1]), (thin[:, 1:], thin[:, :-1])):
        assert not ((a != b) & (a > 0) & (b > 0)).any()
    # Every border pixel that is left has different cells around it, or other border.
    assert (thin > 0).sum() >= (cells > 0).sum()


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_flooding_is_the_watershed_of_a_flat_image(seed):
    # If two cells are equally far from a pixel, either may come first: lines move by a pixel.
    noise = np.random.default_rng(seed).random((96, 96))
    membrane = ndimage.gaussian_filter(noise, 3, mode="wrap") > 0.5
    cells, thin = cell_regions(membrane), thinned_regions(membrane)
    flat = np.zeros(cells.shape, np.uint8)
    general = watershed(flat, cells, connectivity=1, watershed_line=True)
    apart = (thin != general) & (thin > 0) & (general > 0)
    assert np.mean(apart) < 0.002
    assert np.mean(thin != general) < 0.06
    assert rand_info(cells, thin) == pytest.approx(rand_info(cells, general), abs=0.01)


def test_curve_averages_sections_and_finds_the_best_threshold():
    membrane = np.stack([walls(8, 21, 10), walls(8, 21, 5)])
    probability = np.where(membrane, 0.55, 0.15)
    curve = threshold_curve(probability, [TrueCells(cell_regions(m)) for m in membrane])
    assert curve.thresholds.tolist() == list(THRESHOLDS)
    assert curve.v_rand[1:5] == pytest.approx(1.0)  # 0.2 .. 0.5
    assert curve.best_v_rand_threshold == 0.2
    quarter = (25 + 225) / 400  # cells of 5 and 15 columns, merged above 0.55
    merged = np.mean([2 / 3, quarter / (0.5 + 0.5 * quarter)])
    assert curve.at(0.6).v_rand == pytest.approx(merged)
    with pytest.raises(DataError, match=r"0\.55"):
        curve.at(0.55)
