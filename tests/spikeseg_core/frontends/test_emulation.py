import numpy as np
import pytest

from spikeseg_core.errors import ConfigError, DataError, MappingError
from spikeseg_core.frontends.emulation import emulate
from spikeseg_core.frontends.mapped import MappedGraph, map_graph
from spikeseg_core.frontends.scaling import scaled
from spikeseg_core.loihi.chip import Board
from spikeseg_core.network import RATE_HZ_PER_UNIT
from tests.spikeseg_core.frontends.graphs import KINDS, graph_of, items_of


@pytest.mark.parametrize("kind", KINDS)
def test_spike_rates_are_the_activations(kind: str) -> None:
    graph = graph_of(kind)
    items = items_of(graph, count=2)
    run = emulate(map_graph(graph, Board(1), items), items, steps=300)
    # Neurons of overlapping windows compare what others have compared: their errors add up.
    least = 0.9 if kind == "max pooling that overlaps" else 0.95
    assert run.correlation["last"] > least
    assert run.output_correlation > least
    assert run.output.shape == run.expected.shape == (2, *graph.readout.shape)
    assert run.energy.dynamic_mj > 0


def test_scaling_changes_the_units_only() -> None:
    graph = graph_of("residual addition")
    items = items_of(graph)
    ready = scaled(graph, items, max_rate_hz=50)
    plain, rates = graph.forward(items), ready.forward(items)
    for layer in ready.layers:
        np.testing.assert_allclose(rates[layer.name] * layer.scale, plain[layer.name], rtol=1e-4)
        top = np.percentile(rates[layer.name] * RATE_HZ_PER_UNIT, 99.9)
        assert top == pytest.approx(50, rel=1e-4)
    np.testing.assert_allclose(ready.read_out(rates), graph.read_out(plain), rtol=1e-3, atol=1e-4)


def test_a_mapped_network_is_the_same_after_its_files(tmp_path) -> None:
    graph = graph_of("depthwise")
    items = items_of(graph)
    mapped = map_graph(graph, Board(2), items)
    mapped.save(tmp_path)
    again = MappedGraph.load(tmp_path)
    assert again.fit() == mapped.fit()
    assert again.integer.digest == mapped.integer.digest
    first, second = (emulate(each, items, 40) for each in (mapped, again))
    np.testing.assert_array_equal(first.output, second.output)
    assert first.energy == second.energy


def test_a_board_that_is_too_small_says_how_many_chips_there_must_be() -> None:
    graph = graph_of("transposed")
    with pytest.raises(MappingError, match=r"needs 2 cores .* use at least 2 chips"):
        map_graph(graph, Board(1, cores_per_chip=1), items_of(graph))


def test_a_read_out_without_a_step_is_refused() -> None:
    graph = graph_of("convolution")
    mapped = map_graph(graph, Board(1), items_of(graph))
    with pytest.raises(ConfigError, match="a read-out from step 40 of 40 steps"):
        emulate(mapped, items_of(graph), 40, 40)


def test_an_input_of_another_shape_is_refused() -> None:
    graph = graph_of("convolution")
    with pytest.raises(DataError, match=r"takes items of shape \(6, 8, 2\)"):
        graph.items(np.zeros((1, 8, 6, 2)))
