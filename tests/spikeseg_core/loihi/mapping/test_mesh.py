from dataclasses import replace

import numpy as np
import pytest

from spikeseg_core.bench.cases import REFERENCE_235K
from spikeseg_core.loihi.chip import LOIHI_1, Board
from spikeseg_core.loihi.cost.constants import PRE_SILICON
from spikeseg_core.loihi.mapping.mesh import hop_energy, hops, place_on_mesh
from spikeseg_core.loihi.mapping.partition import partition
from spikeseg_core.loihi.mapping.placement import Placement, router_of
from spikeseg_core.loihi.mapping.tiles import choose_tiles
from spikeseg_core.loihi.mapping.traffic import traffic
from tests.spikeseg_core.loihi.networks import random_network, random_tiles


@pytest.fixture(scope="module")
def mapped():
    messages = traffic(REFERENCE_235K, choose_tiles(REFERENCE_235K))
    return messages, partition("metis", messages)


def test_hops_are_distances_on_the_mesh(mapped):
    messages, placement = mapped
    found = hops(messages, placement)
    flow = messages.between.toarray() * (placement.chips[:, None] == placement.chips[None, :])
    routers = router_of(placement.positions)
    distance = np.abs(routers[:, None] - routers[None, :])
    assert found.north_south == pytest.approx((flow * distance[..., 0]).sum())
    assert found.east_west == pytest.approx((flow * distance[..., 1]).sum())
    assert found.links_east_west.shape == (2, 4, 7)
    assert found.links_north_south.shape == (2, 3, 8)


def test_a_message_passes_its_row_first_and_then_its_column():
    messages = traffic(*_two_cores())
    # The first core at router (0, 0), the second at router (1, 2).
    placement = Placement("by hand", np.array([0, 0]), np.array([0, 4 * (8 + 2)]))
    found = hops(messages, placement)
    sent = messages.between[0, 1]
    np.testing.assert_array_equal(np.argwhere(found.links_east_west[0]), [[0, 0], [0, 1]])
    np.testing.assert_array_equal(np.argwhere(found.links_north_south[0]), [[0, 2]])
    assert found.total == 3 * sent
    assert found.busiest_link == sent


def _two_cores():
    network = random_network(np.random.default_rng(0), size=8)
    tiles = {layer.name: network.shape(layer.name) for layer in network.chip_layers()}
    layers = [x for x in network.layers if x.name != "d"]
    network = type(network)("two", 8, tuple(layers), type(network.readout)("a"))
    return network, {name: tiles[name] for name in ("a", "b")}


def test_mesh_places_are_a_permutation_and_need_less_energy(mapped):
    messages, placement = mapped
    better = place_on_mesh(messages, placement, seed=1)
    np.testing.assert_array_equal(better.chips, placement.chips)
    for chip in range(2):
        here = placement.chips == chip
        assert sorted(better.positions[here]) == list(range(here.sum()))
    assert hops(messages, better).total < 0.8 * hops(messages, placement).total
    again = place_on_mesh(messages, placement, seed=1)
    np.testing.assert_array_equal(again.positions, better.positions)


def test_places_are_never_worse_than_before():
    rng = np.random.default_rng(3)
    network = random_network(rng, size=24)
    messages = traffic(network, random_tiles(rng, network))
    placement = partition("greedy", messages, Board(4))

    def energy(found):
        flow = messages.between.toarray() * (found.chips[:, None] == found.chips[None, :])
        return (flow * hop_energy(found.positions)).sum()

    assert energy(place_on_mesh(messages, placement)) <= energy(placement)


def test_hops_cost_what_the_energy_model_says():
    assert LOIHI_1.hop_pj == (PRE_SILICON.hop_ns.pj, PRE_SILICON.hop_ew.pj)
    energy = hop_energy(np.array([0, 4 * (2 * 8 + 1)]))  # two rows and a column apart
    assert energy[0, 1] == 2 * PRE_SILICON.hop_ns.pj + PRE_SILICON.hop_ew.pj
    assert energy[0, 0] == 0


def test_another_mesh():
    messages = traffic(*_two_cores())
    placement = Placement("by hand", np.array([0, 0]), np.array([0, 5]))
    chip = replace(LOIHI_1, cores_per_tile=1, mesh_shape=(3, 3))
    found = hops(messages, placement, chip)
    assert found.links_east_west.shape == (1, 3, 2)
    assert found.total == 3 * messages.between[0, 1]
