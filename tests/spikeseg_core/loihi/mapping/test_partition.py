import numpy as np
import pytest

from spikeseg_core.bench.cases import REFERENCE_235K
from spikeseg_core.errors import ConfigError, MappingError
from spikeseg_core.loihi.chip import Board
from spikeseg_core.loihi.mapping.partition import (
    STRATEGIES,
    metis,
    partition,
    placements,
)
from spikeseg_core.loihi.mapping.traffic import traffic, uniform_rates
from spikeseg_core.loihi.quantization.build import build_network, discretize
from spikeseg_core.stack import nengo_loihi
from tests.spikeseg_core.loihi.networks import random_network, random_tiles, random_weights


def reference_tiles(outer, inner):
    return {"e0": outer, "e1": inner, "e2": (6, 6, 24), "d1": inner, "d0": outer}


@pytest.mark.parametrize(
    ("outer", "inner", "strategy", "interchip", "intrachip"),
    [
        ((16, 16, 4), (8, 8, 16), "greedy", 48_981, 27_514),
        ((16, 16, 4), (8, 8, 16), "greedy_interchip", 1_884, 74_611),
        ((16, 16, 4), (8, 8, 16), "metis", 1_217, 75_278),
        ((8, 16, 8), (8, 8, 16), "greedy_interchip", 797, 30_757),
        ((8, 16, 8), (4, 16, 16), "metis", 465, 31_650),
    ],
)
def test_reproduces_the_table_measured_with_nengo_loihi(
    outer, inner, strategy, interchip, intrachip
):
    messages = traffic(REFERENCE_235K, reference_tiles(outer, inner))
    found = partition(strategy, messages)
    assert messages.interchip(found.chips) == interchip
    assert messages.total - interchip == intrachip
    assert found.cores_per_chip.max() <= 128


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_fills_the_board_and_is_deterministic(strategy):
    messages = traffic(REFERENCE_235K, reference_tiles((8, 16, 8), (8, 8, 16)))
    found = partition(strategy, messages, seed=3)
    assert found.chip_count == 2
    assert found.cores_per_chip.max() <= 128
    for chip in range(2):
        assert sorted(found.positions[found.chips == chip]) == list(
            range((found.chips == chip).sum())
        )
    np.testing.assert_array_equal(found.chips, partition(strategy, messages, seed=3).chips)


@pytest.fixture(scope="module")
def small():
    rng = np.random.default_rng(4)
    network = random_network(rng, size=8)
    tiles = random_tiles(rng, network)
    weights = random_weights(rng, network)
    return network, tiles, discretize(build_network(network, weights, tiles, population_type=32))


@pytest.mark.parametrize(
    ("strategy", "allocator"),
    [("greedy", "Greedy"), ("round_robin", "RoundRobin"), ("greedy_interchip", "GreedyInterchip")],
)
def test_the_same_chips_as_nengo_loihis_own_allocators(small, strategy, allocator):
    network, tiles, blocks = small
    board = getattr(nengo_loihi.hardware.allocators, allocator)()(blocks.model, n_chips=2)
    expected = [board.find_block(block)[0] for block in blocks.model.blocks]
    np.testing.assert_array_equal(partition(strategy, traffic(network, tiles)).chips, expected)


def test_more_cores_than_the_board_has():
    messages = traffic(REFERENCE_235K, reference_tiles((16, 16, 4), (8, 8, 16)))
    with pytest.raises(
        MappingError, match=r"needs 232 cores.*1 x 128 has 128; use at least 2 chips"
    ):
        partition("metis", messages, Board(chips=1))
    assert partition("metis", messages).chip_count == 2


def test_metis_never_overfills_a_chip():
    network = random_network(np.random.default_rng(0), size=24, channels=lambda rng: 8)
    tiles = {layer.name: (2, 2, 8) for layer in network.chip_layers()}
    messages = traffic(network, tiles)  # 324 cores
    assert np.bincount(metis(messages, Board(chips=3))).max() <= 128


def test_silent_and_unconnected_cores_are_placed_too():
    messages = traffic(
        REFERENCE_235K,
        reference_tiles((16, 16, 4), (8, 8, 16)),
        uniform_rates(REFERENCE_235K, 0.0),
    )
    for strategy in STRATEGIES:
        found = partition(strategy, messages)
        assert found.cores_per_chip.max() <= 128
        assert found.cores_per_chip.sum() == 232


def test_unknown_strategy():
    messages = traffic(REFERENCE_235K, reference_tiles((16, 16, 4), (8, 8, 16)))
    with pytest.raises(ConfigError, match="unknown strategy 'best'"):
        partition("best", messages)


@pytest.mark.parametrize("seed", [0, 1])
def test_optimized_is_never_worse_than_what_was_known(seed):
    rng = np.random.default_rng(seed)
    network = random_network(rng, size=16, channels=lambda rng: 8)
    tiles = {layer.name: (4, 4, 8) for layer in network.chip_layers()}
    rates = {x.name: rng.gamma(0.5, 40.0, network.shape(x.name)) for x in network.layers}
    messages = traffic(network, tiles, rates)
    board = Board(3, messages.cores // 3 + 2)
    good = partition("optimized", messages, board, seed=100, tries=8).chips
    found = placements(messages, board, seed, good)
    assert tuple(found) == STRATEGIES
    assert messages.interchip(found["optimized"].chips) <= messages.interchip(good)
    # Without METIS nothing is left but what was known.
    alone = partition("optimized", messages, board, seed, tries=0, known=good)
    np.testing.assert_array_equal(alone.chips, good)
    poor = partition("round_robin", messages, board).chips
    better = partition("optimized", messages, board, seed, tries=8, known=poor)
    assert messages.interchip(better.chips) < messages.interchip(poor)


def test_chips_known_of_other_cores_are_refused():
    messages = traffic(REFERENCE_235K, reference_tiles((16, 16, 4), (8, 8, 16)))
    with pytest.raises(MappingError, match="are for 3 cores, the network has 232; run the"):
        partition("optimized", messages, known=np.zeros(3, dtype=int))
