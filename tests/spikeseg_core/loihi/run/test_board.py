from dataclasses import replace

import numpy as np
import pytest

from spikeseg_core.errors import DeploymentError
from spikeseg_core.loihi.integer_network import first_voltages
from spikeseg_core.loihi.mapping.partition import partition
from spikeseg_core.loihi.mapping.traffic import traffic
from spikeseg_core.loihi.quantization.build import build_network, discretize
from spikeseg_core.loihi.run.board import write_voltages
from tests.spikeseg_core.loihi.boards import FakeBoard
from tests.spikeseg_core.loihi.networks import random_network, random_tiles, random_weights


def parts(start):
    rng = np.random.default_rng(7)
    network = replace(random_network(rng, size=16, channels=lambda rng: 8), start=start)
    weights, tiles = random_weights(rng, network), random_tiles(rng, network, step=4)
    model = discretize(build_network(network, weights, tiles)).model
    return model, partition("metis", traffic(network, tiles))


def test_every_compartment_gets_its_voltage():
    model, placement = parts("spread")
    board = FakeBoard()
    write_voltages(board, model, placement)
    expected = first_voltages(model)
    assert (expected > 0).mean() > 0.9
    begin = 0
    for block, chip, core in zip(model.blocks, placement.chips, placement.positions, strict=True):
        for compartment in range(block.compartment.n_compartments):
            written = board.n2Chips[chip].n2CoresAsList[core].cxState[compartment].v
            assert written == expected[begin + compartment] < block.compartment.vth[compartment]
        begin += block.compartment.n_compartments


def test_a_network_at_rest_needs_nothing_written():
    model, placement = parts("rest")
    write_voltages(object(), model, placement)
    assert not first_voltages(model).any()


def test_a_board_that_cannot_says_so():
    model, placement = parts("spread")
    with pytest.raises(DeploymentError, match=r"cannot be written .* tune with tune.start=rest"):
        write_voltages(object(), model, placement)
