from dataclasses import replace

import numpy as np
import pytest

from spikeseg_core.errors import MappingError
from spikeseg_core.loihi.chip import LOIHI_1, Board
from spikeseg_core.loihi.mapping.fit import RESOURCES, fit, fit_table
from spikeseg_core.loihi.mapping.optimize import optimize
from spikeseg_core.loihi.mapping.problem import Problem
from spikeseg_core.loihi.mapping.tiles import check_fit, choose_tiles
from spikeseg_core.network.catalogue import NETWORKS
from spikeseg_core.stack import nengo_loihi

QUICK = NETWORKS["quick"]
HALF = replace(LOIHI_1, compartments=512, synapse_bits=LOIHI_1.synapse_bits // 2)


def test_limits_are_those_of_nengo_loihi():
    used = nengo_loihi.block.LoihiBlock(1).utilization()
    assert [limit for _, limit in used.values()] == [getattr(LOIHI_1, n) for n in RESOURCES]
    formats = nengo_loihi.block.SynapseConfig
    assert tuple(formats.INDEX_BITS_MAP) == LOIHI_1.index_bits
    assert LOIHI_1.mesh_shape[0] * LOIHI_1.mesh_shape[1] * LOIHI_1.cores_per_tile == LOIHI_1.cores


def test_a_board_has_the_cores_of_its_chips():
    assert Board().cores == 256
    assert Board(3, 100).cores == 300


def test_a_chip_of_half_the_size_is_heard_everywhere():
    whole, half = (choose_tiles(QUICK, chip=chip) for chip in (LOIHI_1, HALF))
    assert not any(part.problems(chip=HALF) for part in fit(QUICK, half, chip=HALF))
    assert max(np.prod(tile) for tile in half.values()) <= 512
    with pytest.raises(MappingError, match=r"the limit is 512; the largest tile that fits"):
        check_fit(QUICK, whole, chip=HALF)
    table = fit_table(QUICK, half, chip=HALF)
    assert (table["compartments_used"] == table["compartments"] / 512).all()
    found = optimize(Problem(QUICK, Board(2, chip=HALF)), work=0)
    assert found.tiles == half
