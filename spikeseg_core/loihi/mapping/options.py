"""Candidate tiles of a layer, and the choice between them as if chips were slabs of the image.

The cost of a tile after partitioning depends on the tiles of all layers. With slabs (cuts of the
image by rows or by columns) it is known for one layer at a time, so that the cheapest choice of
tiles within the board's cores can be found by dynamic programming.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from spikeseg_core.loihi.mapping.axis import axis_of, cuts
from spikeseg_core.loihi.mapping.fit import Tile, grid_of
from spikeseg_core.loihi.mapping.problem import INTERCHIP_WEIGHT, Problem
from spikeseg_core.pareto import front


@dataclass(frozen=True)
class Option:
    """One tile of one layer, with its costs.

    Attributes
    ----------
    messages : float
        Messages into the layer from all sources.
    across : tuple of float
        Messages into the layer, and out of tiles across the cut, that cross between chips if the
        chips cut the image by rows, and by columns.
    """

    tile: Tile
    cores: int
    messages: float
    across: tuple[float, float]


def options(problem: Problem, name: str, most_cores: int | None = None) -> list[Option]:
    """Tiles of a layer that fit a core and are not dominated, fewest cores first."""
    network, chips = problem.network, problem.board.chips
    shape = network.shape(name)
    readers = sum(c.source == name and target.on_chip for target, c in network.connections())
    own = readers * problem.activity(name)
    found = []
    for tile in problem.tiles_of(name):
        depth = grid_of(shape, tile)[2]
        cores = int(np.prod(grid_of(shape, tile)))
        if most_cores is not None and cores > most_cores:
            break
        messages = 0.0
        # Spikes of this layer start on another chip where a tile lies across the cut.
        across = [
            float(own.sum(axis=1 - k)[_misplaced(shape[k], tile[k], chips)].sum()) for k in (0, 1)
        ]
        for connection in network.layer(name).inputs:
            sent = depth * problem.activity(connection.source)
            first, last = axis_of(network, name, connection).reach()
            rows, columns = (
                np.array([(np.maximum(first, a) < np.minimum(last, b)) for a, b in cuts(n, part)])
                for n, part in zip(shape[:2], tile[:2], strict=True)
            )
            messages += float(rows.sum(0) @ sent @ columns.sum(0))
            if network.layer(connection.source).on_chip:
                across[0] += _across(rows, sent @ columns.sum(0), chips)
                across[1] += _across(columns, rows.sum(0) @ sent, chips)
        found.append(Option(tile, cores, messages, (across[0], across[1])))
    # Of equal options, the first tile.
    found.sort(key=lambda o: (o.cores, o.messages + sum(o.across), o.tile))
    costs = np.array([(o.cores, o.messages, *o.across) for o in found]).reshape(-1, 4)
    best = front(costs)
    _, first_of_equals = np.unique(costs, axis=0, return_index=True)
    return [found[i] for i in np.sort(first_of_equals) if best[i]]


def _slab(size: int, chips: int) -> np.ndarray:
    """Chip of every position if the chips cut an axis into slabs of equal width."""
    return ((np.arange(size) + 0.5) * chips // size).astype(int)


def _misplaced(size: int, part: int, chips: int) -> np.ndarray:
    """Positions whose part, as a whole, is on another chip than their slab."""
    count = len(cuts(size, part))
    return _slab(count, chips)[np.arange(size) // part] != _slab(size, chips)


def _across(reach: np.ndarray, sent: np.ndarray, chips: int) -> float:
    """Messages that cross between slabs.

    ``reach`` is which parts each source position reaches, ``(parts, positions)``; ``sent`` is what
    a position sends to each part reached.
    """
    parts, positions = reach.shape
    crosses = _slab(parts, chips)[:, None] != _slab(positions, chips)[None, :]
    return float((reach * crosses).sum(axis=0) @ sent)


def slab_choice(
    choices: Mapping[str, list[Option]], cores: int, axis: int
) -> tuple[float, dict[str, Tile]]:
    """Cheapest tile of every layer within a number of cores, by dynamic programming.

    Returns the cost and the tiles. The cost is that of :func:`mapping_cost` if the chips cut the
    image by rows (0) or columns (1).
    """
    names = list(choices)
    best = np.full((len(names) + 1, cores + 1), np.inf)
    best[0, :] = 0.0
    taken = np.zeros((len(names) + 1, cores + 1), dtype=int)
    for i, name in enumerate(names, start=1):
        for index, option in enumerate(choices[name]):
            if option.cores > cores:
                continue
            cost = INTERCHIP_WEIGHT * option.across[axis] + option.messages
            total = np.full(cores + 1, np.inf)
            total[option.cores :] = best[i - 1, : cores + 1 - option.cores] + cost
            better = total < best[i]
            best[i, better], taken[i, better] = total[better], index
    tiles, room = {}, cores
    for i in range(len(names), 0, -1):
        option = choices[names[i - 1]][taken[i, room]]
        tiles[names[i - 1]] = option.tile
        room -= option.cores
    return float(best[-1, cores]), {name: tiles[name] for name in names}
