from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from spikeseg_core.evaluation.agglomeration import agglomerated, agglomerated_score
from spikeseg_core.metrics.rand_info import TrueCells, cell_regions, thinned_regions


def two_cells(wall: float, gap: float | None = None) -> np.ndarray:
    """Two cells left and right of a wall, in which one pixel may be faint."""
    probability = np.full((32, 33), 0.05)
    probability[:, 15:18] = wall
    if gap is not None:
        probability[16, 15:18] = gap
    return probability


def test_a_gap_in_a_membrane_does_not_join_two_cells() -> None:
    probability = two_cells(wall=0.9, gap=0.1)
    assert cell_regions(probability > 0.5).max() == 1
    cells = agglomerated(probability)
    assert cells.max() == 2
    assert len(set(cells[:, :14].ravel())) == len(set(cells[:, 19:].ravel())) == 1
    assert cells.dtype == np.int32


def test_a_faint_ridge_does_not_cut_a_cell() -> None:
    assert agglomerated(two_cells(wall=0.3)).max() == 1
    assert agglomerated(two_cells(wall=0.3), joined_below=0.1).max() == 2


@pytest.mark.parametrize("level", [0.0, 0.2, 1.0])
def test_a_section_without_membranes_or_without_cells_is_one(level: float) -> None:
    assert set(agglomerated(np.full((8, 9), level)).ravel()) == {1}


def test_a_wide_neck_does_not_cut_a_cell() -> None:
    probability = two_cells(wall=0.9)
    probability[6:26, 15:18] = 0.05
    assert agglomerated(probability).max() == 1


def test_its_score_is_that_of_a_whole_membrane() -> None:
    truth = TrueCells(cell_regions(two_cells(wall=1.0) > 0.5))
    probability = two_cells(wall=0.9, gap=0.1)
    assert agglomerated_score(truth, probability) == pytest.approx((1, 1), abs=1e-12)
    assert truth.score(thinned_regions(probability > 0.5)).v_rand < 0.7


@settings(max_examples=25, deadline=None)
@given(
    arrays(
        np.float32,
        st.tuples(st.integers(1, 9), st.integers(1, 9)),
        elements=st.floats(0, 1, width=32),
    )
)
def test_every_pixel_belongs_to_a_cell_without_gaps_in_the_numbers(probability: np.ndarray) -> None:
    cells = agglomerated(probability)
    assert cells.shape == probability.shape
    assert sorted(set(cells.ravel())) == list(range(1, cells.max() + 1))
