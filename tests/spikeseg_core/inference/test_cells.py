from __future__ import annotations

import numpy as np
import pytest

from spikeseg_core.inference.cells import Cell, find_cells, measured


def two_cells() -> np.ndarray:
    """A section of 12 x 20 px with a membrane 2 px wide at columns 9 and 10."""
    probability = np.full((12, 20), 0.1, np.float32)
    probability[:, 9:11] = (0.7, 0.8)
    return probability


def test_cells_meet_in_the_middle_of_the_membrane() -> None:
    cells = find_cells(two_cells(), 0.5)
    assert (cells[:, :10] == 1).all()
    assert (cells[:, 10:] == 2).all()


def test_the_threshold_decides_what_is_a_cell() -> None:
    assert find_cells(two_cells(), 0.9).max() == 1
    assert find_cells(two_cells(), 0.05).max() == 0


def test_specks_are_no_cells() -> None:
    probability = two_cells()
    probability[3:7, 3:7] = 0.9
    probability[4:6, 4:6] = 0.1
    assert find_cells(probability, 0.5).max() == 2


def test_cells_are_measured() -> None:
    first, second = measured(find_cells(two_cells(), 0.5), "a.tif", "a.tif#0", (4.0, 5.0))
    assert first == Cell(
        "a.tif", "a.tif#0", 1, 120, pytest.approx(120 * 20 / 1e6), 5.5, 4.5, 22.0, 22.5, True
    )
    assert (second.cell, second.x_px) == (2, 14.5)
    inner = np.zeros((9, 9), np.int32) + 1
    inner[3:6, 3:6] = 2
    assert [cell.at_edge for cell in measured(inner, "", "", None)] == [True, False]
    assert measured(inner, "", "", None)[1].area_um2 is None
    assert measured(np.zeros((4, 4), np.int32), "", "", None) == []
