from dataclasses import replace

import numpy as np
import pytest

from spikeseg_core.network import Network
from spikeseg_core.network.catalogue import NETWORKS
from spikeseg_core.network.initial_state import initial_potentials

QUICK = NETWORKS["quick"]
PAPER = NETWORKS["paper"]


@pytest.mark.parametrize("layer", [layer.name for layer in PAPER.layers])
def test_they_are_spread_evenly(layer: str) -> None:
    potentials = initial_potentials(replace(PAPER, initial_potential="spread"), layer)
    assert potentials.shape == PAPER.shape(layer)
    share, _ = np.histogram(potentials, bins=10, range=(0, 1))
    np.testing.assert_allclose(share / potentials.size, 0.1, atol=0.01)


def test_every_neighbourhood_has_all_parts_of_the_cycle() -> None:
    potentials = initial_potentials(replace(PAPER, initial_potential="spread"), "enc0")
    for patch in (potentials[:4, :4, 0], potentials[20:24, 17:21, 5], potentials[9, 9]):
        share, _ = np.histogram(patch, bins=4, range=(0, 1))
        assert share.min() >= patch.size / 8


def test_at_rest_all_are_zero() -> None:
    assert not initial_potentials(QUICK, "stem").any()


def test_how_a_network_starts_is_saved_and_older_files_are_at_rest() -> None:
    spread = replace(QUICK, initial_potential="spread")
    data = spread.to_json()
    assert Network.from_json(data) == spread
    del data["initial_potential"]
    assert Network.from_json(data).initial_potential == "rest"
