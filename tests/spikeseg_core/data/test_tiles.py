"""Cutting and stitching are exact inverses, whatever the sizes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from spikeseg_core.data.tiles import TileGrid, standardize
from spikeseg_core.errors import DataError

shapes = array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=40)
grey = st.floats(width=32, allow_nan=False, allow_infinity=False)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), tile=st.integers(1, 24), per_axis=st.integers(1, 6))
def test_stitch_undoes_cut_to_the_last_bit(data, tile, per_axis):
    sections = data.draw(arrays(np.float32, data.draw(shapes), elements=grey, fill=grey))
    grid = TileGrid(sections.shape[1:], tile, per_axis)
    tiles = grid.cut(sections)
    assert tiles.shape == (len(sections) * grid.tiles, tile, tile)
    stitched = grid.stitch(tiles)
    assert stitched.dtype == np.float32
    np.testing.assert_array_equal(stitched, sections)


def test_the_papers_grid_is_exact():
    sections = np.random.default_rng(0).normal(size=(2, 512, 512)).astype(np.float32)
    grid = TileGrid((512, 512), 192, 4)
    assert grid.rows == (0, 107, 213, 320)
    assert grid.tiles == 16
    np.testing.assert_array_equal(grid.stitch(grid.cut(sections)), sections)


def test_too_few_tiles_are_made_enough():
    assert TileGrid((500, 100), 192, 1).rows == (0, 154, 308)
    assert TileGrid((500, 100), 192, 1).columns == (0,)


def test_order_is_section_then_row_then_column():
    sections = np.arange(2 * 4 * 6).reshape(2, 4, 6)
    tiles = TileGrid((4, 6), 2, 3).cut(sections)
    grid = TileGrid((4, 6), 2, 3)
    for index, (row, column) in enumerate(grid.origins):
        assert tiles[index, 0, 0] == sections[0, row, column]
        assert tiles[grid.tiles + index, 0, 0] == sections[1, row, column]


def test_overlap_is_blended_by_distance_to_the_edge():
    grid = TileGrid((4, 6), 4, 2)  # columns 0..3 and 2..5, weights 1 2 2 1
    tiles = np.stack([np.zeros((4, 4)), np.ones((4, 4))])
    assert grid.stitch(tiles)[0, 0] == pytest.approx([0, 0, 1 / 3, 2 / 3, 1, 1])


def test_small_sections_are_mirrored_up_to_a_tile():
    tile = TileGrid((2, 3), 4, 1).cut(np.array([[[1, 2, 3], [4, 5, 6]]]))[0]
    assert tile.tolist() == [[1, 2, 3, 3], [4, 5, 6, 6], [4, 5, 6, 6], [1, 2, 3, 3]]


def test_wrong_shapes_are_named():
    grid = TileGrid((8, 8), 4, 2)
    with pytest.raises(DataError, match=r"\(1, 8, 9\).*\(n, 8, 8\)"):
        grid.cut(np.zeros((1, 8, 9)))
    with pytest.raises(DataError, match=r"\(3, 4, 4\).*4 tiles of 4 x 4"):
        grid.stitch(np.zeros((3, 4, 4)))
    with pytest.raises(DataError, match="at least 1"):
        TileGrid((8, 8), 0, 2)


def test_standardize_works_per_section():
    sections = np.random.default_rng(0).integers(0, 65536, (3, 20, 30)).astype(np.uint16)
    sections[2] = 7
    standard = standardize(sections)
    assert standard.dtype == np.float32
    assert standard[:2].mean(axis=(1, 2)) == pytest.approx([0, 0], abs=1e-6)
    assert standard[:2].std(axis=(1, 2)) == pytest.approx([1, 1], abs=1e-6)
    assert not standard[2].any()
