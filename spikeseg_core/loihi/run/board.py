"""Back end ``board``: Loihi itself, through NengoLoihi and Intel's NxSDK.

NengoLoihi builds a board whose compartments are at rest; their initial voltages are written here.
The NxSDK names are those of NengoLoihi's own hardware builder, which writes other state of the
cores in the same way before the board starts. This module was only tested against a stand-in.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from spikeseg_core.config import DeployConfig, PresentationConfig
from spikeseg_core.errors import DeploymentError, MeterError
from spikeseg_core.loihi.mapping.placement import Placement
from spikeseg_core.loihi.quantization.blocks import BlockModel
from spikeseg_core.loihi.quantization.build import DiscretizedNetwork
from spikeseg_core.loihi.run.base import Deployment, MappedNetwork
from spikeseg_core.loihi.run.energy_probe import BoardEnergy, BoardProbe
from spikeseg_core.loihi.run.nengo_loihi import Shown, simulate
from spikeseg_core.reporting import SILENT, Reporter
from spikeseg_core.stack import nengo_loihi


def run(
    mapped: MappedNetwork,
    images: np.ndarray,
    presentation: PresentationConfig,
    config: DeployConfig,
    report: Reporter = SILENT,
    *,
    in_a_row: int | None = None,
) -> Deployment:
    """Run tiles on a board, reading its energy probe after each, or after each row of them.

    Raises
    ------
    DeploymentError
        If NxSDK is not installed, or the board does not accept the initial voltages, or the tiles
        of a row are shown for less time than a spike needs through the network.
    """
    require_nxsdk()
    energy: list[BoardEnergy] = []

    @contextmanager
    def watch(ran: np.ndarray, blocks: DiscretizedNetwork, simulator: Any) -> Iterator[Shown]:
        board = simulator.sims["loihi"].nxsdk_board
        write_voltages(board, blocks.model, mapped.placement)
        # Probes are attached before a board starts, and read after it has stopped.
        try:
            probe = BoardProbe(board, int(ran.sum()))
        except MeterError as error:
            report.say(f"the board's energy is not measured: {error}")
            yield lambda tile: None
        else:
            yield lambda tile: None
            row = probe.read()
            energy.extend(row.share(int(steps)) for steps in ran)

    shown = simulate(
        mapped,
        images,
        presentation,
        in_a_row=in_a_row,
        target="loihi",
        watch=watch,
        report=report,
    )
    return replace(shown, board_energy=tuple(energy))


def require_nxsdk() -> None:
    """Check that Loihi is accessible.

    Raises
    ------
    DeploymentError
        If Intel's NxSDK is not installed.
    """
    if not nengo_loihi.hardware.HAS_NXSDK:
        raise DeploymentError(
            "target 'loihi' needs Intel's NxSDK, which is not installed here (Intel provides it "
            "to members of its research community); choose target 'emulator'"
        )


def write_voltages(board: Any, model: BlockModel, placement: Placement) -> None:
    """Write the initial voltages of all compartments that do not start at rest.

    Parameters
    ----------
    model : BlockModel
        The blocks, one per core.

    Raises
    ------
    DeploymentError
        If the board does not allow it.
    """
    for number, block in enumerate(model.blocks):
        if block not in model.voltages:
            continue
        chip, core = int(placement.chips[number]), int(placement.positions[number])
        try:
            state = board.n2Chips[chip].n2CoresAsList[core].cxState
            for compartment, voltage in enumerate(model.voltages[block]):
                state[compartment].v = int(voltage)
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            raise DeploymentError(
                f"the initial voltages of core {core} on chip {chip} cannot be written ({error}); "
                "tune with tune.initial_potential=rest, which needs none, or choose "
                "target 'emulator'"
            ) from error
