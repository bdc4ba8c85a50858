"""Operations against TensorFlow's, and what is refused."""

import numpy as np
import pytest

from spikeseg_core.errors import ConfigError
from spikeseg_core.frontends.operations import Operations, same_pads
from spikeseg_core.network import IMAGE
from spikeseg_core.stack import tf

RNG = np.random.default_rng(0)


def given(size: tuple[int, int] = (7, 9), channels: int = 4) -> Operations:
    to = Operations("tiny")
    to.input("x", (*size, channels))
    return to


def applied(to: Operations, name: str, values: np.ndarray) -> np.ndarray:
    """Output of a linear operation."""
    found = to.found[name]
    assert found.link is not None and found.link.source == IMAGE
    out = found.link(values)
    assert out.shape[1:] == found.shape
    return out if found.bias is None else out + found.bias


@pytest.mark.parametrize("strides", [(1, 1), (2, 2), (3, 2)])
@pytest.mark.parametrize("dilations", [(1, 1), (2, 3)])
@pytest.mark.parametrize("groups", [1, 2, 4])
def test_a_convolution_is_tensorflows(strides, dilations, groups) -> None:
    if strides != (1, 1) and dilations != (1, 1):
        pytest.skip("TensorFlow has no such convolution")
    to, x = given(), RNG.normal(size=(2, 7, 9, 4)).astype(np.float32)
    kernel = RNG.normal(size=(3, 2, 4 // groups, 8)).astype(np.float32)
    pads = same_pads((7, 9), (3, 2), strides, dilations)
    how = {"strides": strides, "pads": pads, "dilations": dilations, "groups": groups}
    to.conv("conv", "x", kernel, np.arange(8.0), **how)
    parts = [
        tf.nn.conv2d(a, b, strides, "SAME", dilations=dilations)
        for a, b in zip(np.split(x, groups, 3), np.split(kernel, groups, 3), strict=True)
    ]
    expected = np.concatenate(parts, 3) + np.arange(8)
    np.testing.assert_allclose(applied(to, "conv", x), expected, atol=1e-5)


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_a_transposed_convolution_is_tensorflows(stride: int) -> None:
    to, x = given((4, 5)), RNG.normal(size=(2, 4, 5, 4)).astype(np.float32)
    kernel = RNG.normal(size=(4, 4, 4, 6)).astype(np.float32)
    size = 3 * stride + 4, 4 * stride + 4
    to.conv_transpose("up", "x", kernel, strides=(stride, stride), size=size)
    expected = tf.nn.conv2d_transpose(x, kernel.swapaxes(2, 3), (2, *size, 6), stride, "VALID")
    np.testing.assert_allclose(applied(to, "up", x), expected, atol=1e-5)


def test_pooling_upsampling_padding_and_scaling_are_convolutions() -> None:
    to, x = given((4, 6), 3), RNG.normal(size=(1, 4, 6, 3)).astype(np.float32)
    to.average_pool("pool", "x", (2, 3), (2, 3))
    to.upsample("up", "x", (2, 3))
    to.pad("pad", "x", ((1, 0), (2, 1)))
    to.scale("norm", "x", np.array([1.0, 2.0, 3.0]), np.array([0.0, 1.0, 0.0]))
    means = x.reshape(1, 2, 2, 2, 3, 3).mean(axis=(2, 4))
    np.testing.assert_allclose(applied(to, "pool", x), means, atol=1e-6)
    np.testing.assert_array_equal(applied(to, "up", x), x.repeat(2, 1).repeat(3, 2))
    padded = np.pad(x, ((0, 0), (1, 0), (2, 1), (0, 0)))
    np.testing.assert_array_equal(applied(to, "pad", x), padded)
    np.testing.assert_allclose(applied(to, "norm", x), x * [1, 2, 3] + [0, 1, 0], atol=1e-6)


@pytest.mark.parametrize("order", ["channels last", "channels first"])
def test_a_dense_layer_sees_the_vector_in_its_order(order: str) -> None:
    to, x = given((2, 3), 4), RNG.normal(size=(5, 2, 3, 4)).astype(np.float32)
    weights = RNG.normal(size=(24, 7)).astype(np.float32)
    to.flatten("flat", "x", order)
    to.dense("dense", "flat", weights)
    vector = x if order == "channels last" else np.moveaxis(x, 3, 1)
    expected = vector.reshape(5, -1) @ weights
    np.testing.assert_allclose(applied(to, "dense", x)[:, 0, 0], expected, atol=1e-5)


def test_what_does_not_fit_together_is_refused_with_the_reason() -> None:
    to = given()
    to.conv("small", "x", np.ones((3, 3, 4, 2)))
    to.add("sum", ["x", "small"])
    to.concat("both", ["x", "small"])
    to.refuse("pool", "max pooling", ["small"])
    refused = {name: each.text for name, each in to.found.items() if each.kind == "refused"}
    assert set(refused) == {"sum", "both", "pool"}
    assert "they must be equal" in refused["sum"] and "only channels may differ" in refused["both"]
    assert to.shape("pool") == to.shape("small") == (5, 7, 2)


def test_strides_along_one_axis_of_a_transposed_convolution_are_refused() -> None:
    to = given((4, 4))
    to.conv_transpose("up", "x", np.ones((3, 3, 4, 2)), strides=(1, 2), size=(4, 8))
    assert "strides along one axis only" in to.found["up"].text


@pytest.mark.parametrize(
    ("do", "message"),
    [
        (lambda to: to.input("y", (1, 1, 1)), "several inputs"),
        (lambda to: to.conv("x", "x", np.ones((1, 1, 4, 4))), "two tensors called 'x'"),
        (lambda to: to.dense("d", "x", np.ones((252, 3))), "put a flatten layer between"),
        (lambda to: to.conv("c", "x", np.ones((9, 9, 4, 1))), "larger than 'x'"),
    ],
)
def test_errors_name_the_layer_and_the_way_out(do, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        do(given())


def test_an_input_of_unknown_size_is_refused() -> None:
    with pytest.raises(ConfigError, match="save the model with a fixed input size"):
        Operations("tiny").input("x", (0, 8, 1))
