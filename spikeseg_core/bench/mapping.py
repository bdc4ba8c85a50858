"""``spikeseg bench mapping``: every mapping strategy on the same networks.

Four strategies partition the tiles a user would choose (for each layer, the largest square that
fits); the fifth chooses tiles, chips and places on the mesh together, as the quantize and partition
stages do. The networks are those of :mod:`spikeseg_core.bench.cases`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from spikeseg_core.bench.cases import (
    Case,
    reference_case,
    small_cases,
    trained_case,
    what_if_cases,
)
from spikeseg_core.bench.certificate import certify
from spikeseg_core.bench.exact import exact_mapping, spectral_bound
from spikeseg_core.config import PipelineConfig
from spikeseg_core.errors import MappingError
from spikeseg_core.loihi.cost.constants import (
    CONSTANT_SETS,
    INTERCHIP_NS_RANGE,
    INTERCHIP_PJ_RANGE,
    INTERCHIP_SOURCE,
    SILICON_FITTED,
)
from spikeseg_core.loihi.cost.model import LoihiModel
from spikeseg_core.loihi.cost.step import FASTEST_SEEN_US, MappedStep
from spikeseg_core.loihi.mapping.fit import Tile
from spikeseg_core.loihi.mapping.mesh import hops, place_on_mesh
from spikeseg_core.loihi.mapping.optimize import optimize
from spikeseg_core.loihi.mapping.partition import Strategy, partition
from spikeseg_core.loihi.mapping.placement import Placement
from spikeseg_core.loihi.mapping.problem import INTERCHIP_WEIGHT, mapping_cost
from spikeseg_core.loihi.mapping.traffic import Traffic
from spikeseg_core.reporting import SILENT, Reporter

BASELINES: tuple[Strategy, ...] = ("greedy", "round_robin", "greedy_interchip", "metis")

PROVEN = "proven optimum of the cost over tiles and chips (mixed-integer programming)"
SPECTRAL = "lower bound of the cost for the optimized tiles (spectral, Donath and Hoffman)"
CERTIFIED = "lower bound of the cost for the optimized tiles (semidefinite, checked certificate)"


def bench_mapping(
    config: PipelineConfig,
    inputs: Mapping[str, Path] | None = None,
    report: Reporter = SILENT,
    *,
    what_if: bool = True,
    certificates: Path | None = None,
) -> dict[str, Any]:
    """Map every network with every strategy.

    Parameters
    ----------
    config : PipelineConfig
        ``quantize`` (population type, weight bits, chips) and ``partition.seed`` are used.
    inputs : mapping of str to Path, optional
        Finished folders of ``tune`` and ``convert`` for the trained network and its measured
        rates, and of ``quantize`` and ``partition`` for its deployment. Without them that
        network is omitted and the what-ifs use uniform rates.
    what_if : bool
        Whether to map the larger networks too.
    certificates : Path, optional
        Folder for the certificates of the reference and the trained network; without it none are
        made.

    Returns
    -------
    dict
        ``networks``: objects with ``name``, ``neurons``, ``bound``, ``bound_kind`` and
        ``strategies``; each of these with ``cores``, ``chips``, ``interchip_messages``,
        ``total_messages``, ``hops``, ``cost``, ``seconds``, ``time_per_step_us``,
        ``energy_per_step_uj`` and the step's bottleneck. ``small_networks``: the mean gap to the
        proven optima. ``what_if``: networks that do not fit their boards. ``basis``: which
        values are measured and which are modelled. ``certificate`` of a network: what
        :func:`~spikeseg_core.bench.certificate.certify` claims, and its ``file``.
    """
    trained = [] if inputs is None else [trained_case(config, inputs)]
    chosen = [reference_case(), *trained, *small_cases()]
    refused: list[dict[str, Any]] = []
    if what_if:
        found, refused = what_if_cases(config, inputs)
        chosen += found
    networks = []
    for number, case in enumerate(chosen):
        report.progress(number, len(chosen), f"mapping {case.name}")
        networks.append(measure(case, config.partition.seed, certificates, report))
    report.progress(len(chosen), len(chosen), "networks mapped")
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
            "messages": "counted from the shapes, per step at the given rates or every axon once",
            "seconds": "measured here",
            "time_per_step_us": f"modelled ({SILICON_FITTED.source}); steps shorter than "
            f"{FASTEST_SEEN_US:.1f} us have not been seen on several chips",
            "energy_per_step_uj": "modelled, dynamic; static is in static_energy_per_step_uj",
            "link": INTERCHIP_SOURCE,
            "cost": f"{INTERCHIP_WEIGHT:g} x messages between chips + all messages",
        },
    }


def measure(
    case: Case, seed: int = 0, certificates: Path | None = None, report: Reporter = SILENT
) -> dict[str, Any]:
    """Map one network with every strategy.

    If the board has too few chips for the user's tiles, the strategies that do not choose tiles get
    as many as they need; ``chips`` shows it. ``optimized`` is the result of the quantize and
    partition stages for this case, ``deployed`` that of a finished pipeline.
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
        found = _result(case, case.user_tiles, messages, placement)
        strategies[strategy] = found | {"seconds": seconds}
    begin = time.perf_counter()
    best = optimize(problem)
    placement = partition("optimized", best.messages, problem.board, seed, known=best.chips)
    placement = place_on_mesh(best.messages, placement, seed)
    strategies["optimized"] = {
        "seconds": time.perf_counter() - begin,
        **_result(case, best.tiles, best.messages, placement),
        "sweep": _sweep(case, best.tiles, placement),
    }
    if case.deployed:
        mapping, where = case.deployed
        deployed = problem.traffic(mapping.tiles)
        strategies["deployed"] = _result(case, mapping.tiles, deployed, where)
    result: dict[str, Any] = {
        "name": case.name,
        "neurons": problem.network.neurons_on_chip,
        "board": {"chips": problem.board.chips, "cores_per_chip": problem.board.cores_per_chip},
        "unit": messages.unit,
        "user_tiles_fit_the_board": messages.cores <= problem.board.cores,
        "strategies": strategies,
    }
    if case.proven:
        optimum = exact_mapping(problem, best)
        if optimum is None:
            raise MappingError(f"{case.name}: no choice of tiles fits its board")
        gap = best.cost / optimum.cost - 1 if optimum.cost else 0.0
        return result | {"bound": optimum.cost, "bound_kind": PROVEN, "gap_to_optimum": gap}
    crossing, kind = spectral_bound(best.messages, problem.board), SPECTRAL
    if certificates and case.certified and problem.board.chips == 2:
        report.say(f"{case.name}: searching for a certificate of its cut, a minute or several")
        file = certificates / f"{case.name}.npz"
        claim = certify(best.messages, problem.board, placement.chips, file)
        result["certificate"] = claim | {"file": str(file)}
        if claim["checked"]:
            crossing, kind = claim["lower_bound"], CERTIFIED
    bound = INTERCHIP_WEIGHT * crossing + best.messages.total
    return result | {"bound": bound, "bound_kind": kind}


def _result(
    case: Case, tiles: Mapping[str, Tile], messages: Traffic, placement: Placement
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
        "tiles": {name: list(tile) for name, tile in tiles.items()},
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
    """Time and energy over the plausible range of the unpublished cost of a link."""
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
