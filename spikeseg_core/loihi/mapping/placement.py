"""Placement of every core block: its chip, and its place on the chip's mesh."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spikeseg_core.errors import DataError
from spikeseg_core.loihi.chip import LOIHI_1, Chip
from spikeseg_core.storage import write_json


@dataclass(frozen=True)
class Placement:
    """Chip and mesh place of every core block.

    Attributes
    ----------
    strategy : str
        Name of the partitioning strategy.
    chips : ndarray of int
        Chip of every block, shape ``(blocks,)``, in the order of nengo-loihi's blocks.
    positions : ndarray of int
        Core of every block on its chip, shape ``(blocks,)``; 0, 1, ... on each chip. Four
        consecutive cores share a router of the mesh.
    """

    strategy: str
    chips: np.ndarray
    positions: np.ndarray

    @property
    def chip_count(self) -> int:
        """Number of chips in use."""
        return len(np.unique(self.chips))

    @property
    def cores_per_chip(self) -> np.ndarray:
        """Cores in use on every chip, shape ``(chips,)``."""
        return np.bincount(self.chips)

    def save(self, path: Path) -> None:
        """Write as JSON."""
        cores = {"chips": self.chips.tolist(), "positions": self.positions.tolist()}
        write_json(path, {"strategy": self.strategy, **cores})

    @classmethod
    def load(cls, path: Path) -> Placement:
        """Read what :meth:`save` wrote.

        Raises
        ------
        DataError
            If the file is missing or is not a placement.
        """
        try:
            data = json.loads(path.read_text())
            return cls(data["strategy"], np.array(data["chips"]), np.array(data["positions"]))
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise DataError(
                f"{path} is not a placement ({error}); run the partition stage again"
            ) from error


def place(chips: np.ndarray, strategy: str) -> Placement:
    """Assign the blocks of each chip to cores 0, 1, ... in order."""
    chips = np.asarray(chips, dtype=np.int64)
    positions = np.zeros(len(chips), dtype=np.int64)
    for chip in np.unique(chips):
        here = np.flatnonzero(chips == chip)
        positions[here] = np.arange(len(here))
    return Placement(strategy, chips, positions)


def router_of(positions: np.ndarray, chip: Chip = LOIHI_1) -> np.ndarray:
    """Row and column on the mesh of these cores' routers, shape ``(cores, 2)``."""
    router = positions // chip.cores_per_tile
    return np.stack(np.divmod(router, chip.mesh_shape[1]), axis=1)
