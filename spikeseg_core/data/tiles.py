"""Whole sections to overlapping tiles and back, seamlessly."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from spikeseg_core.errors import DataError


@dataclass(frozen=True)
class TileGrid:
    """Evenly spaced overlapping square tiles that cover a section.

    Parameters
    ----------
    section_shape : (int, int)
        Height and width of a section, px; sections smaller than a tile are mirrored up to its size.
    tile : int
        Side of a tile, px.
    tiles_per_axis : int
        Tiles along each axis. More are used if these would leave gaps, and one if the section is no
        longer than a tile.

    Attributes
    ----------
    rows, columns : tuple of int
        First row and first column of the tiles.
    tiles : int
        Tiles of a section, row by row.

    Raises
    ------
    DataError
        If a size or count is below 1.
    """

    section_shape: tuple[int, int]
    tile: int
    tiles_per_axis: int
    rows: tuple[int, ...] = field(init=False)
    columns: tuple[int, ...] = field(init=False)

    def __post_init__(self) -> None:
        if min(*self.section_shape, self.tile, self.tiles_per_axis) < 1:
            raise DataError(
                f"sections of {self.section_shape} px in {self.tiles_per_axis} tiles of "
                f"{self.tile} px per axis: every size and count must be at least 1"
            )
        rows, columns = (self._origins(size) for size in self.section_shape)
        object.__setattr__(self, "rows", rows)
        object.__setattr__(self, "columns", columns)

    def _origins(self, size: int) -> tuple[int, ...]:
        room = size - self.tile
        if room <= 0:
            return (0,)
        count = max(self.tiles_per_axis, -(-size // self.tile))
        return tuple(np.unique(np.linspace(0, room, count).round().astype(int)).tolist())

    @property
    def tiles(self) -> int:
        """Tiles of one section."""
        return len(self.rows) * len(self.columns)

    @property
    def origins(self) -> list[tuple[int, int]]:
        """First row and column of every tile of a section, in the order of :meth:`cut`."""
        return [(row, column) for row in self.rows for column in self.columns]

    def cut(self, sections: np.ndarray) -> np.ndarray:
        """Cut sections into tiles.

        Parameters
        ----------
        sections : array (n, h, w)

        Returns
        -------
        array (n * tiles, tile, tile)
            All tiles of the first section, row by row, then those of the second.

        Raises
        ------
        DataError
            If the sections do not have the grid's shape.
        """
        if sections.ndim != 3 or sections.shape[1:] != self.section_shape:
            raise DataError(
                f"sections of shape {sections.shape} do not fit a grid for (n, "
                f"{self.section_shape[0]}, {self.section_shape[1]})"
            )
        padded = pad_to(sections, self.tile)
        tiles = [
            padded[:, row : row + self.tile, column : column + self.tile]
            for row, column in self.origins
        ]
        return np.stack(tiles, axis=1).reshape(-1, self.tile, self.tile)

    def stitch(self, tiles: np.ndarray) -> np.ndarray:
        """Blend tiles into whole sections; the inverse of :meth:`cut`, to the last bit.

        Where tiles overlap, pixels nearer to their tile's centre count more. The weights are
        small integers and the sums are kept in float64, so equal float32 values blend to exactly
        that value.

        Parameters
        ----------
        tiles : array (n * tiles, tile, tile)
            In the order of :meth:`cut`.

        Returns
        -------
        float32 array (n, h, w)

        Raises
        ------
        DataError
            If the tiles are not whole sections of this grid.
        """
        if tiles.shape[1:] != (self.tile, self.tile) or len(tiles) % self.tiles:
            raise DataError(
                f"tiles of shape {tiles.shape} are not whole sections of {self.tiles} tiles of "
                f"{self.tile} x {self.tile} px"
            )
        by_section = tiles.reshape(-1, self.tiles, self.tile, self.tile)
        height, width = (max(size, self.tile) for size in self.section_shape)
        weight = self._weight()
        total = np.zeros((len(by_section), height, width))
        weights = np.zeros((height, width))
        for position, (row, column) in enumerate(self.origins):
            window = np.s_[row : row + self.tile, column : column + self.tile]
            total[(slice(None), *window)] += by_section[:, position] * weight
            weights[window] += weight
        total /= weights
        return total[:, : self.section_shape[0], : self.section_shape[1]].astype(np.float32)

    def _weight(self) -> np.ndarray:
        """Return a pyramid of integers, float64 (tile, tile): 1 at the edges."""
        ramp = distance_to_edge(self.tile)
        return ramp[:, np.newaxis] * ramp


def distance_to_edge(tile: int) -> np.ndarray:
    """Return how much positions along one axis of a tile count, float64 (tile,): 1 at the ends."""
    ramp: np.ndarray = np.minimum(np.arange(tile), np.arange(tile)[::-1]) + 1.0
    return ramp


def pad_to(sections: np.ndarray, side: int) -> np.ndarray:
    """Mirror sections at their lower and right edge until each side has at least ``side`` px.

    Parameters
    ----------
    sections : array (n, h, w, ...)
    side : int
        Least height and width, px.

    Returns
    -------
    array (n, max(h, side), max(w, side), ...)
    """
    missing = [(0, max(0, side - size)) for size in sections.shape[1:3]]
    if missing == [(0, 0), (0, 0)]:
        return sections
    rest = [(0, 0)] * (sections.ndim - 3)
    return np.pad(sections, ((0, 0), *missing, *rest), mode="symmetric")


def standardize(sections: np.ndarray) -> np.ndarray:
    """Give each section zero mean and unit variance, as the network sees it.

    Parameters
    ----------
    sections : array (n, h, w)
        Grey values, 8 or 16 bits.

    Returns
    -------
    float32 array (n, h, w)
        All 0 for a section of one grey value.
    """
    values = sections.astype(np.float64)
    values -= values.mean(axis=(1, 2), keepdims=True)
    spread = values.std(axis=(1, 2), keepdims=True)
    return (values / np.where(spread > 0, spread, 1.0)).astype(np.float32)
