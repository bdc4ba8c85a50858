"""``spikeseg bench mapping``: every way to map, on the same networks.

Four strategies partition the tiles that a user would choose (for each layer the largest square that
fits), the fifth chooses tiles, chips and mesh places together. Networks: ``reference-235k``, whose
table of measured messages is the baseline; the trained network with its measured rates; small ones
whose optimum is proven; and what-ifs, larger networks on boards of 1 to 32 chips.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from spikeseg_core.bench.exact import ExactMapping, exact_mapping, spectral_bound
from spikeseg_core.config import PipelineConfig
from spikeseg_core.errors import MappingError
from spikeseg_core.loihi.chip import Board
from spikeseg_core.loihi.cost.constants import (
    CONSTANT_SETS,
    INTERCHIP_NS_RANGE,
    INTERCHIP_PJ_RANGE,
    INTERCHIP_SOURCE,
    SILICON_FITTED,
)
from spikeseg_core.loihi.cost.model import LoihiModel
from spikeseg_core.loihi.cost.step import FASTEST_SEEN_US, MappedStep
from spikeseg_core.loihi.mapping.fit import Tile, grid_of
from spikeseg_core.loihi.mapping.mesh import hops, place_on_mesh
from spikeseg_core.loihi.mapping.optimize import INTERCHIP_WEIGHT, Problem, mapping_cost, optimize
from spikeseg_core.loihi.mapping.partition import Placement, Strategy, partition, place
from spikeseg_core.loihi.mapping.tiles import choose_tiles
from spikeseg_core.loihi.mapping.traffic import Rates, Traffic, uniform_rates
from spikeseg_core.network import IMAGE, Connection, Layer, Network, catalogue, load_network
from spikeseg_core.reporting import SILENT, Reporter
from spikeseg_core.stages.quantize import RATES
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

REFERENCE_TILES: dict[str, Tile] = {
    "e0": (16, 16, 4),
    "e1": (8, 8, 16),
    "e2": (6, 6, 24),
    "d1": (8, 8, 16),
    "d0": (16, 16, 4),
}
"""The tiles that a user chose for it, with which its table was measured."""

REFERENCE_RATE_HZ = 48.0
"""Mean rate of ``reference-235k`` at gain 200, for its time and energy."""

WHAT_IF_RATE_HZ = 20.0
"""Rate of every neuron where none was measured."""

BASELINES: tuple[Strategy, ...] = ("greedy", "round_robin", "greedy_interchip", "metis")

WHAT_IF_BOARDS = (1, 2, 4, 8, 32)
WHAT_IF_SCALES = {"238k": 1, "1m": 2, "4m": 4}
"""Times the side of the tile that is shown: neurons grow with the square."""

SMALL_NETWORKS = 20
SMALL_MENU = 4
"""Tiles of each layer that the small networks may be cut into."""


@dataclass(frozen=True, eq=False)
class Case:
    """One network to be mapped.

    Attributes
    ----------
    name : str
    problem : Problem
        ``problem.rates`` are what messages are counted with; none: every axon counts once.
    user_tiles : mapping of str to Tile
        What the strategies that choose no tiles get.
    rates : mapping of str to ndarray
        Rates in Hz for time and energy.
    seconds : float
        Time budget of the optimizer.
    proven : bool
        Whether the optimum is proven, which takes a small network.
    """

    name: str
    problem: Problem
    user_tiles: Mapping[str, Tile]
    rates: Rates
    seconds: float
    proven: bool = False


def bench_mapping(
    config: PipelineConfig,
    inputs: Mapping[str, Path] | None = None,
    report: Reporter = SILENT,
    *,
    what_if: bool = True,
) -> dict[str, Any]:
    """Map every network in every way.

    Parameters
    ----------
    config : PipelineConfig
        Its ``quantize`` (population type, weight bits, chips) and ``partition.seed`` are read.
    inputs : mapping of str to Path, optional
        Finished folders of the stages ``tune`` and ``convert``, for the trained network and its
        measured rates. Without them that network is left out, and the what-ifs take uniform rates.
    report : Reporter
        Told of every network.
    what_if : bool
        Whether to map the larger networks too.

    Returns
    -------
    dict
        ``networks``: objects with ``name``, ``neurons``, ``bound``, ``bound_kind`` and
        ``strategies``; each of these with ``cores``, ``chips``, ``interchip_messages``,
        ``total_messages``, ``hops``, ``cost``, ``seconds``, ``time_per_step_us``,
        ``energy_per_step_uj`` and what the step waits for. ``small_networks``: the mean gap to the
        proven optima. ``what_if``: boards that do not fit, and why. ``basis`` says what is
        measured and what is modelled.
    """
    chosen = [reference_case(), *_trained(config, inputs), *small_cases()]
    refused: list[dict[str, Any]] = []
    if what_if:
        found, refused = what_if_cases(config, inputs)
        chosen += found
    networks = []
    for number, case in enumerate(chosen):
        networks.append(measure(case, config.partition.seed))
        report.progress(number + 1, len(chosen), f"networks mapped ({case.name})")
    small = [n["gap_to_optimum"] for n in networks if n["bound_kind"] == PROVEN]
    return {
        "networks": networks,
        "small_networks": {
            "count": len(small),
            "mean_gap_to_optimum": float(np.mean(small)),
            "largest_gap_to_optimum": float(np.max(small)),
        },
        "what_if": refused,
        "basis": {
            "messages": "counted from the shapes; per step at the given rates, or every axon once",
            "seconds": "measured here",
            "time_per_step_us": f"modelled ({SILICON_FITTED.source}); steps shorter than "
            f"{FASTEST_SEEN_US:.1f} us were not seen on several chips",
            "energy_per_step_uj": "modelled, dynamic; static apart in static_energy_per_step_uj",
            "link": INTERCHIP_SOURCE,
            "cost": f"{INTERCHIP_WEIGHT:g} x messages between chips + messages in all",
        },
    }


# -- the networks ---------------------------------------------------------------------------------


def reference_case(seconds: float = 60.0) -> Case:
    """``reference-235k``: axons counted once, as in the table measured with nengo-loihi."""
    rates = uniform_rates(REFERENCE_235K, REFERENCE_RATE_HZ)
    return Case("reference-235k", Problem(REFERENCE_235K), REFERENCE_TILES, rates, seconds)


def _trained(config: PipelineConfig, inputs: Mapping[str, Path] | None) -> list[Case]:
    if inputs is None:
        return []
    network, _ = load_network(inputs["tune"])
    return [scaled_case(config, network, load_arrays(inputs["convert"] / RATES))]


def scaled_case(
    config: PipelineConfig,
    network: Network,
    rates: Rates,
    board: Board | None = None,
    seconds: float = 50.0,
) -> Case:
    """Any network, with messages at its rates."""
    settings = config.quantize
    problem = Problem(
        network,
        board or Board(settings.chips),
        rates,
        settings.population_type,
        settings.weight_bits,
    )
    user = choose_tiles(network, "square", settings.population_type, settings.weight_bits)
    return Case(network.name, problem, user, rates, seconds)


def small_cases(count: int = SMALL_NETWORKS) -> list[Case]:
    """Random networks of a few thousand neurons on boards that they nearly fill."""
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
        least = sum(int(np.prod(grid_of(network.shape(n), t[0]))) for n, t in menu.items())
        board = Board(2, least * 11 // 20 + 1)
        user = {name: tiles[0] for name, tiles in menu.items()}
        problem = replace(everything, board=board, menu=menu)
        yield Case(network.name, problem, user, rates, 20.0, proven=True)


def what_if_cases(
    config: PipelineConfig, inputs: Mapping[str, Path] | None
) -> tuple[list[Case], list[dict[str, Any]]]:
    """Enlarge the architecture, and put it on boards of 1 to 32 chips.

    Returns
    -------
    tuple of list and list
        What fits, spread over all chips of its board; and what does not, with the reason.
    """
    if inputs is None:
        network = catalogue.network("paper")
        rates: Rates = uniform_rates(network, WHAT_IF_RATE_HZ)
    else:
        network, _ = load_network(inputs["tune"])
        rates = load_arrays(inputs["convert"] / RATES)
    cases, refused = [], []
    for (label, scale), chips in itertools.product(WHAT_IF_SCALES.items(), WHAT_IF_BOARDS):
        large = replace(network, name=f"{label} on {chips} chips", tile=network.tile * scale)
        copies = {name: np.tile(r, (scale, scale, 1)) for name, r in rates.items()}
        cores = least_cores(large, config)
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
        # No more cores to a chip than an even spread needs, so that every chip works.
        spread = Board(chips, min(Board().cores_per_chip, -(-cores * 21 // (20 * chips))))
        cases.append(scaled_case(config, large, copies, spread, seconds=60.0))
    return cases, refused


def least_cores(network: Network, config: PipelineConfig) -> int:
    """Count the fewest cores that hold a network."""
    settings = config.quantize
    tiles = choose_tiles(network, "fewest_cores", settings.population_type, settings.weight_bits)
    return sum(int(np.prod(grid_of(network.shape(n), t))) for n, t in tiles.items())


# -- measuring ------------------------------------------------------------------------------------

PROVEN = "proven optimum of the cost over tiles and chips (mixed-integer programming)"
SPECTRAL = "lower bound of the cost for the optimized tiles (spectral, Donath and Hoffman)"


def measure(case: Case, seed: int = 0) -> dict[str, Any]:
    """Map one network in every way.

    Strategies that choose no tiles get the fewest chips that hold the user's tiles, if the board
    has too few: that is a result, and ``chips`` says it.
    """
    problem = case.problem
    strategies: dict[str, Any] = {}
    messages = problem.traffic(case.user_tiles)
    board = problem.board
    if messages.cores > board.cores:
        board = replace(board, chips=-(-messages.cores // board.cores_per_chip))
    for strategy in BASELINES:
        begin = time.perf_counter()
        placement = partition(strategy, messages, board, seed)
        seconds = time.perf_counter() - begin
        strategies[strategy] = _result(case, case.user_tiles, messages, placement, seconds)
    best = optimize(problem, seed=seed, seconds=case.seconds)
    begin = time.perf_counter()
    placement = place_on_mesh(best.messages, place(best.chips, "optimized"), seed)
    seconds = best.seconds + time.perf_counter() - begin
    strategies["optimized"] = _result(case, best.tiles, best.messages, placement, seconds) | {
        "finished": best.finished,
        "tiles": {name: list(tile) for name, tile in best.tiles.items()},
        "sweep": _sweep(case, best.tiles, placement),
    }
    result: dict[str, Any] = {
        "name": case.name,
        "neurons": problem.network.neurons_on_chip,
        "board": {"chips": problem.board.chips, "cores_per_chip": problem.board.cores_per_chip},
        "unit": messages.unit,
        "user_tiles": {name: list(tile) for name, tile in case.user_tiles.items()},
        "user_tiles_fit_the_board": messages.cores <= problem.board.cores,
        "strategies": strategies,
    }
    if case.proven:
        known = ExactMapping(best.tiles, best.chips, best.cost)
        optimum = exact_mapping(problem, known)
        if optimum is None:
            raise MappingError(f"{case.name}: no choice of tiles fits its board")
        gap = best.cost / optimum.cost - 1 if optimum.cost else 0.0
        return result | {"bound": optimum.cost, "bound_kind": PROVEN, "gap_to_optimum": gap}
    bound = INTERCHIP_WEIGHT * spectral_bound(best.messages, problem.board) + best.messages.total
    return result | {"bound": bound, "bound_kind": SPECTRAL}


def _result(
    case: Case, tiles: Mapping[str, Tile], messages: Traffic, placement: Placement, seconds: float
) -> dict[str, Any]:
    mapped = MappedStep.of(case.problem.network, tiles, case.rates, placement)
    by_constants = {
        name: mapped.estimate(LoihiModel(constants=constants))
        for name, constants in CONSTANT_SETS.items()
    }
    step = by_constants[SILICON_FITTED.name]
    return {
        "cores": messages.cores,
        "chips": placement.chip_count,
        "interchip_messages": messages.interchip(placement.chips),
        "total_messages": messages.total,
        "hops": hops(messages, placement).total,
        "cost": mapping_cost(messages, placement.chips),
        "seconds": seconds,
        "time_per_step_us": step.time_us,
        "energy_per_step_uj": step.dynamic_uj,
        "static_energy_per_step_uj": step.static_uj,
        "waits_for": step.bottleneck,
        "constants": {
            name: {"time_per_step_us": s.time_us, "energy_per_step_uj": s.dynamic_uj}
            for name, s in by_constants.items()
        },
    }


def _sweep(
    case: Case, tiles: Mapping[str, Tile], placement: Placement
) -> list[dict[str, float | str]]:
    """Time and energy over the range that the unpublished cost of a link may have."""
    mapped = MappedStep.of(case.problem.network, tiles, case.rates, placement)
    rows: list[dict[str, float | str]] = []
    for pj, ns in zip(
        (INTERCHIP_PJ_RANGE[0], LoihiModel().interchip_pj, INTERCHIP_PJ_RANGE[1]),
        (INTERCHIP_NS_RANGE[0], LoihiModel().interchip_ns, INTERCHIP_NS_RANGE[1]),
        strict=True,
    ):
        step = mapped.estimate(LoihiModel(interchip_pj=pj, interchip_ns=ns))
        rows.append(
            {
                "interchip_pj": pj,
                "interchip_ns": ns,
                "time_per_step_us": step.time_us,
                "energy_per_step_uj": step.dynamic_uj,
                "waits_for": step.bottleneck,
            }
        )
    return rows
