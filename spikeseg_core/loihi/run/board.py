"""Setting the voltages that a presentation begins with on a real board.

NengoLoihi builds a board whose compartments are at rest. The names of NxSDK used here are those of
NengoLoihi's own hardware builder, which writes other state of the cores the same way before the
board starts; this module itself has been run against a stand-in alone.
"""

from __future__ import annotations

from typing import Any

from spikeseg_core.errors import DeploymentError
from spikeseg_core.loihi.mapping.placement import Placement
from spikeseg_core.loihi.quantization.build import LoihiModel


def write_voltages(board: Any, model: LoihiModel, placement: Placement) -> None:
    """Write the first voltages of all compartments that do not start at rest.

    Parameters
    ----------
    board : nxsdk N2Board
        Built, not yet started.
    model : LoihiModel
        The blocks, each alone on its core.
    placement : Placement
        Chip and core of every block.

    Raises
    ------
    DeploymentError
        If the board does not let them be written.
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
                f"the first voltages of core {core} on chip {chip} cannot be written ({error}); "
                "tune with tune.start=rest, which needs none, or choose target 'emulator'"
            ) from error
