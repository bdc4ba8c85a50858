"""The quantize stage's mapping: tiles of the layers, and chips of the cores."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from spikeseg_core.errors import DataError
from spikeseg_core.loihi.mapping.fit import Tile
from spikeseg_core.storage import write_json


@dataclass(frozen=True, eq=False)
class CoreMapping:
    """Layers cut into cores, and cores assigned to chips.

    Attributes
    ----------
    tiles : mapping of str to Tile
        Tile of every on-chip layer.
    chips : ndarray of int
        Chip of every core, shape ``(cores,)``, in the order of nengo-loihi's blocks.
    population_type : {16, 32}
        Type of the population axons.
    weight_bits : int
        Bits per weight.
    """

    tiles: Mapping[str, Tile]
    chips: np.ndarray
    population_type: int = 16
    weight_bits: int = 8

    def save(self, path: Path) -> None:
        """Write as JSON."""
        write_json(path, asdict(self) | {"chips": self.chips.tolist()})

    @classmethod
    def load(cls, path: Path) -> CoreMapping:
        """Read what :meth:`save` wrote.

        Raises
        ------
        DataError
            If the file is missing or is not a mapping.
        """
        try:
            data = json.loads(path.read_text())
            tiles = {name: (int(r), int(c), int(k)) for name, (r, c, k) in data["tiles"].items()}
            chips = np.array(data["chips"], dtype=np.int64).reshape(len(data["chips"]))
            return cls(tiles, chips, int(data["population_type"]), int(data["weight_bits"]))
        except (
            *(OSError, ValueError, KeyError, TypeError),
            *(AttributeError, OverflowError, RecursionError),
        ) as error:
            raise DataError(
                f"{path} is not a mapping ({error}); run the stage that wrote it again"
            ) from error

    @classmethod
    def load_if_there(cls, path: Path) -> CoreMapping | None:
        """Read what :meth:`save` wrote, or return None if there is no such file.

        Raises
        ------
        DataError
            If the file is not a mapping.
        """
        return cls.load(path) if path.exists() else None
