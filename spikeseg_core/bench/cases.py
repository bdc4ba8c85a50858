"""Networks that ``spikeseg bench mapping`` maps.

``reference-235k``, whose measured traffic is the baseline; the trained network at its measured
rates; small networks whose optimum can be proven; and larger networks on boards of 1 to 32 chips
(what-ifs).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from spikeseg_core.bench.reference import LAYERS
from spikeseg_core.config import PipelineConfig
from spikeseg_core.loihi.chip import Board
from spikeseg_core.loihi.mapping.core_mapping import CoreMapping
from spikeseg_core.loihi.mapping.fit import Tile
from spikeseg_core.loihi.mapping.placement import Placement
from spikeseg_core.loihi.mapping.problem import Problem
from spikeseg_core.loihi.mapping.tiles import choose_tiles, fewest_cores
from spikeseg_core.loihi.mapping.traffic import Rates, uniform_rates
from spikeseg_core.network import IMAGE, Connection, Layer, Network, catalogue, load_network
from spikeseg_core.stages.artifacts import MAPPING, PLACEMENT, RATES
from spikeseg_core.storage import load_arrays

REFERENCE_235K = Network(
    name="reference-235k",
    tile=96,
    layers=(
        Layer("stem", 4, (Connection(IMAGE, kernel=1),), on_chip=False),
        Layer("e0", 8, (Connection("stem"),)),
        Layer("e1", 16, (Connection("e0", stride=2),)),
        Layer("e2", 24, (Connection("e1", stride=2),)),
        Layer("d1", 16, (Connection("e2", "conv_transpose", 2, 2), Connection("e1"))),
        Layer("d0", 8, (Connection("d1", "conv_transpose", 2, 2), Connection("e0"))),
    ),
    readout=Connection("d0", kernel=1),
)
"""The shapes of :mod:`spikeseg_core.bench.reference`, for traffic without building it."""

REFERENCE_TILES: dict[str, Tile] = {name: tile for name, (_, tile) in LAYERS.items()}
"""Tiles chosen by hand, for which the traffic was measured."""

REFERENCE_RATE_HZ = 48.0
"""Mean rate of ``reference-235k`` at gain 200, used for time and energy."""

WHAT_IF_RATE_HZ = 20.0
"""Rate of every neuron if none was measured."""

WHAT_IF_BOARDS = (1, 2, 4, 8, 32)
WHAT_IF_SCALES = {"238k": 1, "1m": 2, "4m": 4}
"""Factor on the side of the image tile; neurons grow with its square."""

SMALL_NETWORKS = 20
SMALL_MENU = 4
"""Number of tile shapes per layer in the small networks."""


@dataclass(frozen=True, eq=False)
class Case:
    """One network to be mapped.

    Attributes
    ----------
    problem : Problem
        Messages are counted at ``problem.rates``; without rates every axon counts once.
    user_tiles : mapping of str to Tile
        Tiles for the strategies that do not choose tiles themselves.
    rates : mapping of str to ndarray
        Rates in Hz for time and energy.
    proven : bool
        Whether to prove the optimum; feasible for small networks only.
    certified : bool
        Whether to certify a lower bound for the optimized tiles, in minutes.
    deployed : tuple of CoreMapping and Placement, optional
        What a finished pipeline deployed.
    """

    name: str
    problem: Problem
    user_tiles: Mapping[str, Tile]
    rates: Rates
    proven: bool = False
    certified: bool = False
    deployed: tuple[CoreMapping, Placement] | None = None


def reference_case() -> Case:
    """``reference-235k``: every axon counted once, as measured with nengo-loihi."""
    rates = uniform_rates(REFERENCE_235K, REFERENCE_RATE_HZ)
    return Case("reference-235k", Problem(REFERENCE_235K), REFERENCE_TILES, rates, certified=True)


def trained_case(config: PipelineConfig, inputs: Mapping[str, Path]) -> Case:
    """Return the trained network at its measured rates, and its placement if it was deployed.

    Parameters
    ----------
    inputs : mapping of str to Path
        Finished folders of ``tune`` and ``convert``; also ``quantize`` and ``partition`` for the
        placement.

    Raises
    ------
    DataError
        If a file is missing or damaged.
    """
    network, _ = load_network(inputs["tune"])
    case = scaled_case(config, network, load_arrays(inputs["convert"] / RATES))
    case = replace(case, certified=True)
    if "partition" not in inputs:
        return case
    mapping = CoreMapping.load(inputs["quantize"] / MAPPING)
    return replace(case, deployed=(mapping, Placement.load(inputs["partition"] / PLACEMENT)))


def scaled_case(
    config: PipelineConfig, network: Network, rates: Rates, board: Board | None = None
) -> Case:
    """Return any network at its rates, mapped as by the quantize stage."""
    settings = config.quantize
    form = (settings.population_type, settings.weight_bits)
    problem = Problem(network, board or Board(settings.chips), rates, *form)
    return Case(network.name, problem, choose_tiles(network, "square", *form), rates)


def small_cases(count: int = SMALL_NETWORKS) -> list[Case]:
    """Random networks of a few thousand neurons, on boards that they nearly fill."""
    return list(itertools.islice(_small_cases(), count))


def _small_cases() -> Iterator[Case]:
    for seed in itertools.count():
        rng = np.random.default_rng(seed)
        size = int(rng.choice([16, 24]))
        a, b, d = (int(rng.choice([4, 8, 12, 16])) for _ in range(3))
        network = Network(
            name=f"small-{seed}",
            tile=size,
            layers=(
                Layer("stem", 4, (Connection(IMAGE),), on_chip=False),
                Layer("a", a, (Connection("stem"),)),
                Layer("b", 2 * b, (Connection("a", stride=2),)),
                Layer("d", d, (Connection("b", "conv_transpose", 4, 2), Connection("a"))),
            ),
            readout=Connection("d"),
        )
        rates = {x.name: rng.gamma(0.5, 40.0, network.shape(x.name)) for x in network.layers}
        everything = Problem(network, rates=rates)
        menu = {
            x.name: tuple(itertools.islice(everything.tiles_of(x.name), SMALL_MENU))
            for x in network.chip_layers()
        }
        user = {name: tiles[0] for name, tiles in menu.items()}
        board = Board(2, everything.cores(user) * 11 // 20 + 1)
        problem = replace(everything, board=board, menu=menu)
        yield Case(network.name, problem, user, rates, proven=True)


def what_if_cases(
    config: PipelineConfig, inputs: Mapping[str, Path] | None
) -> tuple[list[Case], list[dict[str, Any]]]:
    """Scale the architecture up and put it on boards of 1 to 32 chips.

    Returns
    -------
    tuple of list and list
        The networks that fit, spread over all chips of their boards; and those that do not, with
        the number of chips they need.
    """
    if inputs is None:
        network = catalogue.network("paper")
        rates: Rates = uniform_rates(network, WHAT_IF_RATE_HZ)
    else:
        network, _ = load_network(inputs["tune"])
        rates = load_arrays(inputs["convert"] / RATES)
    settings = config.quantize
    cases, refused = [], []
    for (label, scale), chips in itertools.product(WHAT_IF_SCALES.items(), WHAT_IF_BOARDS):
        large = replace(network, name=f"{label} on {chips} chips", tile=network.tile * scale)
        copies = {name: np.tile(r, (scale, scale, 1)) for name, r in rates.items()}
        cores = fewest_cores(large, settings.population_type, settings.weight_bits)
        if cores > chips * Board().cores_per_chip:
            refused.append(
                {
                    "name": large.name,
                    "neurons": large.neurons_on_chip,
                    "fits": False,
                    "needs_chips": -(-cores // Board().cores_per_chip),
                }
            )
            continue
        # Limit the cores per chip to an even spread, so that every chip is used.
        spread = Board(chips, min(Board().cores_per_chip, -(-cores * 21 // (20 * chips))))
        cases.append(scaled_case(config, large, copies, spread))
    return cases, refused
