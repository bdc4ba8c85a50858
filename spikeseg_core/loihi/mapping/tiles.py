"""The tile that each layer is cut into.

Two strategies: ``square``, the largest square tile that fits, as a user would choose; and
``fewest_cores``, the tile of any shape that needs the fewest cores and, among those, sends the
fewest messages. The optimizer (:mod:`spikeseg_core.loihi.mapping.optimize`) starts from these.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Literal

import numpy as np

from spikeseg_core.errors import MappingError
from spikeseg_core.loihi.chip import LOIHI_1, Chip
from spikeseg_core.loihi.mapping.fit import (
    LayerFit,
    Tile,
    fit,
    grid_of,
    input_fit,
    output_axons,
    shape_text,
)
from spikeseg_core.network import Graph, Network


def parts(size: int) -> tuple[int, ...]:
    """Part sizes to try: the smallest part for each number of parts, largest first."""
    return tuple(sorted({-(-size // count) for count in range(1, size + 1)}, reverse=True))


def channel_parts(
    channels: int, population_type: int, group: int = 1, chip: Chip = LOIHI_1
) -> tuple[int, ...]:
    """Channel depths to try: those that the population axons and whole groups allow."""
    step = math.lcm(chip.base_step[population_type], group)
    if channels % step:
        return parts(channels)
    return tuple(dict.fromkeys(-(-part // step) * step for part in parts(channels) if part >= 1))


@lru_cache(maxsize=4096)
def candidates(
    shape: tuple[int, int, int],
    population_type: int = 16,
    square: bool = False,
    group: int = 1,
    *,
    chip: Chip = LOIHI_1,
) -> tuple[Tile, ...]:
    """Tiles of at most a core's compartments, fewest cores first."""
    rows, columns, channels = shape
    found = {
        (r, c, k)
        for k in channel_parts(channels, population_type, group, chip=chip)
        for r in parts(rows)
        for c in ([r] if square else parts(columns))
        if r * c * k <= chip.compartments
    }
    return tuple(sorted(found, key=lambda tile: (int(np.prod(grid_of(shape, tile))), tile)))


@lru_cache(maxsize=200_000)
def _input_side(
    network: Network | Graph,
    name: str,
    tile: Tile,
    population_type: int,
    weight_bits: int,
    *,
    chip: Chip,
) -> tuple[str, int]:
    """Say why a tile does not fit (empty if it does), and count its input axons."""
    axons, bits, step = input_fit(network, name, tile, weight_bits, chip=chip)
    size = np.prod(np.minimum(tile, network.shape(name)), keepdims=True)
    need = LayerFit(
        name, tile, grid_of(network.shape(name), tile), size, axons, size * 0, bits, step
    )
    return "; ".join(need.problems(population_type, chip=chip)), int(axons.sum())


def input_problem(
    network: Network | Graph,
    name: str,
    tile: Tile,
    population_type: int = 16,
    weight_bits: int = 8,
    *,
    chip: Chip = LOIHI_1,
) -> str:
    """Say why a tile does not fit, ignoring output axons; empty if it fits."""
    return _input_side(network, name, tile, population_type, weight_bits, chip=chip)[0]


def fitting_tiles(
    network: Network | Graph,
    name: str,
    population_type: int = 16,
    weight_bits: int = 8,
    square: bool = False,
    *,
    chip: Chip = LOIHI_1,
) -> Iterator[tuple[Tile, int]]:
    """Tiles of a layer whose compartments, input axons and synapses fit, fewest cores first.

    Yields
    ------
    tuple of Tile and int
        The tile and its number of cores for the layer.
    """
    shape, group = network.shape(name), network.layer(name).group
    for tile in candidates(shape, population_type, square, group, chip=chip):
        if not input_problem(network, name, tile, population_type, weight_bits, chip=chip):
            yield tile, int(np.prod(grid_of(shape, tile)))


Strategy = Literal["square", "fewest_cores"]


def choose_tiles(
    network: Network | Graph,
    strategy: Strategy = "fewest_cores",
    population_type: int = 16,
    weight_bits: int = 8,
    *,
    chip: Chip = LOIHI_1,
) -> dict[str, Tile]:
    """Choose a tile for every on-chip layer.

    Parameters
    ----------
    strategy : {"square", "fewest_cores"}
        ``square``: tiles with as many rows as columns, the fewest cores, then the largest square.
        ``fewest_cores``: any shape, the fewest cores, then the fewest messages into the layer.

    Raises
    ------
    MappingError
        If no tile of a layer fits; the message names the layer, resource, value and limit.
    """
    chosen: dict[str, Tile] = {}
    # From the last layer back, because output axons depend on the tiles of later layers.
    for layer in network.chip_layers()[::-1]:
        best: tuple[tuple[int, int], Tile] | None = None
        for tile, cores in fitting_tiles(
            network, layer.name, population_type, weight_bits, strategy == "square", chip=chip
        ):
            if best and cores > best[0][0]:
                break
            slots = output_axons(
                network, layer.name, chosen | {layer.name: tile}, population_type, chip=chip
            )
            if slots.max() > chip.output_axons:
                continue
            messages = _input_side(
                network, layer.name, tile, population_type, weight_bits, chip=chip
            )[1]
            score = (cores, -tile[0] if strategy == "square" else messages)
            if best is None or score < best[0]:
                best = (score, tile)
        if best is None:
            shape = network.shape(layer.name)
            smallest = candidates(shape, population_type, group=layer.group, chip=chip)[-1]
            problem = input_problem(
                network, layer.name, smallest, population_type, weight_bits, chip=chip
            )
            raise MappingError(
                f"layer {layer.name!r}: no tile fits a core; even {shape_text(smallest)} needs "
                f"{problem or 'too many output axons'}. Use fewer channels in its sources, a "
                "smaller kernel or fewer weight bits"
            )
        chosen[layer.name] = best[1]
    return {layer.name: chosen[layer.name] for layer in network.chip_layers()}


def fewest_cores(
    network: Network | Graph,
    population_type: int = 16,
    weight_bits: int = 8,
    *,
    chip: Chip = LOIHI_1,
) -> int:
    """Count the cores of the tiles that need the fewest.

    Raises
    ------
    MappingError
        If no tile of a layer fits; the message names the layer, resource, value and limit.
    """
    tiles = choose_tiles(network, "fewest_cores", population_type, weight_bits, chip=chip)
    return sum(int(np.prod(grid_of(network.shape(n), tile))) for n, tile in tiles.items())


def check_fit(
    network: Network | Graph,
    tiles: Mapping[str, Tile],
    population_type: int = 16,
    weight_bits: int = 8,
    *,
    chip: Chip = LOIHI_1,
) -> list[LayerFit]:
    """Return :func:`spikeseg_core.loihi.mapping.fit.fit`, or say what does not fit and what would.

    Raises
    ------
    MappingError
        The message names the layer, resource, value, limit, and the largest tile that fits.
    """
    found = fit(network, tiles, population_type, weight_bits, chip=chip)
    for part in found:
        problems = part.problems(population_type, chip=chip)
        if not problems:
            continue
        fits = next(
            fitting_tiles(network, part.name, population_type, weight_bits, chip=chip), None
        )
        way_out = (
            f"the largest tile that fits is {shape_text(fits[0])} ({fits[1]} cores)"
            if fits
            else "no tile of this layer fits; use fewer channels in its sources"
        )
        if part.output_axons.max() > chip.output_axons:
            way_out = "choose smaller tiles here, or larger ones in the layers it feeds"
        raise MappingError(
            f"layer {part.name!r}, tile {shape_text(part.tile)}: {'; '.join(problems)}; {way_out}"
        )
    return found
