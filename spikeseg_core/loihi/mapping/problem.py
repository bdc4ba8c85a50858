"""A mapping problem, its solutions, and their cost.

The cost of a mapping is

    INTERCHIP_WEIGHT x messages between chips + all messages

in messages per time step at the measured rates (or, without rates, with every axon counted once).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from spikeseg_core.loihi.chip import Board
from spikeseg_core.loihi.mapping.fit import Tile, grid_of, output_axons
from spikeseg_core.loihi.mapping.tiles import fitting_tiles
from spikeseg_core.loihi.mapping.traffic import Rates, Traffic, traffic
from spikeseg_core.network import DT, Network

INTERCHIP_WEIGHT = 200.0
"""Cost of a message between chips, relative to one on a chip."""


@dataclass(frozen=True, eq=False)
class Problem:
    """A network to be mapped onto a board.

    Attributes
    ----------
    network : Network
        The architecture.
    board : Board
        Chips and cores.
    rates : mapping of str to ndarray, optional
        Mean rates in Hz of every layer; without them every axon counts once.
    population_type : {16, 32}
        Type of the population axons.
    weight_bits : int
        Bits per weight.
    menu : mapping of str to tuple of Tile, optional
        Tiles to choose from, by layer; by default all that fit.
    """

    network: Network
    board: Board = field(default_factory=Board)
    rates: Rates | None = None
    population_type: int = 16
    weight_bits: int = 8
    menu: Mapping[str, tuple[Tile, ...]] | None = None

    def tiles_of(self, name: str) -> Iterator[Tile]:
        """Tiles of a layer that are on the menu and fit a core, ignoring output axons."""
        form, chip = (self.population_type, self.weight_bits), self.board.chip
        for tile, _ in fitting_tiles(self.network, name, *form, chip=chip):
            if self.menu is None or tile in self.menu[name]:
                yield tile

    def activity(self, name: str) -> np.ndarray:
        """Messages per step from each pixel to each core it reaches, ``(rows, columns)``."""
        if self.rates is None:
            return np.ones(self.network.shape(name)[:2])
        return np.asarray(self.rates[name].sum(axis=2) * DT)

    def output_axons_fit(self, tiles: Mapping[str, Tile]) -> bool:
        """Whether the output axons of every core suffice."""
        network, chip = self.network, self.board.chip
        return all(
            output_axons(network, name, tiles, self.population_type, chip=chip).max()
            <= chip.output_axons
            for name in tiles
        )

    def cores(self, tiles: Mapping[str, Tile]) -> int:
        """Count the cores for these tiles."""
        network = self.network
        return sum(int(np.prod(grid_of(network.shape(n), tile))) for n, tile in tiles.items())

    def traffic(self, tiles: Mapping[str, Tile]) -> Traffic:
        """Count the messages between cores under these tiles."""
        return traffic(self.network, tiles, self.rates)


@dataclass(frozen=True, eq=False)
class Solution:
    """A mapping of a problem's network.

    Attributes
    ----------
    tiles : mapping of str to Tile
        Tile of every on-chip layer.
    messages : Traffic
        Traffic between the cores.
    chips : ndarray of int
        Chip of every core, shape ``(cores,)``.
    """

    tiles: Mapping[str, Tile]
    messages: Traffic
    chips: np.ndarray

    @property
    def interchip(self) -> float:
        """Messages between chips."""
        return self.messages.interchip(self.chips)

    @property
    def cost(self) -> float:
        """Cost of the mapping; see the module."""
        return mapping_cost(self.messages, self.chips)


def mapping_cost(messages: Traffic, chips: np.ndarray) -> float:
    """Cost of a mapping; see the module."""
    return INTERCHIP_WEIGHT * messages.interchip(chips) + messages.total
