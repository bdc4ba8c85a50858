"""Whether tiles fit their cores, computed before anything is built.

A layer of ``(rows, columns, channels)`` neurons is cut into tiles, one core each. What a core
needs depends only on shapes:

* compartments: the neurons of the tile;
* input axons: for every connection, the source pixels that reach the tile (all channels of a pixel
  share one population axon);
* output axons: for every connection out of the layer, each pixel of the tile once per core it
  reaches, which depends on the tiles of the *target* layers;
* synapse memory: the kernel is stored once for every clipping by the tile's border and, because
  compartment bases are below 256, once for every 256 compartments it moves over.

The numbers are exactly those of ``nengo_loihi.LoihiBlock.utilization()`` after building and
splitting, for kernels without repeated values (tested against it on random networks).
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from spikeseg_core.errors import MappingError
from spikeseg_core.loihi.chip import LOIHI_1, Chip
from spikeseg_core.loihi.mapping.axis import (
    axes_of,
    channel_groups,
    cuts,
    kinds_of_parts,
    reach_counts,
)
from spikeseg_core.loihi.mapping.synapse_memory import synapse_memory
from spikeseg_core.network import Connection, Graph, Link, Network

if TYPE_CHECKING:
    import pandas as pd

Tile = tuple[int, int, int]
"""Rows, columns and channels of one core's part of a layer."""

Groups = tuple[tuple[tuple[int, int], int], ...]
"""Channels of the source and of a part that are connected, and how many such groups there are."""

RESOURCES = ("compartments", "input_axons", "output_axons", "synapse_bits")
"""Limited resources of a core: fields of :class:`LayerFit`, and of the chip that limits them."""


@dataclass(frozen=True)
class LayerFit:
    """Resources needed by the cores of one layer.

    Attributes
    ----------
    name : str
        Name of the layer.
    tile : Tile
        Rows, columns and channels per core.
    grid : tuple of int
        Number of tiles along rows, columns and channels.
    compartments, input_axons, output_axons, synapse_bits : ndarray
        Needs of each core, shape ``(cores,)``, in the order of nengo-loihi's blocks: rows slowest,
        channels fastest. Output axons are counted in slots.
    base_step : int
        Largest power of two, up to 4, that divides every compartment base of the layer.
    """

    name: str
    tile: Tile
    grid: tuple[int, int, int]
    compartments: np.ndarray
    input_axons: np.ndarray
    output_axons: np.ndarray
    synapse_bits: np.ndarray
    base_step: int

    @property
    def cores(self) -> int:
        """Number of cores."""
        return len(self.compartments)

    def problems(self, population_type: int = 16, chip: Chip = LOIHI_1) -> list[str]:
        """List the exceeded limits: resource, value and limit."""
        found = [
            f"{int(getattr(self, name).max()):,} {name.replace('_', ' ')} in a core, "
            f"the limit is {getattr(chip, name):,}"
            for name in RESOURCES
            if getattr(self, name).max() > getattr(chip, name)
        ]
        if self.base_step % chip.base_step[population_type]:
            found.append(
                f"compartment bases in steps of {self.base_step}, population type 16 needs "
                "multiples of 4 (the channels of every tile, including the last, must be "
                "multiples of 4; or use population type 32)"
            )
        return found


def grid_of(shape: tuple[int, int, int], tile: Tile) -> tuple[int, int, int]:
    """Tiles along rows, columns and channels."""
    rows, columns, channels = (-(-n // part) for n, part in zip(shape, tile, strict=True))
    return rows, columns, channels


def tile_boxes(shape: tuple[int, int, int], tile: Tile) -> Iterator[tuple[tuple[int, int], ...]]:
    """Row, column and channel range of every tile, in the order of nengo-loihi's blocks."""
    return itertools.product(*(cuts(n, part) for n, part in zip(shape, tile, strict=True)))


def input_fit(
    network: Network | Graph, name: str, tile: Tile, weight_bits: int = 8, *, chip: Chip = LOIHI_1
) -> tuple[np.ndarray, np.ndarray, int]:
    """Input axons and synapse bits of every core of a layer, which depend only on its own tile.

    Returns
    -------
    tuple of ndarray, ndarray and int
        Input axons ``(cores,)``, synapse bits ``(cores,)``, step of the compartment bases.
    """
    shape = network.shape(name)
    grid = grid_of(shape, tile)
    axons = np.zeros(grid, dtype=np.int64)
    bits = np.zeros(grid, dtype=np.int64)
    step = 4
    layer = network.layer(name)
    share = (layer.kept, layer.group)
    for connection in layer.inputs:
        row_axis, column_axis = axes_of(network, name, connection)
        # Most tiles are clipped in the same way: count each kind of rows and columns once.
        rows, row_of = kinds_of_parts(row_axis, tile[0])
        columns, column_of = kinds_of_parts(column_axis, tile[1])
        depths, depth_of = _kinds_of_depths(network, name, connection, tile[2])
        axons_of = np.zeros((len(rows), len(columns), len(depths)), dtype=np.int64)
        bits_of = np.zeros_like(axons_of)
        for (i, (_, r)), (j, (width, c)) in itertools.product(enumerate(rows), enumerate(columns)):
            if not r or not c:
                continue
            whole = row_axis.sources * column_axis.sources
            pixels = whole if grid == (1, 1, 1) else len(r) * len(c)
            for k, (depth, groups) in enumerate(depths):
                for (atoms, targets), count in groups:
                    form = (r, c, width, (atoms, targets), weight_bits)
                    need = synapse_memory(*form, share=share, depth=depth, chip=chip)
                    axons_of[i, j, k] += count * pixels
                    bits_of[i, j, k] += count * need.bits
                    step = min(step, need.base_step)
        at = np.ix_(row_of, column_of, depth_of)
        axons += axons_of[at]
        bits += bits_of[at]
    return axons.ravel(), bits.ravel(), step


@lru_cache(maxsize=10_000)
def _kinds_of_depths(
    network: Network | Graph, name: str, connection: Connection | Link, part: int
) -> tuple[list[tuple[int, Groups]], np.ndarray]:
    """Kinds of channel parts, by depth and groups, and the kind of every part."""
    groups = channel_groups(network, name, connection)
    kinds: dict[tuple[int, Groups], int] = {}
    which = []
    for a, b in cuts(network.shape(name)[2], part):
        sizes = Counter(
            (len(sources), int(np.count_nonzero((a <= targets) & (targets < b))))
            for sources, targets in groups
        )
        found = tuple(sorted((size, count) for size, count in sizes.items() if size[1]))
        which.append(kinds.setdefault((b - a, found), len(kinds)))
    return list(kinds), np.array(which)


def output_axons(
    network: Network | Graph,
    name: str,
    tiles: Mapping[str, Tile],
    population_type: int = 16,
    *,
    chip: Chip = LOIHI_1,
) -> np.ndarray:
    """Output axon slots of every core of a layer, shape ``(cores,)``."""
    tile = tiles[name]
    shape = network.shape(name)
    slots = np.zeros(grid_of(shape, tile), dtype=np.int64)
    for target, connection in network.connections():
        if connection.source != name or not target.on_chip:
            continue
        target_tile = tiles[target.name]
        parts = grid_of(network.shape(target.name), target_tile)
        rows, columns = (
            reach_counts(axis, tile[k], target_tile[k], parts != (1, 1, 1)).sum(axis=1)
            for k, axis in enumerate(axes_of(network, target.name, connection))
        )
        groups = channel_groups(network, target.name, connection)
        copies = [np.unique(targets // target_tile[2]).size for _, targets in groups]
        sent = [
            sum(
                n
                for n, (sources, _) in zip(copies, groups, strict=True)
                if ((a <= sources) & (sources < b)).any()
            )
            for a, b in cuts(shape[2], tile[2])
        ]
        slots += np.multiply.outer(np.outer(rows, columns), np.array(sent, dtype=np.int64))
    return slots.ravel() * chip.axon_slots[population_type]


def layer_fit(
    network: Network | Graph,
    name: str,
    tiles: Mapping[str, Tile],
    population_type: int = 16,
    weight_bits: int = 8,
    *,
    chip: Chip = LOIHI_1,
) -> LayerFit:
    """Count the resources of the cores of one layer, given the tiles of all layers."""
    shape, tile = network.shape(name), tiles[name]
    axons, bits, step = input_fit(network, name, tile, weight_bits, chip=chip)
    compartments = [int(np.prod([b - a for a, b in box])) for box in tile_boxes(shape, tile)]
    return LayerFit(
        name=name,
        tile=tile,
        grid=grid_of(shape, tile),
        compartments=np.array(compartments, dtype=np.int64),
        input_axons=axons,
        output_axons=output_axons(network, name, tiles, population_type, chip=chip),
        synapse_bits=bits,
        base_step=step,
    )


def fit(
    network: Network | Graph,
    tiles: Mapping[str, Tile],
    population_type: int = 16,
    weight_bits: int = 8,
    *,
    chip: Chip = LOIHI_1,
) -> list[LayerFit]:
    """Count the resources of every core of every on-chip layer, in network order.

    Raises
    ------
    MappingError
        If an on-chip layer has no tile, or a tile does not lie inside its layer.
    """
    for layer in network.chip_layers():
        if layer.name not in tiles:
            raise MappingError(f"layer {layer.name!r} has no tile; choose_tiles gives one to each")
        shape, tile = network.shape(layer.name), tiles[layer.name]
        if tile[2] % layer.group:
            raise MappingError(
                f"layer {layer.name!r}: a tile of {shape_text(tile)} cuts groups of {layer.group} "
                f"channels, of which every row of synapses reaches {layer.kept}; its channels must "
                f"be a multiple of {layer.group}"
            )
        if not all(1 <= part <= n for part, n in zip(tile, shape, strict=True)):
            raise MappingError(
                f"layer {layer.name!r}: a tile of {shape_text(tile)} does not lie inside its "
                f"{shape_text(shape)} neurons (rows x columns x channels)"
            )
    return [
        layer_fit(network, layer.name, tiles, population_type, weight_bits, chip=chip)
        for layer in network.chip_layers()
    ]


def fit_table(
    network: Network | Graph,
    tiles: Mapping[str, Tile],
    population_type: int = 16,
    weight_bits: int = 8,
    *,
    chip: Chip = LOIHI_1,
) -> pd.DataFrame:
    """Tabulate :func:`fit`: one row per layer with the needs of its fullest core.

    Returns
    -------
    DataFrame
        ``layer``, ``tile``, ``cores``, ``neurons``, ``neurons_per_core``, and for every resource
        the largest need of a core and ``..._used``, its share of the limit.
    """
    import pandas as pd

    rows = []
    for part in fit(network, tiles, population_type, weight_bits, chip=chip):
        row: dict[str, object] = {
            "layer": part.name,
            "tile": shape_text(part.tile),
            "cores": part.cores,
            "neurons": int(part.compartments.sum()),
            "neurons_per_core": float(part.compartments.mean()),
        }
        for name in RESOURCES:
            need = int(getattr(part, name).max())
            row |= {name: need, f"{name}_used": need / getattr(chip, name)}
        rows.append(row)
    return pd.DataFrame(rows)


def shape_text(shape: tuple[int, ...]) -> str:
    """Format a shape as ``16x16x4``."""
    return "x".join(str(n) for n in shape)
