"""Stage 5: tiles, core blocks and Loihi's integers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from spikeseg_core.config import PipelineConfig, QuantizeConfig
from spikeseg_core.loihi.chip import Board
from spikeseg_core.loihi.mapping.as_tuned import menu
from spikeseg_core.loihi.mapping.core_mapping import CoreMapping
from spikeseg_core.loihi.mapping.fit import RESOURCES, fit_table
from spikeseg_core.loihi.mapping.optimize import optimize
from spikeseg_core.loihi.mapping.partition import partition
from spikeseg_core.loihi.mapping.problem import Problem
from spikeseg_core.loihi.mapping.tiles import choose_tiles
from spikeseg_core.loihi.mapping.traffic import Rates
from spikeseg_core.loihi.quantization.build import DiscretizedNetwork, build_network, discretize
from spikeseg_core.loihi.quantization.extract import extract_network
from spikeseg_core.network import Network, load_network
from spikeseg_core.reporting import SILENT, Reporter
from spikeseg_core.stages.artifacts import CORES, INTEGER, MAPPING, RATES
from spikeseg_core.stages.base import StageResult
from spikeseg_core.storage import load_arrays, save_table


def run(
    config: PipelineConfig, inputs: Mapping[str, Path], folder: Path, report: Reporter
) -> StageResult:
    """Cut the tuned network into cores and round it to integers, as configured.

    Raises
    ------
    MappingError
        If a layer does not fit a core, or the network does not fit the board.
    DataError
        If an input of an earlier stage is missing or damaged.
    """
    settings = config.quantize
    network, weights = load_network(inputs["tune"])
    rates = load_arrays(inputs["convert"] / RATES)
    tuned = CoreMapping.load_if_there(inputs["tune"] / MAPPING)
    mapping = map_network(settings, network, rates, tuned, report)
    tiles = mapping.tiles
    mapping.save(folder / MAPPING)
    table = fit_table(network, tiles, settings.population_type, settings.weight_bits)
    cores = int(table["cores"].sum())
    report.say(f"{network.name}: {network.neurons_on_chip:,} neurons in {cores} cores")
    built = build_network(
        network,
        weights,
        tiles,
        population_type=settings.population_type,
        weight_bits=settings.weight_bits,
        synapse_ms=config.presentation.synapse_ms,
    )
    blocks = discretize(built)
    extract_network(blocks.model).save(folder / INTEGER)
    table = table.merge(rounding_table(blocks), on="layer")
    metrics = {
        "mapping/cores": float(cores),
        "mapping/neurons_on_chip": float(network.neurons_on_chip),
        "mapping/neurons_off_chip": float(network.neurons_off_chip),
        "mapping/neurons_per_core": network.neurons_on_chip / cores,
        "quantize/weight_error": float(table["weight_error"].mean()),
        "quantize/largest_weight_error": float(table["largest_weight_error"].max()),
    } | {
        f"mapping/largest_share_of_{name}": float(table[f"{name}_used"].max()) for name in RESOURCES
    }
    return StageResult(
        metrics={"quantize": metrics},
        tables=(save_table(table, folder / CORES),),
        facts={
            "cores": cores,
            "neurons_on_chip": network.neurons_on_chip,
            "neurons_off_chip": network.neurons_off_chip,
            "tiles": tiles,
            "weight_bits": settings.weight_bits,
            "population_type": settings.population_type,
            "weight_error_by_layer": dict(
                zip(table["layer"], table["weight_error"].astype(float), strict=True)
            ),
        },
    )


def map_network(
    settings: QuantizeConfig,
    network: Network,
    rates: Rates,
    tuned: CoreMapping | None = None,
    report: Reporter = SILENT,
) -> CoreMapping:
    """Choose tiles and their chips, as configured.

    Parameters
    ----------
    tuned : CoreMapping, optional
        What weights were rounded for in tuning. The optimizer keeps their integers as they were,
        if the number of bits and the type of the axons are still the same.

    Raises
    ------
    MappingError
        If a layer does not fit a core, or the network does not fit the board.
    """
    board = Board(settings.chips)
    form = (settings.population_type, settings.weight_bits)
    kept = tuned is not None and (tuned.population_type, tuned.weight_bits) == form
    choices = menu(network, *form, tuned=tuned.tiles) if tuned and kept else None
    problem = Problem(network, board, rates, *form, choices)
    if settings.mapping == "square":
        tiles = choose_tiles(network, "square", *form)
        return CoreMapping(tiles, partition("metis", problem.traffic(tiles), board).chips, *form)
    found = optimize(problem, report=report)
    return CoreMapping(found.tiles, found.chips, *form)


def rounding_table(blocks: DiscretizedNetwork) -> pd.DataFrame:
    """Tabulate the effect of rounding to integers on each layer.

    Returns
    -------
    DataFrame
        ``layer``; ``weight_error``, root mean square error relative to the weights, mean over its
        cores; ``largest_weight_error``, relative to the largest weight; ``weight_exponents`` and
        ``thresholds``, smallest and largest over its cores.
    """
    rows = []
    for layer in blocks.built.network.chip_layers():
        members = blocks.blocks(layer.name)
        errors = [blocks.model.weight_errors[block] for block in members]
        exponents = [block.discretize_info["w_exp"] for block in members]
        thresholds = [int(block.compartment.vth.max()) for block in members]
        rows.append(
            {
                "layer": layer.name,
                "weight_error": float(np.mean([e.relative for e in errors])),
                "largest_weight_error": max(e.largest for e in errors),
                "weight_exponents": f"{min(exponents)} to {max(exponents)}",
                "thresholds": f"{min(thresholds)} to {max(thresholds)}",
            }
        )
    return pd.DataFrame(rows)
