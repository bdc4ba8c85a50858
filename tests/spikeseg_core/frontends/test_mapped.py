import numpy as np
import pytest

from spikeseg_core.errors import DataError, MappingError
from spikeseg_core.frontends.mapped import MappedGraph, map_graph, mean_rates
from spikeseg_core.loihi.chip import Board
from spikeseg_core.network import RATE_HZ_PER_UNIT
from tests.spikeseg_core.frontends.graphs import graph_of, items_of


@pytest.fixture(scope="module")
def mapped() -> MappedGraph:
    graph = graph_of("concatenation")
    return map_graph(graph, Board(chips=1), items_of(graph))


def test_every_neuron_of_the_chip_is_in_one_core(mapped: MappedGraph) -> None:
    rows = mapped.fit()
    found = [(row["layer"], row["shape"], row["neurons"]) for row in rows]
    assert found == [("middle", "6x8x6", 288), ("last", "6x8x8", 384)]
    assert (
        sum(row["cores"] for row in rows) == len(mapped.placement.chips) == mapped.integer.n_blocks
    )
    assert mapped.graph.neurons_on_chip == 672


def test_files_hold_everything(mapped: MappedGraph, tmp_path) -> None:
    mapped.save(tmp_path)
    again = MappedGraph.load(tmp_path)
    assert again.tiles == mapped.tiles and again.weight_bits == mapped.weight_bits
    assert again.placement.chips.tolist() == mapped.placement.chips.tolist()
    assert again.fit() == mapped.fit()
    items = items_of(mapped.graph)
    rates = mean_rates(mapped.graph, items)
    assert again.traffic(rates).total == mapped.traffic(rates).total > 0


@pytest.mark.parametrize("name", ["graph.json", "mapping.json", "placement.json"])
def test_a_missing_file_is_named(mapped: MappedGraph, name: str, tmp_path) -> None:
    mapped.save(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(DataError):
        MappedGraph.load(tmp_path)


def test_mean_rates_are_those_of_the_activations(mapped: MappedGraph) -> None:
    items = items_of(mapped.graph)
    found = mapped.graph.forward(items)["last"].mean(axis=0) * RATE_HZ_PER_UNIT
    np.testing.assert_array_equal(mean_rates(mapped.graph, items)["last"], found)


def test_a_board_that_is_too_small_is_refused() -> None:
    graph = graph_of("dense")
    with pytest.raises(MappingError):
        map_graph(graph, Board(chips=0), items_of(graph))
