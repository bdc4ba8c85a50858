import numpy as np
import pytest

from spikeseg_core.errors import ConfigError, MappingError
from spikeseg_core.frontends.folding import fold
from spikeseg_core.network import IMAGE
from tests.spikeseg_core.frontends.graphs import KINDS, graph_of, items_of, kernel, started

RNG = np.random.default_rng(0)


def test_batch_norm_and_the_addition_are_folded() -> None:
    graph = graph_of("residual addition")
    assert [layer.name for layer in graph.layers] == ["stem", "last"]
    assert [layer.on_chip for layer in graph.layers] == [False, True]
    assert [link.source for link in graph.layer("last").inputs] == ["stem", "stem"]
    assert [len(link.groups) for link in graph.layer("last").inputs] == [1, 4]


def test_a_depthwise_kernel_has_a_group_for_each_channel() -> None:
    (link,) = graph_of("depthwise").layer("last").inputs
    assert [(s.tolist(), t.tolist()) for s, t in link.groups] == [
        ([k], [2 * k, 2 * k + 1]) for k in range(4)
    ]


def test_average_pooling_of_spikes_is_an_ensemble_unless_the_host_reads_it() -> None:
    to, _ = started()
    to.average_pool("pool", "stem", (2, 2), (2, 2))
    to.conv("conv", "pool", kernel(RNG, 3, 3, 4, 4), pads=((1, 1), (1, 1)))
    to.relu("relu", "conv")
    to.average_pool("mean", "relu", (3, 4), (1, 1))
    to.dense("out", "mean", kernel(RNG, 4, 3))
    graph = fold(to)
    assert [layer.name for layer in graph.layers] == ["stem", "pool", "relu"]
    (link,) = graph.readout.inputs
    assert link.kernel.shape == (3, 4, 4, 3)


def test_linear_layers_in_a_row_are_one_link() -> None:
    to, _ = started()
    to.conv("depthwise", "stem", kernel(RNG, 3, 3, 1, 4), groups=4, pads=((1, 1), (1, 1)))
    to.conv("pointwise", "depthwise", kernel(RNG, 1, 1, 4, 8), np.ones(8))
    to.relu("relu", "pointwise")
    graph = fold(to)
    assert graph.layer("relu").inputs[0].kernel.shape == (3, 3, 4, 8)
    np.testing.assert_array_equal(graph.layer("relu").bias, 1)


def test_a_bias_before_padding_differs_at_the_border() -> None:
    to, _ = started()
    to.scale("norm", "stem", np.ones(4), np.full(4, 0.5))
    to.conv("conv", "norm", np.ones((3, 3, 4, 1)), pads=((1, 1), (1, 1)))
    to.relu("relu", "conv")
    bias = fold(to).layer("relu").bias[..., 0]
    assert (bias[0, 0], bias[0, 1], bias[1, 1]) == (8.0, 12.0, 18.0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_graph_is_the_same_after_a_file(kind: str, tmp_path) -> None:
    graph, items = graph_of(kind), items_of(graph_of(kind))
    graph.save(tmp_path)
    again = type(graph).load(tmp_path)
    for name, values in graph.forward(items).items():
        np.testing.assert_array_equal(again.forward(items)[name], values)
    np.testing.assert_array_equal(
        again.read_out(again.forward(items)), graph.read_out(graph.forward(items))
    )


def test_every_layer_that_cannot_be_mapped_is_named() -> None:
    to, _ = started()
    to.refuse("pool", "a maximum: use the mean", ["stem"], (3, 4, 4))
    to.head("gate", "pool", "sigmoid")
    to.conv("one", "gate", kernel(RNG, 3, 3, 4, 4), pads=((1, 1), (1, 1)))
    to.relu("relu", "one")
    with pytest.raises(MappingError) as error:
        fold(to)
    assert str(error.value).splitlines() == [
        "network 'tiny' cannot be mapped:",
        "  layer 'pool': a maximum: use the mean",
        "  layer 'gate': a sigmoid between layers; the chip's neurons are ReLUs: use ReLU here",
    ]


def test_a_network_without_a_layer_for_the_chip_is_refused() -> None:
    to, _ = started()
    with pytest.raises(MappingError, match="no layer is left for the chip"):
        fold(to)


def test_a_layer_that_no_single_link_replaces_is_sent_in_two_parts() -> None:
    graph = graph_of("padded layers in a row")
    assert [layer.name for layer in graph.layers] == ["stem", "one.above", "one.below", "last"]
    found = graph.forward(items_of(graph))
    above, below = found["one.above"], found["one.below"]
    assert above.any() and below.any() and not (above * below).any()
    exact = graph.layer("one.above").current(found)
    np.testing.assert_allclose(above - below, exact, atol=1e-6)
    one, two = graph.layer("last").inputs
    np.testing.assert_array_equal(one.kernel, -two.kernel)


def test_what_cannot_be_negative_is_sent_in_one_part() -> None:
    to, _ = started()
    to.conv("one", "stem", np.ones((3, 3, 4, 4)), pads=((1, 1), (1, 1)))
    to.conv("two", "one", kernel(RNG, 3, 3, 4, 4), pads=((1, 1), (1, 1)))
    to.relu("relu", "two")
    assert [layer.name for layer in fold(to).layers] == ["stem", "one", "relu"]


@pytest.mark.parametrize("pads", [((0, 0), (0, 0)), ((0, 1), (1, 1))])
@pytest.mark.parametrize("size", [(2, 2), (3, 3), (1, 4)])
def test_max_pooling_is_a_chain_of_relus(size, pads) -> None:
    to, _ = started()
    to.max_pool("pool", "stem", size, (2, 2), pads)
    to.conv("conv", "pool", np.eye(4)[None, None])
    to.relu("relu", "conv")
    graph = fold(to)
    assert len(graph.layers) == 3 + size[0] - 1 + size[1] - 1
    found = graph.forward(items_of(graph))
    stem = np.pad(found["stem"], ((0, 0), *pads, (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(stem, size, (1, 2))[:, ::2, ::2]
    np.testing.assert_allclose(found["pool"], windows.max((-1, -2)), atol=1e-6)


def test_max_pooling_of_values_that_may_be_negative_needs_no_padding() -> None:
    to, _ = started()
    to.conv("conv", "stem", kernel(RNG, 1, 1, 4, 4))
    to.max_pool("pool", "conv", (2, 2), (2, 2))
    to.relu("relu", "pool")
    graph = fold(to)
    found = graph.forward(items_of(graph))
    exact = found["stem"] @ to.found["conv"].link.kernel[0, 0]
    largest = exact.reshape(3, 3, 2, 4, 2, 4).max((2, 4))
    np.testing.assert_allclose(found["relu"], np.maximum(largest, 0), atol=1e-6)
    to.max_pool("padded", "conv", (3, 3), (2, 2), ((0, 1), (0, 1)))
    with pytest.raises(MappingError, match="layer 'padded': max pooling with padding of values"):
        fold(to)


def test_the_input_joins_spikes_as_spikes_of_the_host() -> None:
    graph = graph_of("the input beside spikes")
    on_chip = {layer.name: layer.on_chip for layer in graph.layers}
    assert on_chip == {"stem": False, "x.above": False, "x.below": False, "last": True}
    sources = [link.source for link in graph.layer("last").inputs]
    assert sorted(sources) == ["stem", "x.above", "x.below"]


def test_the_output_may_take_the_input_as_well() -> None:
    to, _ = started()
    to.conv("narrow", "stem", kernel(RNG, 1, 1, 4, 2))
    to.relu("relu", "narrow")
    to.add("sum", ["relu", "x"])
    graph, given = fold(to), RNG.normal(size=(2, 6, 8, 2)).astype(np.float32)
    found = graph.forward(given)
    np.testing.assert_allclose(graph.read_out(found), found["relu"] + given, atol=1e-6)


def test_two_outputs_are_refused() -> None:
    to, _ = started()
    for name in ("a", "b"):
        to.conv(f"{name} conv", "stem", kernel(RNG, 1, 1, 4, 2))
        to.relu(name, f"{name} conv")
    with pytest.raises(MappingError, match=r"the network has 2 outputs \(a, b\)"):
        fold(to)


def test_shapes_that_do_not_match_are_named() -> None:
    to, _ = started()
    with pytest.raises(ConfigError, match="'dense' has weights for 7 inputs, 'stem' has 6 x 8 x 4"):
        to.dense("dense", "stem", np.ones((7, 2)))
    with pytest.raises(ConfigError, match="kernel for 3 channels, 'stem' has 4"):
        to.conv("conv", "stem", np.ones((1, 1, 3, 2)))
    with pytest.raises(ConfigError, match="larger than 'stem'"):
        to.conv("conv", "stem", np.ones((9, 9, 4, 2)))


def test_host_layers_take_the_input() -> None:
    graph = graph_of("convolution")
    assert {link.source for link in graph.layer("stem").inputs} == {IMAGE}
