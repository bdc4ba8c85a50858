import numpy as np
import pytest

from spikeseg_core.frontends.scaling import scaled
from spikeseg_core.network import IMAGE, RATE_HZ_PER_UNIT
from tests.spikeseg_core.frontends.graphs import KINDS, graph_of, items_of


@pytest.mark.parametrize("kind", KINDS)
def test_scaling_changes_units_and_nothing_else(kind: str) -> None:
    graph = graph_of(kind)
    items = items_of(graph)
    ready = scaled(graph, items, max_rate_hz=150)
    before, after = graph.forward(items), ready.forward(items)
    np.testing.assert_allclose(ready.read_out(after), graph.read_out(before), rtol=1e-4, atol=1e-5)
    for layer in ready.layers:
        np.testing.assert_allclose(
            after[layer.name] * layer.scale, before[layer.name], rtol=1e-4, atol=1e-5
        )
        top = np.percentile(after[layer.name], 99.9) * RATE_HZ_PER_UNIT
        # No item is negative, so what is below zero in them is silent.
        assert top == pytest.approx(0 if layer.name == "x.below" else 150, rel=1e-3)


def test_an_ensemble_that_is_silent_is_not_scaled() -> None:
    graph = graph_of("convolution")
    for layer in graph.layers:
        layer.bias.fill(-100)
    ready = scaled(graph, items_of(graph))
    assert [layer.scale for layer in ready.layers] == [1.0, 1.0]
    assert not ready.forward(items_of(graph))[ready.layers[0].name].any()
    assert IMAGE not in [layer.name for layer in ready.layers]
