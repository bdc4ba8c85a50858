from spikeseg_core.network.catalogue import NETWORKS
from spikeseg_core.network.depth import depth
from tests.spikeseg_core.network.test_description import SMALL


def test_the_depth_is_that_of_the_longest_way() -> None:
    assert depth(SMALL) == 2  # the skip past the first ensemble is shorter
    assert {name: depth(network) for name, network in NETWORKS.items()} == {
        "quick": 4,
        "paper": 11,
        "lean": 11,
    }
