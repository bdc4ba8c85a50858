import numpy as np
import pytest

from spikeseg_core.bench.mapping import REFERENCE_235K
from spikeseg_core.errors import MappingError
from spikeseg_core.loihi.chip import Board
from spikeseg_core.loihi.mapping.fit import fit, grid_of
from spikeseg_core.loihi.mapping.optimize import Problem, mapping_cost, optimize, options
from spikeseg_core.loihi.mapping.partition import partition
from spikeseg_core.loihi.mapping.tiles import choose_tiles
from spikeseg_core.loihi.mapping.traffic import traffic, uniform_rates
from spikeseg_core.network.catalogue import NETWORKS

QUICK = NETWORKS["quick"]
PAPER = NETWORKS["paper"]


@pytest.fixture(scope="module")
def reference():
    return optimize(Problem(REFERENCE_235K), seconds=120, rounds=2)


def test_beats_every_line_of_the_reference_table(reference):
    assert reference.finished
    assert reference.interchip < 465
    assert reference.messages.total <= 76_495 / 2
    assert np.bincount(reference.chips).tolist() == sorted(np.bincount(reference.chips))
    assert np.bincount(reference.chips).max() <= 128


def test_what_is_found_fits_and_costs_what_it_says(reference):
    for part in fit(REFERENCE_235K, reference.tiles):
        assert not part.problems()
    messages = traffic(REFERENCE_235K, reference.tiles)
    assert reference.cost == mapping_cost(messages, reference.chips)


def test_is_deterministic_and_better_than_partitioning_alone():
    problem = Problem(QUICK, Board(2, 48), uniform_rates(QUICK, 20.0))
    first, second = (optimize(problem, seed=1, rounds=3) for _ in range(2))
    assert first.tiles == second.tiles
    np.testing.assert_array_equal(first.chips, second.chips)
    messages = problem.traffic(choose_tiles(QUICK))
    alone = partition("optimized", messages, problem.board, seed=1)
    assert first.cost < mapping_cost(messages, alone.chips)


def test_a_spent_budget_gives_the_best_so_far():
    problem = Problem(PAPER, Board(2), uniform_rates(PAPER, 20.0))
    found = optimize(problem, seconds=0.0)
    assert not found.finished
    assert np.bincount(found.chips).max() <= 128


def test_a_network_that_fits_one_chip_stays_on_it():
    found = optimize(Problem(QUICK, Board(2), uniform_rates(QUICK, 20.0)), rounds=2)
    assert found.interchip == 0
    assert found.chips.max() == 0


def test_zero_rates():
    found = optimize(Problem(QUICK, Board(2, 48), uniform_rates(QUICK, 0.0)))
    assert found.cost == 0
    assert len(found.chips) <= 96


def test_a_board_that_is_too_small():
    with pytest.raises(MappingError, match=r"'dec0'.*a board of 1 x 48 has 48; use at least 2"):
        optimize(Problem(QUICK, Board(1, 48)))


def test_no_option_is_beaten_by_another():
    problem = Problem(QUICK, rates=uniform_rates(QUICK, 20.0))
    found = options(problem, "dec1")
    assert len(found) > 3
    for a in found:
        shape = QUICK.shape("dec1")
        assert a.cores == np.prod(grid_of(shape, a.tile))
        rivals = [b for b in found if b is not a and b.cores <= a.cores]
        assert not any(
            b.messages <= a.messages and b.across[0] <= a.across[0] and b.across[1] <= a.across[1]
            for b in rivals
        )
