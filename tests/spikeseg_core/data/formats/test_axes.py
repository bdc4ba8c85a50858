"""Axes that a file names, and those that it does not."""

from __future__ import annotations

import numpy as np
import pytest

from spikeseg_core.data.formats import axes
from spikeseg_core.errors import DataError


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((5, 6), "yx"),
        ((4, 5, 6), "zyx"),
        ((1, 4, 5, 6), "1zyx"),
        ((4, 5, 6, 3), "zyxc"),
        ((1, 4, 5, 6, 3), "1zyxc"),
    ],
)
def test_axes_without_names(shape: tuple[int, ...], expected: str) -> None:
    assert axes.plain_axes(shape, "a") == tuple(expected)


def test_axes_that_make_no_stack() -> None:
    with pytest.raises(DataError, match=r"a has the shape \(2, 4, 5, 17\); a stack is"):
        axes.plain_axes((2, 4, 5, 17), "a")
    with pytest.raises(DataError, match="the axes t = 2, z = 3, y = 4, x = 5; a stack has one"):
        axes.order_of((2, 3, 4, 5), tuple("tzyx"), "a")
    with pytest.raises(DataError, match="the axes z = 3, a = 4, b = 5; a stack is"):
        axes.order_of((3, 4, 5), tuple("zab"), "a")


def test_declared_axes_count_only_if_they_name_rows_and_columns() -> None:
    assert axes.declared_axes(["Z", "Y", "X"], 3) == ("z", "y", "x")
    assert axes.declared_axes(["Y", "X"], 3) == axes.declared_axes(["a", "y", "b"], 3) == ()


def test_sections_of_any_order_of_axes(monkeypatch: pytest.MonkeyPatch) -> None:
    class Array(np.ndarray):
        chunks: tuple[int, ...] | None = None

    stack = np.arange(3 * 4 * 5 * 2).reshape(3, 4, 5, 2)
    for named, turned in (("zyxc", (0, 1, 2, 3)), ("cxyz", (3, 2, 1, 0)), ("xzcy", (2, 0, 3, 1))):
        array = stack.transpose(turned).view(Array)
        order = axes.order_of(array.shape, tuple(named), "a")
        assert order.shape == stack.shape
        for chunks, block in ((None, 2**26), ((2, 2, 2, 2), 2**26), ((2, 2, 2, 2), 8)):
            monkeypatch.setattr(axes, "_BLOCK_BYTES", block)
            array.chunks = chunks
            np.testing.assert_array_equal(list(axes.planes(array, order)), stack)
    order = axes.order_of((1, 4, 5), tuple("zyx"), "a")
    (only,) = axes.planes(stack[:1, ..., 0].view(Array), order)
    np.testing.assert_array_equal(only, stack[0, ..., 0])


def test_sizes_of_pixels_follow_named_axes() -> None:
    assert axes.pixel_size([50, 4, 5], ()) == (4, 5)
    assert axes.pixel_size([5, 4, 50], tuple("xyz")) == (4, 5)
    assert axes.pixel_size([50, 4, 5], tuple("1zyx")) == (4, 5)
    for wrong in ("4 nm", [0, 0, 0], [4], 4, ()):
        assert axes.pixel_size(wrong, ()) is None
