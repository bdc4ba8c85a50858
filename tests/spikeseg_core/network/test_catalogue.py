from __future__ import annotations

import pytest

from spikeseg_core.network import Network, catalogue
from spikeseg_core.network.catalogue import CANDIDATES, NETWORKS, u_net


def test_paper_network_has_the_papers_number_of_neurons() -> None:
    assert NETWORKS["paper"].neurons_on_chip == pytest.approx(238_000, rel=0.03)


@pytest.mark.parametrize("network", CANDIDATES, ids=lambda network: network.name)
def test_candidates_have_the_papers_neurons(network: Network) -> None:
    assert abs(network.neurons_on_chip / 238_000 - 1) <= 0.03
    assert catalogue.network(network.name) is network


def test_a_u_net_from_its_widths() -> None:
    network = u_net("small", 4, ((8,), (12, 16)), ((8, 6),))
    fed_by = {layer.name: [c.source for c in layer.inputs] for layer in network.layers}
    assert fed_by == {
        "stem": ["image"],
        "enc0": ["stem"],
        "enc1": ["enc0"],
        "enc1b": ["enc1"],
        "dec0": ["enc1b", "enc0"],
        "dec0b": ["dec0"],
    }
    assert network.shape("enc1b") == (24, 24, 16)
    assert network.shape("dec0b") == (48, 48, 6)
    assert network.readout.source == "dec0b"
