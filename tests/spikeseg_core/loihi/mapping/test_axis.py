import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spikeseg_core.loihi.mapping.axis import Axis, clipped, cuts, kinds_of_parts, reach_counts


def axes():
    return st.builds(
        lambda targets, kind, kernel, stride: Axis(
            targets * stride if kind == "conv" else targets,
            targets if kind == "conv" else targets * stride,
            kind,
            kernel,
            stride,
        ),
        st.integers(1, 9),
        st.sampled_from(["conv", "conv_transpose"]),
        st.integers(1, 5),
        st.integers(1, 3),
    ).filter(lambda axis: axis.kernel >= axis.stride or axis.kind == "conv")


def joined(axis):
    """Whether a source reaches a target, by the kernel position that joins them."""
    source, target = np.arange(axis.sources)[:, None], np.arange(axis.targets)[None]
    position = axis.kernel_position(source, target)
    return (position >= 0) & (position < axis.kernel)


@settings(max_examples=60, deadline=None)
@given(axis=axes())
def test_reach_is_where_the_kernel_is(axis):
    first, last = axis.reach()
    target = np.arange(axis.targets)
    reached = (first[:, None] <= target) & (target < last[:, None])
    np.testing.assert_array_equal(reached, joined(axis))


@settings(max_examples=60, deadline=None)
@given(axis=axes(), source_part=st.integers(1, 5), target_part=st.integers(1, 5))
def test_counts_and_clippings_agree_with_the_kernel(axis, source_part, target_part):
    reaches = joined(axis)
    counts = reach_counts(axis, source_part, target_part, True)
    for i, (a, b) in enumerate(cuts(axis.sources, source_part)):
        for j, (c, d) in enumerate(cuts(axis.targets, target_part)):
            assert counts[i, j] == reaches[a:b, c:d].any(axis=1).sum()
    for c, d in cuts(axis.targets, target_part):
        assert sum(count for _, _, count in clipped(axis, c, d)) == reaches[:, c:d].sum()


def test_parts_that_are_clipped_alike_are_one_kind():
    kinds, kind_of = kinds_of_parts(Axis(24, 24, "conv", 3, 1), 4)
    assert kind_of.tolist() == [0, 1, 1, 1, 1, 2]
    assert [width for width, _ in kinds] == [4, 4, 4]


def test_the_last_part_is_smaller():
    assert cuts(10, 4) == [(0, 4), (4, 8), (8, 10)]


@pytest.mark.parametrize(("kernel", "stride", "pad"), [(3, 1, 1), (3, 2, 0), (2, 2, 0), (5, 1, 2)])
def test_padding_is_that_of_same_convolutions(kernel, stride, pad):
    assert Axis(8, 8 // stride, "conv", kernel, stride).pad == pad
