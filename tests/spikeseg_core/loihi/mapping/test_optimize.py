import time

import numpy as np
import pytest

from spikeseg_core.bench.cases import REFERENCE_235K
from spikeseg_core.errors import MappingError
from spikeseg_core.loihi.chip import Board
from spikeseg_core.loihi.mapping.fit import fit
from spikeseg_core.loihi.mapping.optimize import optimize
from spikeseg_core.loihi.mapping.partition import partition
from spikeseg_core.loihi.mapping.problem import Problem, mapping_cost
from spikeseg_core.loihi.mapping.tiles import choose_tiles
from spikeseg_core.loihi.mapping.traffic import traffic, uniform_rates
from spikeseg_core.network.catalogue import NETWORKS

QUICK = NETWORKS["quick"]
PAPER = NETWORKS["paper"]


@pytest.fixture(scope="module")
def reference():
    return optimize(Problem(REFERENCE_235K), rounds=2)


def test_beats_every_line_of_the_reference_table(reference):
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
    first, second = (optimize(problem, seed=1, work=12_000) for _ in range(2))
    assert first.tiles == second.tiles
    np.testing.assert_array_equal(first.chips, second.chips)
    messages = problem.traffic(choose_tiles(QUICK))
    alone = partition("optimized", messages, problem.board, seed=1)
    assert first.cost < mapping_cost(messages, alone.chips)


@pytest.mark.parametrize("work", [0, 3_000])
def test_spent_work_gives_the_best_so_far(work):
    problem = Problem(PAPER, Board(2), uniform_rates(PAPER, 20.0))
    found = optimize(problem, work=work)
    assert np.bincount(found.chips).max() <= 128
    assert found.cost <= optimize(problem, work=0).cost


def test_a_slow_machine_finds_the_same(monkeypatch):
    problem = Problem(QUICK, Board(2, 48), uniform_rates(QUICK, 20.0))
    at_once = optimize(problem, work=5_000)
    slow = iter(range(0, 10**9, 3600))
    for clock in ("time", "monotonic", "perf_counter", "process_time"):
        monkeypatch.setattr(time, clock, lambda: float(next(slow)))
    late = optimize(problem, work=5_000)
    assert late.tiles == at_once.tiles
    np.testing.assert_array_equal(late.chips, at_once.chips)


def test_a_network_that_fits_one_chip_stays_on_it():
    found = optimize(Problem(QUICK, Board(2), uniform_rates(QUICK, 20.0)), work=20_000)
    assert found.interchip == 0
    assert found.chips.max() == 0


def test_zero_rates():
    found = optimize(Problem(QUICK, Board(2, 48), uniform_rates(QUICK, 0.0)))
    assert found.cost == 0
    assert len(found.chips) <= 96


def test_a_board_that_is_too_small():
    with pytest.raises(MappingError, match=r"'dec0'.*a board of 1 x 48 has 48; use at least 2"):
        optimize(Problem(QUICK, Board(1, 48)))
