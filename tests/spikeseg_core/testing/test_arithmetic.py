import numpy as np
import pytest

from spikeseg_core.testing.arithmetic import DESIGNS
from spikeseg_core.testing.designs import Q_LIMIT, U_LIMIT

ALL = {design.name: design for make in DESIGNS for design in make()}


def largest_input(name):
    """Sum of the weights that arrive in a step in which every axon of every wire spikes."""
    return sum(np.sum(wires.weights, axis=0)[0] for wires in ALL[name].wires)


@pytest.mark.parametrize(
    ("name", "total"),
    [
        ("input-at-its-largest", Q_LIMIT - 64),
        ("input-overflows-below", -Q_LIMIT - 2**15),
        ("input-wraps-once", Q_LIMIT // 64),
        ("input-wraps-twice", 2 * Q_LIMIT + 2**15),
    ],
)
def test_inputs_add_up_to_what_the_design_says(name, total):
    assert set(largest_input(name)) == {total}


def test_a_drive_overflows_though_neither_part_does():
    design = ALL["drive-overflows"]
    (cells,) = design.blocks
    current = largest_input(design.name)
    assert (current < U_LIMIT).all()
    assert max(cells.bias) < U_LIMIT
    assert (current + cells.bias >= U_LIMIT).any()


def test_every_register_and_constant_fits_the_chip():
    for name, design in ALL.items():
        for cells in design.blocks:
            assert np.abs(cells.bias).max() < U_LIMIT, name
            assert -U_LIMIT < cells.vmin <= 0 < cells.vmax < U_LIMIT, name
            for decay in (cells.decay_u, cells.decay_v):
                assert 0 <= np.min(decay) <= np.max(decay) <= 4095, name
            assert 1 <= np.min(cells.refract) <= np.max(cells.refract) <= 63, name
