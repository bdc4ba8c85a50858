from graphlib import CycleError, TopologicalSorter

import numpy as np
import pytest

from spikeseg_core.testing.wiring import DESIGNS, loops

ALL = {design.name: design for make in DESIGNS for design in make()}


def has_loop(design):
    sorter = TopologicalSorter()
    for wires in design.wires:
        sorter.add(wires.target, wires.source)
    try:
        sorter.prepare()
    except CycleError:
        return True
    return False


def test_the_designs_about_loops_and_no_others_have_one():
    about_loops = {design.name for design in loops()}
    assert {name for name, design in ALL.items() if has_loop(design)} == about_loops


@pytest.mark.parametrize("name", ALL)
def test_wires_end_at_compartments_that_there_are(name):
    design = ALL[name]
    for wires in design.wires:
        n = design.blocks[wires.target].n
        assert wires.source < len(design.blocks)
        assert -1 - wires.source < len(design.inputs)
        for row, weights in enumerate(wires.weights):
            reached = wires.targets[row] if wires.targets else range(np.shape(weights)[1])
            assert all(0 <= target < n for target in np.ravel(reached))
