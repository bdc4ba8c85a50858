import numpy as np
import pytest

from spikeseg_core.loihi.mapping.fit import fit_table
from spikeseg_core.loihi.mapping.problem import INTERCHIP_WEIGHT, Problem, Solution
from spikeseg_core.loihi.mapping.tiles import choose_tiles
from spikeseg_core.loihi.mapping.traffic import uniform_rates
from spikeseg_core.network.catalogue import NETWORKS

QUICK = NETWORKS["quick"]


def test_a_solution_costs_what_crosses_and_what_is_sent():
    problem = Problem(QUICK, rates=uniform_rates(QUICK, 20.0))
    tiles = choose_tiles(QUICK)
    messages = problem.traffic(tiles)
    chips = np.arange(messages.cores) % 2
    found = Solution(tiles, messages, chips)
    table = messages.between_chips(chips)
    assert found.interchip == pytest.approx(table[0, 1] + table[1, 0])
    assert found.cost == pytest.approx(INTERCHIP_WEIGHT * found.interchip + messages.total)
    assert problem.cores(tiles) == messages.cores == fit_table(QUICK, tiles)["cores"].sum()


def test_activity_is_what_a_pixel_sends_a_step():
    shape = QUICK.shape("enc1")
    assert (Problem(QUICK).activity("enc1") == 1).all()
    sent = Problem(QUICK, rates=uniform_rates(QUICK, 20.0)).activity("enc1")
    np.testing.assert_allclose(sent, np.full(shape[:2], 0.02 * shape[2]))


def test_only_tiles_on_the_menu_that_fit_are_tried():
    every = list(Problem(QUICK).tiles_of("enc1"))
    menu = {"enc1": (every[3], (999, 999, 4), every[1])}
    assert list(Problem(QUICK, menu=menu).tiles_of("enc1")) == [every[1], every[3]]
