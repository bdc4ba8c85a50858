"""Graphs of ONNX give what TensorFlow gives, however their transposed convolutions are written."""

from __future__ import annotations

import numpy as np
import pytest

from spikeseg_core.ann.unet import model_from_weights
from spikeseg_core.network import Network, Weights
from spikeseg_core.network.onnx_graph import OnnxGraph
from tests.spikeseg_core.loihi.networks import random_network, random_weights

onnxruntime = pytest.importorskip("onnxruntime")


def logits(network: Network, weights: Weights, tiles: np.ndarray, *, shuffled: bool) -> np.ndarray:
    graph = OnnxGraph(shuffled=shuffled)
    shape = ("tiles", 1, network.tile, network.tile)
    output = graph.network(network, weights, "tiles")
    model = graph.model("test", {"tiles": shape}, {output: shape})
    session = onnxruntime.InferenceSession(model.SerializeToString())
    (found,) = session.run(None, {"tiles": tiles[:, None]})
    return found[:, 0]


@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_random_networks(seed: int, shuffled: bool) -> None:
    rng = np.random.default_rng(seed)
    network = random_network(rng)
    weights = random_weights(rng, network)
    tiles = rng.normal(size=(2, network.tile, network.tile)).astype(np.float32)
    model = model_from_weights(network, weights, activation="relu")
    wanted = model(tiles[..., None], training=False).numpy()[..., 0]
    assert np.ptp(wanted) > 0.01
    found = logits(network, weights, tiles, shuffled=shuffled)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4 * np.abs(wanted).max())


@pytest.mark.parametrize("kernel", range(1, 10))
@pytest.mark.parametrize("stride", range(1, 6))
def test_every_shape_of_a_transposed_convolution(kernel: int, stride: int) -> None:
    """The shuffled one against the plain one, which the test above compares with TensorFlow."""
    from spikeseg_core.network import Connection

    rng = np.random.default_rng(10 * kernel + stride)
    c = Connection("x", "conv_transpose", kernel, stride)
    taps = rng.normal(size=(kernel, kernel, 3, 2)).astype(np.float32)
    x = rng.normal(size=(1, 3, 5, 7)).astype(np.float32)
    found = []
    for shuffled in (False, True):
        graph = OnnxGraph(shuffled=shuffled)
        output = graph.convolution("y", "x", c, taps, np.array([0.5, -0.5]))
        shapes = {"x": (1, 3, 5, 7)}, {output: (1, 2, 5 * stride, 7 * stride)}
        model = graph.model("test", *shapes)
        found += onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x})
    np.testing.assert_allclose(found[1], found[0], rtol=1e-5, atol=1e-5)
