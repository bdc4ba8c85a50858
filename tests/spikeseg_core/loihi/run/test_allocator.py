import numpy as np
import pytest

from spikeseg_core.errors import MappingError
from spikeseg_core.loihi.mapping.partition import partition
from spikeseg_core.loihi.mapping.placement import place
from spikeseg_core.loihi.mapping.traffic import traffic
from spikeseg_core.loihi.quantization.build import build_network, discretize
from spikeseg_core.loihi.run.allocator import PlacementAllocator
from spikeseg_core.stack import nengo_loihi
from tests.spikeseg_core.loihi.networks import random_network, random_tiles, random_weights


@pytest.fixture(scope="module")
def small():
    rng = np.random.default_rng(4)
    network = random_network(rng, size=8)
    tiles = random_tiles(rng, network)
    weights = random_weights(rng, network)
    return network, tiles, discretize(build_network(network, weights, tiles, population_type=32))


def test_nengo_loihi_accepts_a_placement_and_its_board_is_valid(small):
    network, tiles, blocks = small
    messages = traffic(network, tiles)
    found = partition("metis", messages)
    board = PlacementAllocator(found)(blocks.model, n_chips=2)
    nengo_loihi.hardware.validate.validate_board(board)
    activity = nengo_loihi.hardware.allocators.estimate_interchip_activity(board)
    assert activity["interchip"] == messages.interchip(found.chips)
    assert activity["intrachip"] == messages.total - messages.interchip(found.chips)
    on_board = [[core.blocks[0] for core in chip.cores] for chip in board.chips]
    for index, block in enumerate(blocks.model.blocks):
        assert on_board[found.chips[index]][found.positions[index]] is block


def test_placements_for_other_networks_and_boards_are_refused(small):
    _, _, blocks = small
    count = len(blocks.model.blocks)
    with pytest.raises(MappingError, match=f"is for {count + 1} blocks, the model has {count}"):
        PlacementAllocator(place(np.zeros(count + 1), "x"))(blocks.model, 2)
    with pytest.raises(MappingError, match="uses 4 chips, the board has 2"):
        PlacementAllocator(place(np.full(count, 3), "x"))(blocks.model, 2)
