import numpy as np
import pytest

from spikeseg_core.bench import networks
from spikeseg_core.frontends import keras_model
from spikeseg_core.frontends.folding import fold
from spikeseg_core.network.graph import Graph

SHAPES = {
    "LeNet-5": (32, 32, 1),
    "VGG-9": (32, 32, 3),
    "ResNet-20": (32, 32, 3),
    "MobileNet 0.25": (64, 64, 3),
    "U-Net 64 x 96": (64, 96, 3),
}


def folded(name: str) -> tuple[Graph, float]:
    """A network, and how far its output is from Keras's."""
    model = networks.make(name)
    graph = fold(keras_model.from_model(model, name))
    items = networks.smooth_noise(graph.input_shape, 1, seed=9)
    found = graph.read_out(graph.forward(items)).ravel()
    return graph, float(np.abs(found - model(items).numpy().ravel()).max())


@pytest.mark.parametrize("name", ["LeNet-5", "ResNet-20", "MobileNet 0.25", "U-Net 64 x 96"])
def test_networks_are_read_as_they_are(name: str) -> None:
    graph, off = folded(name)
    assert graph.input_shape == SHAPES[name]
    assert off < 1e-3


def test_a_network_of_the_bench(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(networks, "NETWORKS", {"LeNet-5": networks.NETWORKS["LeNet-5"]})
    found = networks.bench_networks(steps=60)
    (row,) = found["networks"]
    assert (row["neurons"], row["ensembles"]) == (6 * 14**2 + 16 * 10**2 + 16 * 5**2 + 120 + 84, 5)
    assert row["cores"] >= 5
    assert row["chips"] == 1
    assert row["correlation"] > 0.5
    assert row["total_mj"] > row["dynamic_mj"] > 0
    assert found["weights"] == "random, untrained"
