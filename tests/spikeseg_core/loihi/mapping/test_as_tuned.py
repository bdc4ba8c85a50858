import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from spikeseg_core.loihi.mapping.as_tuned import menu, same_integers, sees_whole_kernels
from spikeseg_core.loihi.mapping.optimize import optimize
from spikeseg_core.loihi.mapping.problem import Problem
from spikeseg_core.loihi.quantization.build import build_network, discretize
from spikeseg_core.network.catalogue import NETWORKS
from tests.spikeseg_core.loihi.networks import random_network, random_tiles, random_weights
from tests.spikeseg_core.loihi.quantization.oracle import core_parts

QUICK = NETWORKS["quick"]


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**32 - 1))
def test_whole_kernels_are_those_that_every_core_sees(seed: int) -> None:
    rng = np.random.default_rng(seed)
    network = random_network(rng)
    tiles = random_tiles(rng, network)
    for layer in network.chip_layers():
        parts = core_parts(network, layer.name, tiles[layer.name])
        expected = all(part.is_whole for part in parts)
        assert sees_whole_kernels(network, layer.name, tiles[layer.name]) == expected


def integers(network, weights, tiles):
    """Threshold and largest weight of every block, by layer and first channel."""
    blocks = discretize(build_network(network, weights, tiles))
    found = {}
    for layer in network.chip_layers():
        vth = [int(block.compartment.vth.max()) for block in blocks.blocks(layer.name)]
        found[layer.name] = vth
    return found


def test_cores_of_one_depth_that_see_whole_kernels_have_one_scale() -> None:
    rng = np.random.default_rng(3)
    network = random_network(rng, channels=lambda rng: 8, size=24)
    weights = random_weights(rng, network)
    choices = menu(network)
    depth = {name: tiles[0][2] for name, tiles in choices.items()}
    same = {
        name: next(t for t in reversed(tiles) if t[2] == depth[name])
        for name, tiles in choices.items()
    }
    first = {name: tiles[0] for name, tiles in choices.items()}
    assert same_integers(network, first, same)
    a, b = integers(network, weights, first), integers(network, weights, same)
    assert {name: set(v) for name, v in a.items()} == {name: set(v) for name, v in b.items()}


def test_another_depth_has_other_integers() -> None:
    tiles = {name: choices[0] for name, choices in menu(QUICK).items()}
    r, c, k = tiles["dec0"]
    assert same_integers(QUICK, tiles, tiles)
    assert not same_integers(QUICK, tiles, tiles | {"dec0": (r, c, k // 2)})
    assert not same_integers(QUICK, tiles, tiles | {"dec0": (r, 1, k)})


def test_a_search_among_the_tuned_depths_keeps_them() -> None:
    tuned = {name: tiles[0] for name, tiles in menu(QUICK).items()}
    found = optimize(Problem(QUICK, menu=menu(QUICK, tuned=tuned)), work=1000)
    assert same_integers(QUICK, tuned, found.tiles)
