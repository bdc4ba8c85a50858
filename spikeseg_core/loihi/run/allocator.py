"""Passing a placement to NengoLoihi."""

from __future__ import annotations

from typing import Any

import numpy as np

from spikeseg_core.errors import MappingError
from spikeseg_core.loihi.mapping.placement import Placement
from spikeseg_core.stack import nengo_loihi

allocators = nengo_loihi.hardware.allocators
_Allocator: Any = allocators.Allocator


class PlacementAllocator(_Allocator):
    """Put a model's blocks where a placement says: ``hardware_options={"allocator": ...}``.

    Parameters
    ----------
    placement : Placement
        For the same blocks, in the same order.
    """

    def __init__(self, placement: Placement) -> None:
        self.placement = placement

    def __call__(self, model: Any, n_chips: int) -> Any:
        """Return the board.

        Raises
        ------
        MappingError
            If the placement is for another number of blocks, or the board has too few chips.
        """
        chips, positions = self.placement.chips, self.placement.positions
        blocks = list(model.blocks)
        if len(blocks) != len(chips):
            raise MappingError(
                f"the placement is for {len(chips)} blocks, the model has {len(blocks)}; "
                "run the partition stage again for this network"
            )
        if chips.max() >= n_chips:
            raise MappingError(
                f"the placement uses {chips.max() + 1} chips, the board has {n_chips}; "
                "raise n_chips or partition for fewer chips"
            )
        board = allocators.Board()
        for spike_input in model.inputs:
            self.input_to_board(spike_input, board)
        for number in range(int(chips.max()) + 1):
            chip = board.new_chip()
            here = np.flatnonzero(chips == number)
            for block in here[np.argsort(positions[here])]:
                self.block_to_new_core(blocks[block], chip)
        board.probes.extend(model.probes)
        return board
