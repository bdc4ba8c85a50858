"""Tiles and chips, chosen together.

How a layer is cut matters more than where its cores are placed: a tile that spans all channels
receives every spike once instead of once per channel part, and tiles that are long along the border
between two chips send fewer spikes to two cores. So tiles are chosen by their cost after
partitioning; see :mod:`spikeseg_core.loihi.mapping.problem`.

The search: for each layer keep the tiles that fit and that no other tile dominates in cores,
messages and messages across a cut; choose one per layer by dynamic programming over the board's
cores, as if the chips cut the image into slabs; then exchange the tile of one layer at a time while
METIS finds improvements. The search is limited by work, not by time, so that a slow machine finds
the same mapping. Places on the mesh are found last, by
:func:`spikeseg_core.loihi.mapping.mesh.place_on_mesh`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from spikeseg_core.loihi.mapping.fit import Tile
from spikeseg_core.loihi.mapping.options import Option, options, slab_choice
from spikeseg_core.loihi.mapping.partition import check_board, partition
from spikeseg_core.loihi.mapping.problem import INTERCHIP_WEIGHT, Problem, Solution, mapping_cost
from spikeseg_core.loihi.mapping.tiles import choose_tiles
from spikeseg_core.loihi.mapping.traffic import Traffic
from spikeseg_core.reporting import SILENT, Reporter

WORK = 300_000
"""Work limit of a search: cores partitioned by METIS, summed over its runs."""

TRIES = 2
"""Runs of METIS per choice of tiles."""

FINAL_WORK = 6_000
"""Work for the final tiles, in 4 to 24 runs of METIS; the partition stage does more."""

PROMISING = 24
"""Tiles per layer that an exchange tries, the most promising first."""

RANKED = 96
"""Number of cheapest slab choices evaluated with METIS, within a quarter of the work."""

STARTS = 6
"""Number of the best of these from which the exchange of tiles starts."""

ROUNDS = 10
"""Default number of restarts."""


def optimize(
    problem: Problem,
    *,
    seed: int = 0,
    work: int = WORK,
    rounds: int = ROUNDS,
    report: Reporter = SILENT,
) -> Solution:
    """Choose tiles and chips together.

    Parameters
    ----------
    work : int
        Work limit: cores partitioned by METIS, summed over its runs. At the limit the best mapping
        so far is returned.
    rounds : int
        Restarts from the best mapping, with three layers changed.

    Raises
    ------
    MappingError
        If a layer does not fit a core or the network does not fit the board; the message says why.
    """
    return _Search(problem, seed, work, report).run(rounds)


class _Search:
    """The state of a search."""

    def __init__(self, problem: Problem, seed: int, work: int, report: Reporter) -> None:
        self.problem, self.seed, self.report = problem, seed, report
        self.work, self.done = work, 0
        self.rng = np.random.default_rng(seed)
        self.seen: dict[tuple[Tile, ...], float] = {}
        self.fewest = self.fewest_cores()
        self.choices = self.all_options()

    def fewest_cores(self) -> dict[str, Tile]:
        """Return the initial tiles."""
        problem = self.problem
        if problem.menu is None:
            form, chip = (problem.population_type, problem.weight_bits), problem.board.chip
            return choose_tiles(problem.network, "fewest_cores", *form, chip=chip)
        names = [layer.name for layer in problem.network.chip_layers()]
        return {name: next(problem.tiles_of(name)) for name in names}

    def all_options(self) -> dict[str, list[Option]]:
        """Options of every layer, with at most the cores that the other layers leave."""
        start = self.problem.traffic(self.fewest)
        check_board(start, self.problem.board)
        spare = self.problem.board.cores - start.cores
        used = dict(zip(*np.unique(start.layers, return_counts=True), strict=True))
        return {name: options(self.problem, name, int(used[name]) + spare) for name in self.fewest}

    @property
    def exhausted(self) -> bool:
        return self.done >= self.work

    def run(self, rounds: int) -> Solution:
        best = self.fewest
        for tiles in [*self.starts(), *[None] * rounds]:
            if self.exhausted:
                break
            best = min(best, self.exchange(tiles or self.shaken(best)), key=self.cost)
        messages = self.problem.traffic(best)
        tries = int(np.clip(FINAL_WORK // messages.cores, 4, 24))
        return Solution(best, messages, self.chips(messages, tries))

    def starts(self) -> list[dict[str, Tile]]:
        """Find initial slab choices: all layers free, or the tile of one layer fixed."""
        cores, choices = self.problem.board.cores, self.choices
        free = [slab_choice(choices, cores, axis) for axis in (0, 1)]
        forced = [
            slab_choice({**choices, name: [option]}, cores, axis)
            for name in choices
            for option in self.promising(name)
            for axis in (0, 1)
        ]
        ranked = sorted(free + forced, key=lambda choice: choice[0])[:RANKED]
        distinct = {tuple(tiles.values()): tiles for _, tiles in ranked}
        found: list[tuple[float, int, dict[str, Tile]]] = []
        for tiles in distinct.values():
            if self.done >= self.work / 4:
                break
            found.append((self.cost(tiles), len(found), tiles))
        return [tiles for _, _, tiles in sorted(found)[:STARTS]]

    def shaken(self, tiles: dict[str, Tile]) -> dict[str, Tile]:
        """Give three layers another promising tile each, regardless of cost."""
        changed = {}
        for name in self.rng.permutation(list(tiles))[:3].tolist():
            promising = self.promising(name)
            changed[name] = promising[self.rng.integers(len(promising))].tile
        return tiles | changed

    def exchange(self, tiles: dict[str, Tile]) -> dict[str, Tile]:
        """Change one tile at a time while it helps and work is left."""
        cost = self.cost(tiles)
        names = list(tiles)
        since = 0  # layers tried since the last exchange that helped
        while since < len(names):
            for name in self.rng.permutation(names).tolist():
                since += 1
                for option in self.promising(name):
                    if self.exhausted:
                        return tiles
                    trial = tiles | {name: option.tile}
                    if (found := self.cost(trial, below=cost)) < cost:
                        tiles, cost, since = trial, found, 0
                        self.report.progress(self.done, self.work, f"mapping cost {cost:,.1f}")
        return tiles

    def promising(self, name: str) -> list[Option]:
        def merit(option: Option) -> float:
            return INTERCHIP_WEIGHT * min(option.across) + option.messages

        return sorted(self.choices[name], key=merit)[:PROMISING]

    def cost(self, tiles: Mapping[str, Tile], below: float = np.inf) -> float:
        """Cost after partitioning, or a lower bound not ``below``; infinite if it does not fit."""
        key = tuple(tiles.values())
        if key not in self.seen:
            cores = self.problem.cores(tiles)
            if cores > self.problem.board.cores or not self.problem.output_axons_fit(tiles):
                return self.seen.setdefault(key, np.inf)
            self.done += cores * TRIES
            messages = self.problem.traffic(tiles)
            if messages.total >= below:  # even if none of them crossed
                return messages.total
            self.seen[key] = mapping_cost(messages, self.chips(messages, TRIES))
        return self.seen[key]

    def chips(self, messages: Traffic, tries: int) -> np.ndarray:
        return partition("optimized", messages, self.problem.board, self.seed, tries=tries).chips
