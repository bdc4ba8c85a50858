import itertools

import numpy as np
import pytest

from spikeseg_core.loihi.chip import Board
from spikeseg_core.loihi.mapping.fit import grid_of
from spikeseg_core.loihi.mapping.options import options, slab_choice
from spikeseg_core.loihi.mapping.problem import INTERCHIP_WEIGHT, Problem
from spikeseg_core.loihi.mapping.traffic import traffic, uniform_rates
from spikeseg_core.network.catalogue import NETWORKS

QUICK = NETWORKS["quick"]


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


def test_an_option_knows_the_messages_into_its_layer():
    rates = uniform_rates(QUICK, 20.0)
    for option in options(Problem(QUICK, rates=rates), "enc1")[:5]:
        tiles = {layer.name: QUICK.shape(layer.name) for layer in QUICK.chip_layers()}
        found = traffic(QUICK, tiles | {"enc1": option.tile}, rates)
        into = found.layers == "enc1"
        sent = found.between.toarray()[:, into].sum() + found.from_host[into].sum()
        assert option.messages == pytest.approx(sent)


@pytest.mark.parametrize("axis", [0, 1])
def test_the_slab_choice_is_the_cheapest_of_all(axis):
    problem = Problem(QUICK, Board(2, 48), uniform_rates(QUICK, 20.0))
    names = ["enc1", "enc2", "dec1"]
    choices = {name: options(problem, name)[:4] for name in names}
    cores = sum(o[0].cores for o in choices.values()) + 3

    def cost(chosen):
        return sum(INTERCHIP_WEIGHT * o.across[axis] + o.messages for o in chosen)

    expected = min(
        cost(chosen)
        for chosen in itertools.product(*choices.values())
        if sum(o.cores for o in chosen) <= cores
    )
    found, tiles = slab_choice(choices, cores, axis)
    assert found == pytest.approx(expected)
    chosen = [next(o for o in choices[name] if o.tile == tiles[name]) for name in names]
    assert cost(chosen) == pytest.approx(expected)
    assert sum(o.cores for o in chosen) <= cores
