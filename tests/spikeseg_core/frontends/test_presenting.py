import numpy as np
import pytest

from spikeseg_core.frontends.mapped import GAIN_ROUNDS
from spikeseg_core.frontends.presenting import present, stacked, with_gains
from spikeseg_core.frontends.scaling import scaled
from spikeseg_core.loihi.mapping.tiles import choose_tiles
from spikeseg_core.loihi.quantization.compiler import compile_graph
from spikeseg_core.network import Graph
from tests.spikeseg_core.frontends.graphs import graph_of, items_of


def slope(graph: Graph, items: np.ndarray) -> float:
    """Rates that are found over rates that the ANN asks for."""
    integer = compile_graph(graph, choose_tiles(graph, population_type=32))
    found = stacked([rates for _, rates in present(graph, integer, items, 400, 100)])["last"]
    exact = graph.forward(items)["last"]
    return float((found * exact).sum() / (exact * exact).sum())


@pytest.mark.parametrize("kind", ["convolution", "dense"])
def test_gains_make_up_for_what_neurons_lose(kind: str) -> None:
    graph = graph_of(kind)
    items = items_of(graph, count=2)
    plain = scaled(graph, items)
    gained = plain
    for _ in range(GAIN_ROUNDS):
        integer = compile_graph(gained, choose_tiles(gained, population_type=32))
        gained = with_gains(gained, integer, items)
    assert all(np.mean(layer.gain) > 1 for layer in gained.layers)
    assert slope(plain, items) < 0.92
    assert slope(gained, items) == pytest.approx(1, abs=0.06)


def test_an_ensemble_that_never_spikes_keeps_its_gain() -> None:
    graph = graph_of("convolution")
    items = items_of(graph)
    ready = scaled(graph, items)
    dark = np.zeros_like(items)
    for layer in ready.layers:
        layer.bias.fill(-1)
    integer = compile_graph(ready, choose_tiles(ready, population_type=32))
    assert all((layer.gain == 1).all() for layer in with_gains(ready, integer, dark).layers)
