import numpy as np

from spikeseg_core.loihi.emulator.blocks import component_order, lay_cells, lay_wires
from spikeseg_core.loihi.emulator.vectors import LANES
from spikeseg_core.testing import cases

CASES = {case.name: case for case in cases()}


def test_loops_are_components_and_levels_follow_the_spikes():
    order = component_order(CASES["loop-between-layers"].network)
    components = np.split(order.block, order.component[1:-1])
    assert [sorted(part) for part in components] == [[0], [1, 2], [3]]
    assert order.level.tolist() == [0, 1, 2, 3]
    backward = component_order(CASES["chain-against-the-order"].network)
    assert backward.block.tolist() == [4, 3, 2, 1, 0]
    together = component_order(CASES["floors-differ"].network)
    assert together.level.tolist() == [0, 2]


def test_targets_become_runs_of_neighbours():
    network = CASES["sparse"].network
    wires = lay_wires(network)
    assert wires.run.tolist() == [0, 2, 3, 3, 6]  # none of these ascend by one
    assert wires.run_to.tolist() == [5, 0, 3, 4, 2, 1]
    assert wires.run_length.tolist() == [1] * 6
    dense = lay_wires(CASES["dense"].network)
    assert dense.run_length.tolist() == [7] * 9


def test_blocks_are_padded_with_compartments_that_never_spike():
    network = CASES["three-targets"].network
    cells = lay_cells(network)
    assert cells.place.tolist() == [0, LANES, 2 * LANES, 3 * LANES, 4 * LANES]
    assert cells.vth[:2].tolist() == [500, np.iinfo(np.int32).max]
    assert cells.vth[LANES : LANES + 3].tolist() == [900, 900, np.iinfo(np.int32).max]
