from __future__ import annotations

import numpy as np

from spikeseg_core.sweep.definition import Choice, Goal
from spikeseg_core.sweep.pareto import choose, pareto_front

ENERGY = Goal(metric="benchmark/energy/loihi_total_mj", goal="minimize")
SCORE = Goal(metric="loihi/validation/v_rand")


def test_a_front() -> None:
    values = np.array([[1, 0.5], [2, 0.9], [2, 0.8], [3, 0.9], [np.nan, 1], [1, 0.5]])
    front = pareto_front(values, (ENERGY, SCORE))
    assert front.tolist() == [True, True, False, False, False, True]


def test_the_cheapest_of_those_about_as_good_is_chosen() -> None:
    score, energy = np.array([0.90, 0.95, 0.947, np.nan]), np.array([1.0, 9.0, 4.0, 0.1])
    assert choose(score, energy, Choice(best=SCORE)) == 1
    assert choose(score, energy, Choice(best=SCORE, within=0.005, then=ENERGY)) == 2
    assert choose(energy, None, Choice(best=ENERGY)) == 3
    assert choose(np.array([np.nan]), None, Choice(best=SCORE)) is None
