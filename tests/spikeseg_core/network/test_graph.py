from dataclasses import replace

import numpy as np
import pytest

from spikeseg_core.ann.unet import model_from_weights
from spikeseg_core.errors import DataError
from spikeseg_core.network import IMAGE, Axis, Graph, Link
from tests.spikeseg_core.frontends.graphs import graph_of, items_of
from tests.spikeseg_core.loihi.networks import random_network, random_weights

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("seed", range(3))
def test_this_projects_network_as_a_graph_computes_what_keras_does(seed: int) -> None:
    rng = np.random.default_rng(seed)
    network = random_network(rng)
    weights = random_weights(rng, network)
    graph = Graph.of(network, weights)
    tiles = rng.normal(size=(2, network.tile, network.tile, 1)).astype(np.float32)
    expected = model_from_weights(network, weights)(tiles)
    found = graph.read_out(graph.forward(tiles))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)
    assert graph.neurons_on_chip == network.neurons_on_chip
    assert [(a.name, link.source) for a, link in graph.connections()] == [
        (a.name, c.source) for a, c in network.connections()
    ]


def test_groups_are_channels_that_share_their_targets() -> None:
    kernel = np.zeros((1, 1, 4, 4), np.float32)
    kernel[0, 0, [0, 2], :2] = 1
    kernel[0, 0, 1, 3] = 1  # channel 3 goes nowhere
    axis = Axis(2, 2, "conv", 1, 1)
    groups = Link(IMAGE, axis, axis, kernel).groups
    assert [(s.tolist(), t.tolist()) for s, t in groups] == [([0, 2], [0, 1]), ([1], [3])]


def test_a_few_weights_of_zero_make_no_groups() -> None:
    kernel = np.ones((1, 1, 4, 6), np.float32)
    kernel[0, 0, [0, 1, 2], [3, 4, 5]] = 0
    kernel[..., 0] = 0  # channel 0 gets nothing
    axis = Axis(2, 2, "conv", 1, 1)
    groups = Link(IMAGE, axis, axis, kernel).groups
    assert [(s.tolist(), t.tolist()) for s, t in groups] == [([0, 1, 2, 3], [1, 2, 3, 4, 5])]


@pytest.mark.parametrize("shape", [(6, 8, 2), (8, 6), (6, 8)])
def test_items_of_another_shape_are_refused_with_the_right_one(shape: tuple[int, ...]) -> None:
    graph = graph_of("convolution")
    if shape == graph.input_shape:
        assert graph.items(np.zeros((3, *shape))).shape == (3, *shape)
        return
    with pytest.raises(DataError, match=r"give an array of shape \(items, 6, 8, 2\)"):
        graph.items(np.zeros((3, *shape)))


def test_items_with_channels_first_are_turned() -> None:
    graph = replace(graph_of("convolution"), channels_first=True)
    given = RNG.normal(size=(3, 2, 6, 8)).astype(np.float32)
    np.testing.assert_array_equal(graph.items(given), np.moveaxis(given, 1, -1))


def test_a_ceiling_cuts_activations_of_the_ann_alone() -> None:
    graph = graph_of("convolution")
    first = replace(graph.layers[0], ceiling=0.25)
    cut = replace(graph, layers=(first, *graph.layers[1:]))
    items = items_of(graph)
    assert cut.forward(items)["stem"].max() == np.float32(0.25)
    free = cut.forward(items, ceilings=False)["stem"]
    np.testing.assert_array_equal(free, graph.forward(items)["stem"])


def test_heads() -> None:
    graph = graph_of("convolution")
    found = graph.forward(items_of(graph))
    logits = graph.read_out(found)
    softmax = replace(graph, head="softmax").read_out(found)
    np.testing.assert_allclose(softmax.sum(axis=-1), 1, rtol=1e-6)
    np.testing.assert_array_equal(softmax.argmax(axis=-1), logits.argmax(axis=-1))
    sigmoid = replace(graph, head="sigmoid").read_out(found)
    np.testing.assert_allclose(np.log(sigmoid / (1 - sigmoid)), logits, atol=1e-3)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"name": "x", "input_shape": 3}'])
def test_a_damaged_file_is_one_message(text: str, tmp_path) -> None:
    graph_of("convolution").save(tmp_path)
    (tmp_path / "graph.json").write_text(text)
    with pytest.raises(DataError, match="map the model again: spikeseg map"):
        Graph.load(tmp_path)
