from collections import defaultdict
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from spikeseg_core.config import DeployConfig
from spikeseg_core.errors import DeploymentError
from spikeseg_core.loihi.mapping.partition import partition
from spikeseg_core.loihi.mapping.traffic import traffic
from spikeseg_core.loihi.quantization.build import build_network, discretize
from spikeseg_core.loihi.quantization.extract import initial_voltages
from spikeseg_core.loihi.run import board as board_module
from spikeseg_core.loihi.run.backends import deploy
from spikeseg_core.loihi.run.board import write_voltages
from spikeseg_core.loihi.run.energy_probe import BoardEnergy
from spikeseg_core.network.depth import depth
from spikeseg_core.stack import nengo_loihi
from tests.spikeseg_core.loihi.networks import random_network, random_tiles, random_weights
from tests.spikeseg_core.loihi.run.networks import IMAGES, MAPPED, PRESENTATION


class FakeBoard:
    """Stands in for NxSDK's board; chips, cores and compartments appear when written to."""

    def __init__(self) -> None:
        self.n2Chips = defaultdict(_chip)


def _chip():
    return SimpleNamespace(n2CoresAsList=defaultdict(_core))


def _core():
    return SimpleNamespace(cxState=defaultdict(SimpleNamespace))


def parts(start):
    rng = np.random.default_rng(7)
    network = replace(random_network(rng, size=16, channels=lambda rng: 8), initial_potential=start)
    weights, tiles = random_weights(rng, network), random_tiles(rng, network, step=4)
    model = discretize(build_network(network, weights, tiles)).model
    return model, partition("metis", traffic(network, tiles))


def test_every_compartment_gets_its_voltage():
    model, placement = parts("spread")
    board = FakeBoard()
    write_voltages(board, model, placement)
    expected = initial_voltages(model)
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
    assert not initial_voltages(model).any()


def test_a_board_that_cannot_says_so():
    model, placement = parts("spread")
    with pytest.raises(
        DeploymentError, match=r"cannot be written .* tune with tune.initial_potential=rest"
    ):
        write_voltages(object(), model, placement)


def test_hardware_without_nxsdk_says_so():
    assert not nengo_loihi.hardware.HAS_NXSDK
    with pytest.raises(DeploymentError, match=r"needs Intel's NxSDK.*choose target 'emulator'"):
        deploy(MAPPED, IMAGES, PRESENTATION, DeployConfig(target="loihi"))


@pytest.mark.parametrize("in_a_row", [None, 2])
def test_a_boards_energy_is_probed_before_it_starts_and_read_after(monkeypatch, in_a_row):
    """NengoLoihi's emulator in the place of the board, and a stand-in for NxSDK's probe."""
    seen = []
    simulator = nengo_loihi.Simulator

    class Probe:
        def __init__(self, board, steps):
            seen.append(("attached", board, steps))

        def read(self):
            seen.append(("read", None, None))
            return BoardEnergy(1.0, 2.0, 0.5, seen[-4][2])

    board = FakeBoard()

    class Board:
        nxsdk_board = board

    def on_emulator(*args, target, **options):
        made = simulator(*args, target="sim", **options)
        made.sims["loihi"] = Board()
        return Fixed(made)

    class Fixed:
        """Enters as the emulator, and has a board to look at."""

        def __init__(self, made):
            self.made, self.sims = made, dict(made.sims)
            del made.sims["loihi"]

        def __enter__(self):
            seen.append(("started", None, None))
            self.made.__enter__()
            return self

        def __exit__(self, *error):
            seen.append(("stopped", None, None))
            self.made.__exit__(*error)

        def __getattr__(self, name):
            return getattr(self.made, name)

    monkeypatch.setattr(board_module, "BoardProbe", Probe)
    monkeypatch.setattr(board_module.nengo_loihi, "Simulator", on_emulator)
    monkeypatch.setattr(board_module, "require_nxsdk", lambda: None)
    config = DeployConfig(target="loihi")
    found = deploy(MAPPED, IMAGES[:2], PRESENTATION, config, in_a_row=in_a_row)
    runs = seen[-4 * (2 // (in_a_row or 1)) :]  # before it, blocks are built in a simulator
    assert [what for what, *_ in runs[:4]] == ["attached", "started", "stopped", "read"]
    late = depth(MAPPED.network)
    if in_a_row is None:
        assert [about for what, *about in runs if what == "attached"] == [[board, 40]] * 2
        assert found.board_energy == (BoardEnergy(1.0, 2.0, 0.5, 40),) * 2
    else:
        assert len(runs) == 4
        assert runs[0][1:] == (board, 80 + late)
        assert [each.steps for each in found.board_energy] == [40, 40 + late]
        assert sum(each.dynamic_mj for each in found.board_energy) == pytest.approx(1)
    assert found.events is None
