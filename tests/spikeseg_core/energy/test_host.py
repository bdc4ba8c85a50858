from __future__ import annotations

import pytest

from spikeseg_core.energy.figure import check_parts, figures_of
from spikeseg_core.energy.host import host_operations, with_host
from spikeseg_core.loihi.cost.model import loihi_figures
from tests.spikeseg_core.loihi.cost.networks import events_of, small_network


def test_host_does_its_layers_the_readout_and_its_neurons() -> None:
    network = small_network(8)  # stem 16 -> 8, 2x2 stride 2, 2 channels; read-out 8 -> 16
    stem = 8 * 8 * 2 * 2 * 1 * 2
    readout = 8 * 8 * 2 * 2 * 3 * 1
    assert host_operations(network, steps=10) == stem + readout + 10 * 8 * 8 * 2


def test_host_operations_are_part_of_the_networks() -> None:
    network = small_network()
    on_chip = 8 * 8 * 9 * 2 * 3 + 4 * 4 * 9 * 3 * 4 + (4 * 4 * 16 * 4 * 3 + 8 * 8 * 9 * 3 * 3)
    assert host_operations(network, 0) + on_chip == network.multiply_adds


def test_looking_whether_a_tile_has_settled_costs_a_sixteenth_of_a_read_out() -> None:
    network = small_network(8)
    readout = 8 * 8 * 2 * 2 * 3 * 1
    more = host_operations(network, 10, checks=4) - host_operations(network, 10)
    assert more == 4 * readout / 16


def test_the_hosts_share_is_priced_like_the_cpu() -> None:
    network = small_network()
    chip = loihi_figures(events_of(), 4)
    cpu = figures_of(
        "cpu", "int8", 1, dynamic_mj=10, static_mj=20, seconds=0.1, basis="modelled", source="test"
    )
    share = host_operations(network, 10) / network.multiply_adds
    figures = with_host(chip, cpu, share)
    check_parts(figures)
    for component, added in zip(range(3), (10, 20, 30), strict=True):
        assert figures[component].mj_per_section == pytest.approx(
            chip[component].mj_per_section + share * added
        )
    assert figures[0].seconds_per_section == pytest.approx(
        chip[0].seconds_per_section + share * 0.1
    )
    assert figures[0].device == "loihi + host"
