import itertools

import numpy as np
import pytest

from spikeseg_core.bench.cases import REFERENCE_235K, small_cases
from spikeseg_core.bench.exact import exact_chips, exact_mapping, spectral_bound
from spikeseg_core.loihi.chip import Board
from spikeseg_core.loihi.mapping.optimize import optimize
from spikeseg_core.loihi.mapping.partition import partition
from spikeseg_core.loihi.mapping.problem import mapping_cost
from spikeseg_core.loihi.mapping.tiles import choose_tiles
from spikeseg_core.loihi.mapping.traffic import traffic
from tests.spikeseg_core.loihi.networks import random_network


def by_trying_all(messages, board):
    """Fewest messages between chips, over every assignment."""
    costs = [
        messages.interchip(np.array(chips))
        for chips in itertools.product(range(board.chips), repeat=messages.cores)
        if np.bincount(chips).max() <= board.cores_per_chip
    ]
    return min(costs)


@pytest.fixture(scope="module")
def messages():
    network = random_network(np.random.default_rng(1), size=8, channels=lambda rng: 8)
    tiles = {"a": (8, 4, 8), "b": (2, 4, 8), "d": (4, 4, 8)}
    return traffic(network, tiles)


@pytest.mark.parametrize("board", [Board(2, 4), Board(2, 5), Board(3, 3)])
def test_exact_chips_are_the_best_of_all(messages, board):
    chips = exact_chips(messages, board)
    assert np.bincount(chips).max() <= board.cores_per_chip
    assert messages.interchip(chips) == by_trying_all(messages, board)
    assert spectral_bound(messages, board) <= messages.interchip(chips) + 1e-9


def test_nothing_below_the_optimum_is_found(messages):
    best = by_trying_all(messages, Board(2, 4))
    assert exact_chips(messages, Board(2, 4), below=best - 0.5) is None
    assert exact_chips(messages, Board(2, 3)) is None


def test_optimizer_is_close_to_the_proven_optimum():
    gaps = []
    for case in small_cases(3):
        found = optimize(case.problem, rounds=4)
        optimum = exact_mapping(case.problem, found)
        assert optimum.cost <= found.cost
        messages = case.problem.traffic(optimum.tiles)
        assert optimum.cost == pytest.approx(mapping_cost(messages, optimum.chips))
        gaps.append(found.cost / optimum.cost - 1)
    assert np.mean(gaps) < 0.05


def test_spectral_bound_is_below_every_partition():
    found = traffic(REFERENCE_235K, choose_tiles(REFERENCE_235K))
    bound = spectral_bound(found, Board())
    assert 0 < bound <= found.interchip(partition("optimized", found).chips)
    assert spectral_bound(found, Board(1, 999)) == 0
