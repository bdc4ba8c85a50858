import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from spikeseg_core.frontends.composing import NotComposableError, compose
from spikeseg_core.network import Axis, Link


@st.composite
def links(draw, sources: int, channels: int) -> Link:
    """A link of any geometry from so many positions along both axes."""
    kind = draw(st.sampled_from(["conv", "conv_transpose"]))
    kernel, stride = draw(st.integers(1, 3)), draw(st.integers(1, 2))
    if kind == "conv_transpose":
        stride = 2
    pad = draw(st.integers(0, kernel - 1))
    if kind == "conv":
        targets = (sources + pad + draw(st.integers(0, kernel - 1)) - kernel) // stride + 1
    else:
        targets = sources * stride
    assume(targets >= 1)
    axis = Axis(sources, targets, kind, kernel, stride, pad)
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    weights = rng.normal(size=(kernel, kernel, channels, 2)).astype(np.float32)
    return Link("a", axis, axis, weights)


@given(st.data())
def test_a_composed_link_does_what_both_do(data: st.DataObject) -> None:
    inner = data.draw(links(6, 3))
    outer = data.draw(links(inner.rows.targets, 2))
    values = np.random.default_rng(0).normal(size=(2, 6, 6, 3))
    try:
        both = compose(inner, outer)
    except NotComposableError:
        return
    np.testing.assert_allclose(both(values), outer(inner(values)), rtol=1e-4, atol=1e-4)


def link(kind: str, *sizes: int) -> Link:
    sources, targets, kernel, stride, pad = sizes
    axis = Axis(sources, targets, kind, kernel, stride, pad)
    return Link("a", axis, axis, np.ones((kernel, kernel, 1, 1), np.float32))


@pytest.mark.parametrize(
    ("inner", "outer"),
    [
        (link("conv", 8, 4, 2, 2, 0), link("conv", 4, 4, 3, 1, 1)),  # pooling, convolution
        (link("conv", 8, 8, 3, 1, 1), link("conv", 8, 8, 1, 1, 0)),  # depthwise, pointwise
        (link("conv_transpose", 4, 8, 2, 2, 0), link("conv", 8, 8, 3, 1, 1)),  # upsampling
        (link("conv", 8, 8, 3, 1, 1), link("conv", 8, 1, 8, 1, 0)),  # convolution, dense
        (link("conv", 4, 4, 1, 1, 0), link("conv_transpose", 4, 8, 2, 2, 0)),
    ],
)
def test_common_pairs_are_one_link(inner: Link, outer: Link) -> None:
    values = np.random.default_rng(0).normal(size=(1, inner.rows.sources, inner.rows.sources, 1))
    np.testing.assert_allclose(compose(inner, outer)(values), outer(inner(values)), rtol=1e-4)


@pytest.mark.parametrize(
    ("inner", "outer", "why"),
    [
        (link("conv", 8, 8, 3, 1, 1), link("conv", 8, 8, 3, 1, 1), "padding"),
        (link("conv", 8, 4, 2, 2, 0), link("conv_transpose", 4, 8, 2, 2, 0), "stride"),
    ],
)
def test_what_is_no_link_says_why(inner: Link, outer: Link, why: str) -> None:
    with pytest.raises(NotComposableError, match=why):
        compose(inner, outer)
