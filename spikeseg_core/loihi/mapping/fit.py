"""Whether tiles fit their cores, told before anything is built.

A layer of ``(rows, columns, channels)`` neurons is cut into tiles, one core each. What a core
needs follows from the shapes alone:

* compartments: the neurons of the tile;
* input axons: for every connection, the source pixels that reach the tile (all channels of a pixel
  share one population axon);
* output axons: for every connection out of the layer, each pixel of the tile once per core that it
  reaches, so the tiles of the *target* layers count;
* synapse memory: the kernel is stored once for every way it is clipped by the tile's border and,
  because a compartment base is below 256, once for every 256 compartments it moves over.

The numbers are exactly those of ``nengo_loihi.LoihiBlock.utilization()`` after building and
splitting, for kernels without repeated values (tested against it on random networks).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd

from spikeseg_core.errors import MappingError
from spikeseg_core.loihi import chip as limits
from spikeseg_core.network import Connection, Network

Tile = tuple[int, int, int]
"""Rows, columns and channels of one core's part of a layer."""

RESOURCES = {
    "compartments": limits.COMPARTMENTS,
    "input_axons": limits.INPUT_AXONS,
    "output_axons": limits.OUTPUT_AXONS,
    "synapse_bits": limits.SYNAPSE_BITS,
}
"""The limits of a core, by the name of the field of :class:`LayerFit` that is held against them."""


# -- one axis of a connection -------------------------------------------------------------------


@dataclass(frozen=True)
class Axis:
    """Which targets each source position reaches, along rows or columns ('same' padding).

    Attributes
    ----------
    sources, targets : int
        Positions along the axis, before and after.
    kind : {"conv", "conv_transpose"}
        As in :class:`spikeseg_core.network.Connection`.
    kernel, stride : int
        Width of the kernel and stride, in positions.
    """

    sources: int
    targets: int
    kind: str
    kernel: int
    stride: int

    @property
    def pad(self) -> int:
        """Kernel positions that hang over at the start."""
        if self.kind == "conv_transpose":
            return max(self.kernel - self.stride, 0) // 2
        return max((self.targets - 1) * self.stride + self.kernel - self.sources, 0) // 2

    def reach(self) -> tuple[np.ndarray, np.ndarray]:
        """First target and one past the last target of each source, shape ``(sources,)`` each."""
        i = np.arange(self.sources)
        if self.kind == "conv_transpose":
            first = i * self.stride - self.pad
            last = first + self.kernel - 1
        else:
            first = -((self.kernel - 1 - self.pad - i) // self.stride)
            last = (i + self.pad) // self.stride
        return np.maximum(first, 0), np.minimum(last, self.targets - 1) + 1

    def kernel_position(self, source: np.ndarray, target: np.ndarray) -> np.ndarray:
        """Position in the kernel that joins a source to a target."""
        if self.kind == "conv_transpose":
            return target - source * self.stride + self.pad
        return source + self.pad - target * self.stride


def axis_of(network: Network, target: str, connection: Connection) -> Axis:
    """Axis of a connection; rows and columns are alike."""
    return Axis(
        network.sizes[connection.source],
        network.sizes[target],
        connection.kind,
        connection.kernel,
        connection.stride,
    )


def cuts(size: int, part: int) -> list[tuple[int, int]]:
    """Cut ``size`` positions into parts of ``part``, the last one smaller if need be."""
    return [(start, min(start + part, size)) for start in range(0, size, part)]


@lru_cache(maxsize=100_000)
def _clipped(axis: Axis, start: int, stop: int) -> tuple[tuple[int, int, int], ...]:
    """For each source that reaches targets ``start..stop``: kernel position, local start, count."""
    first, last = axis.reach()
    first, last = np.maximum(first, start), np.minimum(last, stop)
    used = np.flatnonzero(first < last)
    positions = axis.kernel_position(used, first[used])
    counts = (last - first)[used]
    table = np.stack([positions, first[used] - start, counts], axis=1)
    return tuple((int(a), int(b), int(c)) for a, b, c in table)


@lru_cache(maxsize=100_000)
def reach_counts(axis: Axis, source_part: int, target_part: int, split: bool) -> np.ndarray:
    """Count the sources of each part that reach each part of the targets.

    ``split`` says whether the target layer is cut at all (along any axis): an uncut layer keeps the
    axons of sources that reach nothing, as they are dropped only in splitting.

    Returns
    -------
    ndarray
        Shape ``(source parts, target parts)``, source positions.
    """
    first, last = axis.reach()
    counts = []
    for a, b in cuts(axis.targets, target_part):
        hits = (np.maximum(first, a) < np.minimum(last, b)) | (not split)
        total = np.concatenate([[0], np.cumsum(hits)])
        counts.append([total[e] - total[s] for s, e in cuts(axis.sources, source_part)])
    return np.array(counts, dtype=np.int64).T


# -- synapse memory -----------------------------------------------------------------------------


def entry_bits(synapses: np.ndarray, weight_bits: int, index_bits: int) -> np.ndarray:
    """Memory bits of synapse lists of these lengths, in whole words."""
    bits = weight_bits + index_bits

    def words(n: np.ndarray) -> np.ndarray:
        return -(-(n * bits + limits.ENTRY_HEADER_BITS) // limits.WORD_BITS)

    full, rest = np.divmod(synapses, limits.SYNAPSES_PER_ENTRY)
    total = full * words(np.asarray(limits.SYNAPSES_PER_ENTRY)) + np.where(rest, words(rest), 0)
    return total * limits.WORD_BITS


@dataclass(frozen=True)
class _Synapses:
    """What one connection needs in one core."""

    bits: int
    base_step: int  # greatest power of two, up to 4, that divides every compartment base


@lru_cache(maxsize=200_000)
def _synapses(
    rows: tuple[tuple[int, int, int], ...],
    columns: tuple[tuple[int, int, int], ...],
    width: int,
    channels: tuple[int, int],
    weight_bits: int,
) -> _Synapses:
    """Synapse memory of a connection in a core of ``width`` columns.

    ``rows`` and ``columns`` are what :func:`_clipped` gives for the tile's rows and columns;
    ``channels`` are those of the source and of the tile.
    """
    in_channels, out_channels = channels
    r = np.array(rows, dtype=np.int64).reshape(-1, 3)
    c = np.array(columns, dtype=np.int64).reshape(-1, 3)
    first = (r[:, None, 1] * width + c[None, :, 1]) * out_channels
    beyond = (r[:, None, 1] + r[:, None, 2] - 1) * width + c[None, :, 1] + c[None, :, 2]
    last = beyond * out_channels - 1
    base = first % limits.BASE_RANGE
    largest = int((last - base).max())
    needed = int(np.ceil(np.log2(largest + 1)))
    index_bits = next((bits for bits in limits.INDEX_BITS if bits >= needed), limits.INDEX_BITS[-1])
    # A kernel is stored once for each clipping and each multiple of 256 in its indices.
    kinds = np.zeros(first.shape, dtype=np.int64)
    for part in (r[:, None, 0], r[:, None, 2], c[None, :, 0], c[None, :, 2]):
        kinds = kinds * 64 + part
    kinds = kinds * limits.COMPARTMENTS + (first - base) // limits.BASE_RANGE
    _, where = np.unique(kinds, return_index=True)
    synapses = (r[:, None, 2] * c[None, :, 2]).ravel()[where] * out_channels * in_channels
    bits = int(entry_bits(synapses, weight_bits, index_bits).sum())
    step = 1 if (base % 2).any() else 2 if (base % 4).any() else 4
    return _Synapses(bits, step)


# -- a whole assignment of tiles ----------------------------------------------------------------


@dataclass(frozen=True)
class LayerFit:
    """What the cores of one layer need.

    Attributes
    ----------
    name : str
        Name of the layer.
    tile : Tile
        Rows, columns and channels of a core.
    grid : tuple of int
        Number of tiles along rows, columns and channels.
    compartments, input_axons, output_axons, synapse_bits : ndarray
        Need of each core, shape ``(cores,)``, in the order of nengo-loihi's blocks: rows slowest,
        channels fastest. Output axons are counted in slots.
    base_step : int
        Greatest power of two, up to 4, that divides every compartment base of the layer.
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
        """Cores that the layer takes."""
        return len(self.compartments)

    def problems(self, population_type: int = 16) -> list[str]:
        """Say which limits are broken: resource, value and limit."""
        found = [
            f"{int(getattr(self, name).max()):,} {name.replace('_', ' ')} in a core, "
            f"the limit is {limit:,}"
            for name, limit in RESOURCES.items()
            if getattr(self, name).max() > limit
        ]
        if self.base_step % limits.BASE_STEP[population_type]:
            found.append(
                f"compartment bases in steps of {self.base_step}, population type 16 needs "
                "multiples of 4 (channels of a tile, and what is left in the last one, must be "
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
    network: Network, name: str, tile: Tile, weight_bits: int = 8
) -> tuple[np.ndarray, np.ndarray, int]:
    """Input axons and synapse bits of every core of a layer; they depend on its own tile only.

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
    depths, depth_of = np.unique([b - a for a, b in cuts(shape[2], tile[2])], return_inverse=True)
    for connection in network.layer(name).inputs:
        axis = axis_of(network, name, connection)
        in_channels = network.shape(connection.source)[2]
        # Most tiles are clipped alike: count each kind of rows and of columns once.
        rows, row_of = _kinds(axis, tile[0])
        columns, column_of = _kinds(axis, tile[1])
        axons_of = np.zeros((len(rows), len(columns)), dtype=np.int64)
        bits_of = np.zeros((len(rows), len(columns), len(depths)), dtype=np.int64)
        for (i, (_, r)), (j, (width, c)) in itertools.product(enumerate(rows), enumerate(columns)):
            if not r or not c:
                continue
            axons_of[i, j] = axis.sources**2 if grid == (1, 1, 1) else len(r) * len(c)
            for k, depth in enumerate(depths.tolist()):
                need = _synapses(r, c, width, (in_channels, depth), weight_bits)
                bits_of[i, j, k] = need.bits
                step = min(step, need.base_step)
        axons += axons_of[np.ix_(row_of, column_of)][:, :, None]
        bits += bits_of[np.ix_(row_of, column_of, depth_of)]
    return axons.ravel(), bits.ravel(), step


def _kinds(
    axis: Axis, part: int
) -> tuple[list[tuple[int, tuple[tuple[int, int, int], ...]]], np.ndarray]:
    """Kinds of parts along an axis, by width and clipping, and the kind of every part."""
    parts = [(b - a, _clipped(axis, a, b)) for a, b in cuts(axis.targets, part)]
    kinds = list(dict.fromkeys(parts))
    index = {kind: i for i, kind in enumerate(kinds)}
    return kinds, np.array([index[p] for p in parts])


def output_axons(
    network: Network, name: str, tiles: Mapping[str, Tile], population_type: int = 16
) -> np.ndarray:
    """Output axon slots of every core of a layer, shape ``(cores,)``."""
    tile = tiles[name]
    grid = grid_of(network.shape(name), tile)
    slots = np.zeros(grid[:2], dtype=np.int64)
    for target, connection in network.connections():
        if connection.source != name or not target.on_chip:
            continue
        axis = axis_of(network, target.name, connection)
        target_tile = tiles[target.name]
        parts = grid_of(network.shape(target.name), target_tile)
        rows, columns = (
            reach_counts(axis, tile[k], target_tile[k], parts != (1, 1, 1)).sum(axis=1)
            for k in (0, 1)
        )
        slots += np.outer(rows, columns) * parts[2]
    slots *= limits.AXON_SLOTS[population_type]
    return np.repeat(slots.ravel(), grid[2])


def layer_fit(
    network: Network,
    name: str,
    tiles: Mapping[str, Tile],
    population_type: int = 16,
    weight_bits: int = 8,
) -> LayerFit:
    """Count what the cores of one layer need, under a whole assignment of tiles."""
    shape, tile = network.shape(name), tiles[name]
    axons, bits, step = input_fit(network, name, tile, weight_bits)
    compartments = [int(np.prod([b - a for a, b in box])) for box in tile_boxes(shape, tile)]
    return LayerFit(
        name=name,
        tile=tile,
        grid=grid_of(shape, tile),
        compartments=np.array(compartments, dtype=np.int64),
        input_axons=axons,
        output_axons=output_axons(network, name, tiles, population_type),
        synapse_bits=bits,
        base_step=step,
    )


def fit(
    network: Network, tiles: Mapping[str, Tile], population_type: int = 16, weight_bits: int = 8
) -> list[LayerFit]:
    """Count what every core of every on-chip layer needs, in the order of the network's layers.

    Parameters
    ----------
    network : Network
        The architecture.
    tiles : mapping of str to Tile
        Tile of every on-chip layer.
    population_type : {16, 32}
        Type of the population axons.
    weight_bits : int
        Bits a weight is stored with.

    Raises
    ------
    MappingError
        If an on-chip layer has no tile, or a tile does not lie inside its layer.
    """
    for layer in network.chip_layers():
        if layer.name not in tiles:
            raise MappingError(f"layer {layer.name!r} has no tile; choose_tiles gives all of them")
        shape, tile = network.shape(layer.name), tiles[layer.name]
        if not all(1 <= part <= n for part, n in zip(tile, shape, strict=True)):
            raise MappingError(
                f"layer {layer.name!r}: a tile of {shape_text(tile)} does not lie inside its "
                f"{shape_text(shape)} neurons (rows x columns x channels)"
            )
    return [
        layer_fit(network, layer.name, tiles, population_type, weight_bits)
        for layer in network.chip_layers()
    ]


def fit_table(
    network: Network, tiles: Mapping[str, Tile], population_type: int = 16, weight_bits: int = 8
) -> pd.DataFrame:
    """Table of :func:`fit`: a row per layer, the fullest core's need of every resource.

    Returns
    -------
    DataFrame
        ``layer``, ``tile``, ``cores``, ``neurons``, ``neurons_per_core``, and for every resource
        its largest need in a core and ``..._used``, that need as a share of the limit.
    """
    rows = []
    for part in fit(network, tiles, population_type, weight_bits):
        row: dict[str, object] = {
            "layer": part.name,
            "tile": shape_text(part.tile),
            "cores": part.cores,
            "neurons": int(part.compartments.sum()),
            "neurons_per_core": float(part.compartments.mean()),
        }
        for name, limit in RESOURCES.items():
            need = int(getattr(part, name).max())
            row |= {name: need, f"{name}_used": need / limit}
        rows.append(row)
    return pd.DataFrame(rows)


def shape_text(shape: tuple[int, ...]) -> str:
    """Write a shape as people do: ``16x16x4``."""
    return "x".join(str(n) for n in shape)
