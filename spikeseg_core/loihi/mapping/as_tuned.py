"""Cores as tuning assumed them: the mapping may move cuts, but not change an integer.

A core's largest weight sets the scale of its integers. So two mappings have the same integers if
their cores hold the same channels, and if every core sees all positions of its kernels
(:mod:`spikeseg_core.loihi.quantization.fixed_point`).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from spikeseg_core.loihi.chip import LOIHI_1, Chip
from spikeseg_core.loihi.mapping.axis import axes_of, cuts
from spikeseg_core.loihi.mapping.fit import Tile
from spikeseg_core.loihi.mapping.tiles import fitting_tiles
from spikeseg_core.network import Axis, Network


def sees_whole_kernels(network: Network, name: str, tile: Tile) -> bool:
    """Whether all positions of all kernels into a layer reach every core of it."""
    return all(
        _reaches_every_part(axis, part)
        for connection in network.layer(name).inputs
        for axis, part in zip(axes_of(network, name, connection), tile[:2], strict=True)
    )


@lru_cache(maxsize=100_000)
def _reaches_every_part(axis: Axis, part: int) -> bool:
    reached = [range(*axis.tap(k)[1].indices(axis.targets)) for k in range(axis.kernel)]
    return all(
        any(start <= target < stop for target in targets)
        for start, stop in cuts(axis.targets, part)
        for targets in reached
    )


def menu(
    network: Network,
    population_type: int = 16,
    weight_bits: int = 8,
    *,
    tuned: Mapping[str, Tile] | None = None,
    chip: Chip = LOIHI_1,
) -> dict[str, tuple[Tile, ...]]:
    """Tiles whose cores see whole kernels, by layer; with ``tuned``, only those of its depths.

    A layer too small for such tiles gets all of these depths that fit.
    """
    found = {}
    for layer in network.chip_layers():
        tiles = [
            tile
            for tile, _ in fitting_tiles(
                network, layer.name, population_type, weight_bits, chip=chip
            )
            if tuned is None or tile[2] == tuned[layer.name][2]
        ]
        whole = [tile for tile in tiles if sees_whole_kernels(network, layer.name, tile)]
        found[layer.name] = tuple(whole or tiles)
    return found


def same_integers(network: Network, a: Mapping[str, Tile], b: Mapping[str, Tile]) -> bool:
    """Whether a network has the same integers in the cores of both choices of tiles."""
    return all(
        a[name][2] == b[name][2]
        and sees_whole_kernels(network, name, a[name])
        and sees_whole_kernels(network, name, b[name])
        for name in (layer.name for layer in network.chip_layers())
    )
