"""Tiles, chips and places on the mesh, chosen together.

How a layer is cut decides more than who sits where: a tile that spans all channels gets every
spike once instead of once per channel part, and tiles that are long along the border between two
chips make fewer of its spikes go to two cores. So tiles are chosen by what they cost after
partitioning. The cost of a mapping is

    INTERCHIP_WEIGHT x messages between chips + messages in all

in messages per time step at the measured rates (or, without rates, with every axon counted once).

The search: for each layer keep the tiles that fit and that no other beats in cores, messages and
messages across a cut; choose one for each layer by dynamic programming over the cores of the board,
as if the chips cut the image into slabs; then exchange the tile of one layer at a time for as long
as METIS finds the result better. Places on the mesh are found last, by SciPy's quadratic
assignment.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from spikeseg_core.loihi import chip as limits
from spikeseg_core.loihi.chip import Board
from spikeseg_core.loihi.mapping.fit import Tile, axis_of, cuts, grid_of, output_axons
from spikeseg_core.loihi.mapping.partition import check_board, partition
from spikeseg_core.loihi.mapping.tiles import choose_tiles, fitting_tiles
from spikeseg_core.loihi.mapping.traffic import Rates, Traffic, traffic
from spikeseg_core.network import DT, Network
from spikeseg_core.reporting import SILENT, Reporter

INTERCHIP_WEIGHT = 200.0
"""Messages on a chip that one message between chips is worth."""


TRIES = 24
"""Tiles of a layer that an exchange tries, the most promising first."""


RANKED = 96
"""Slab choices, the cheapest ones, that METIS is asked about."""

STARTS = 6
"""Of these, the best ones that the exchange of tiles starts from."""

FINAL_WORK = 12_000
"""Cores that METIS partitions in all, over its last runs: more tries for smaller networks."""

ROUNDS = 10
"""Times the search starts again, by default."""


@dataclass(frozen=True, eq=False)
class Problem:
    """What is to be mapped, and onto what.

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
        Bits a weight is stored with.
    menu : mapping of str to tuple of Tile, optional
        Tiles that may be chosen, by layer; by default all that fit.
    """

    network: Network
    board: Board = field(default_factory=Board)
    rates: Rates | None = None
    population_type: int = 16
    weight_bits: int = 8
    menu: Mapping[str, tuple[Tile, ...]] | None = None

    def tiles_of(self, name: str) -> Iterator[Tile]:
        """Tiles of a layer that fit a core (output axons apart) and are on the menu."""
        for tile, _ in fitting_tiles(self.network, name, self.population_type, self.weight_bits):
            if self.menu is None or tile in self.menu[name]:
                yield tile

    def activity(self, name: str) -> np.ndarray:
        """Messages per step from each pixel to a core it reaches, ``(rows, columns)``."""
        if self.rates is None:
            return np.ones(self.network.shape(name)[:2])
        return np.asarray(self.rates[name].sum(axis=2) * DT)

    def traffic(self, tiles: Mapping[str, Tile]) -> Traffic:
        """Count the messages between cores under these tiles."""
        return traffic(self.network, tiles, self.rates)


@dataclass(frozen=True)
class OptimizedMapping:
    """The best mapping found.

    Attributes
    ----------
    tiles : mapping of str to Tile
        Tile of every on-chip layer.
    messages : Traffic
        Traffic between the cores.
    chips : ndarray of int
        Chip of every core, shape ``(cores,)``.
    cost : float
        As the module defines it.
    seconds : float
        Time the search took.
    finished : bool
        False if the time budget ended the search.
    """

    tiles: Mapping[str, Tile]
    messages: Traffic
    chips: np.ndarray
    cost: float
    seconds: float
    finished: bool

    @property
    def interchip(self) -> float:
        """Messages between chips."""
        return self.messages.interchip(self.chips)


def mapping_cost(messages: Traffic, chips: np.ndarray) -> float:
    """Cost of a mapping, see the module."""
    return INTERCHIP_WEIGHT * messages.interchip(chips) + messages.total


@dataclass(frozen=True)
class Option:
    """One tile of one layer, with what the choice between tiles needs.

    Attributes
    ----------
    tile : Tile
    cores : int
    messages : float
        Into the layer, from everywhere.
    across : tuple of float
        Messages into the layer, and out of tiles that lie across the cut, that go from one chip to
        another if the chips cut the image by rows, and by columns.
    """

    tile: Tile
    cores: int
    messages: float
    across: tuple[float, float]


def options(problem: Problem, name: str, most_cores: int | None = None) -> list[Option]:
    """Tiles of a layer that fit a core and that no other tile beats, fewest cores first."""
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
        # Spikes of this layer start on a wrong chip where a tile lies across the cut.
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
    return _not_beaten(found)


def _slab(size: int, chips: int) -> np.ndarray:
    """Chip of every position if the chips cut an axis into slabs of equal width."""
    return ((np.arange(size) + 0.5) * chips // size).astype(int)


def _misplaced(size: int, part: int, chips: int) -> np.ndarray:
    """Positions whose part is on another chip than they would be: a part goes as a whole."""
    count = len(cuts(size, part))
    return _slab(count, chips)[np.arange(size) // part] != _slab(size, chips)


def _across(reach: np.ndarray, sent: np.ndarray, chips: int) -> float:
    """Messages that cross between slabs.

    ``reach`` says which parts each source position reaches, ``(parts, positions)``; ``sent`` is
    what a position sends to each part that it reaches.
    """
    parts, positions = reach.shape
    crosses = _slab(parts, chips)[:, None] != _slab(positions, chips)[None, :]
    return float((reach * crosses).sum(axis=0) @ sent)


def _not_beaten(found: list[Option]) -> list[Option]:
    """Drop options that another one equals or beats in everything."""
    kept: list[Option] = []
    for option in sorted(found, key=lambda o: (o.cores, o.messages + sum(o.across), o.tile)):
        if not any(
            k.messages <= option.messages
            and k.across[0] <= option.across[0]
            and k.across[1] <= option.across[1]
            for k in kept
        ):
            kept.append(option)
    return kept


def _slab_choice(
    choices: Mapping[str, list[Option]], cores: int, axis: int
) -> tuple[float, dict[str, Tile]]:
    """Cheapest tile of every layer within so many cores, by dynamic programming.

    The cost, which comes first, is that of :func:`mapping_cost` if the chips cut the image by rows
    (0) or columns (1).
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


def optimize(
    problem: Problem,
    *,
    seed: int = 0,
    seconds: float = 50.0,
    rounds: int = ROUNDS,
    report: Reporter = SILENT,
) -> OptimizedMapping:
    """Choose tiles and chips together.

    Parameters
    ----------
    problem : Problem
        Network, board and rates.
    seed : int
        Seed of METIS and of the order of exchanges. The result depends on the seed alone as long
        as the time budget does not end the search.
    seconds : float
        Time budget; the best mapping so far is given when it ends.
    rounds : int
        Times the search starts again from its best mapping with three layers changed.
    report : Reporter
        Told of every exchange that helps.

    Raises
    ------
    MappingError
        If a layer fits no core, or the network not the board: the message says which and why.
    """
    return _Search(problem, seed, seconds, report).run(rounds)


def output_axons_fit(problem: Problem, tiles: Mapping[str, Tile]) -> bool:
    """Whether no core needs more output axons than it has."""
    return all(
        output_axons(problem.network, name, tiles, problem.population_type).max()
        <= limits.OUTPUT_AXONS
        for name in tiles
    )


class _Search:
    """The exchange of tiles, with what it has seen."""

    def __init__(self, problem: Problem, seed: int, seconds: float, report: Reporter) -> None:
        self.problem, self.seed, self.report = problem, seed, report
        self.begin, self.seconds = time.monotonic(), seconds
        self.seen: dict[tuple[Tile, ...], float] = {}

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self.begin

    def run(self, rounds: int) -> OptimizedMapping:
        problem = self.problem
        if problem.menu is None:
            fewest = choose_tiles(
                problem.network, "fewest_cores", problem.population_type, problem.weight_bits
            )
        else:
            names = [layer.name for layer in problem.network.chip_layers()]
            fewest = {name: next(problem.tiles_of(name)) for name in names}
        start = problem.traffic(fewest)
        check_board(start, problem.board)
        spare = problem.board.cores - start.cores
        used = dict(zip(*np.unique(start.layers, return_counts=True), strict=True))
        choices = {name: options(problem, name, int(used[name]) + spare) for name in fewest}
        best, finished = fewest, True
        rng = np.random.default_rng(self.seed)
        for tiles in [*self.starts(choices), *[None] * rounds]:
            trial, finished = self.exchange(tiles or self.shaken(best, choices, rng), choices, rng)
            best = min(best, trial, key=self.cost)
            if not finished:
                break
        messages = problem.traffic(best)
        chips = self.chips(messages, tries=max(4, FINAL_WORK // messages.cores))
        return OptimizedMapping(
            best, messages, chips, mapping_cost(messages, chips), self.elapsed, finished
        )

    def starts(self, choices: Mapping[str, list[Option]]) -> list[dict[str, Tile]]:
        """Slab choices to begin with: with every layer free, and with one tile of one layer set."""
        cores = self.problem.board.cores
        free = [_slab_choice(choices, cores, axis) for axis in (0, 1)]
        forced = [
            _slab_choice({**choices, name: [option]}, cores, axis)
            for name in choices
            for option in self.promising(choices[name])
            for axis in (0, 1)
        ]
        ranked = sorted(free + forced, key=lambda choice: choice[0])[:RANKED]
        distinct = {tuple(tiles.values()): tiles for _, tiles in ranked}
        found: list[tuple[float, int, dict[str, Tile]]] = []
        for tiles in distinct.values():
            if found and self.elapsed > self.seconds / 4:
                break
            found.append((self.cost(tiles), len(found), tiles))
        return [tiles for _, _, tiles in sorted(found)[:STARTS]]

    def shaken(
        self,
        tiles: dict[str, Tile],
        choices: Mapping[str, list[Option]],
        rng: np.random.Generator,
    ) -> dict[str, Tile]:
        """Give three layers another promising tile each, whatever it costs."""
        names = rng.permutation(list(tiles))[:3].tolist()
        return tiles | {
            n: self.promising(choices[n])[rng.integers(TRIES) % len(choices[n])].tile for n in names
        }

    def exchange(
        self,
        tiles: dict[str, Tile],
        choices: Mapping[str, list[Option]],
        rng: np.random.Generator,
    ) -> tuple[dict[str, Tile], bool]:
        """Change one tile at a time while it helps; say whether there was time for all."""
        cost = self.cost(tiles)
        names = list(tiles)
        since = 0  # layers tried since the last exchange that helped
        while since < len(names):
            for name in rng.permutation(names).tolist():
                since += 1
                for option in self.promising(choices[name]):
                    if self.elapsed > self.seconds:
                        return tiles, False
                    trial = tiles | {name: option.tile}
                    if (found := self.cost(trial)) < cost:
                        tiles, cost, since = trial, found, 0
                        self.report.progress(
                            self.elapsed, self.seconds, f"mapping cost {cost:,.1f}"
                        )
        return tiles, True

    def promising(self, choices: list[Option]) -> list[Option]:
        def merit(option: Option) -> float:
            return INTERCHIP_WEIGHT * min(option.across) + option.messages

        return sorted(choices, key=merit)[:TRIES]

    def cost(self, tiles: Mapping[str, Tile]) -> float:
        """Cost after partitioning; infinite if the tiles do not fit."""
        key = tuple(tiles.values())
        if key not in self.seen:
            self.seen[key] = self.measure(tiles)
        return self.seen[key]

    def measure(self, tiles: Mapping[str, Tile]) -> float:
        network = self.problem.network
        cores = sum(int(np.prod(grid_of(network.shape(n), t))) for n, t in tiles.items())
        if cores > self.problem.board.cores:
            return np.inf
        if not output_axons_fit(self.problem, tiles):
            return np.inf
        messages = self.problem.traffic(tiles)
        return mapping_cost(messages, self.chips(messages, tries=2))

    def chips(self, messages: Traffic, tries: int) -> np.ndarray:
        return partition("optimized", messages, self.problem.board, self.seed, tries=tries).chips
