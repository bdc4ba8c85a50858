"""Stage 3: fine-tune to Loihi's rate curve, with rates in a range."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from spikeseg_core.ann.tuning import scaled_for_spikes, tune
from spikeseg_core.ann.unet import model_from_weights
from spikeseg_core.config import PipelineConfig, TuneConfig
from spikeseg_core.data.dataset import Dataset, load_dataset
from spikeseg_core.evaluation.segment import Segmentation, keras_segmenter, segment_and_score
from spikeseg_core.loihi.chip import Board
from spikeseg_core.loihi.mapping.as_tuned import menu
from spikeseg_core.loihi.mapping.core_mapping import CoreMapping
from spikeseg_core.loihi.mapping.optimize import optimize
from spikeseg_core.loihi.mapping.problem import Problem
from spikeseg_core.loihi.mapping.traffic import uniform_rates
from spikeseg_core.network import RATE_HZ_PER_UNIT, Network, load_network
from spikeseg_core.network.sparsity import sparse
from spikeseg_core.reporting import Reporter
from spikeseg_core.snn.rates import report_rates
from spikeseg_core.stack import keras
from spikeseg_core.stages.artifacts import MAPPING
from spikeseg_core.stages.base import StageResult
from spikeseg_core.stages.files import (
    save_rates,
    save_section_scores,
    save_segmentation,
    save_trained,
)

MEAN_RATE_HZ = 20.0
"""Rate of all neurons that the tiles of tuning are chosen for; the real ones are not known yet."""

SEARCH_WORK = 60_000
"""Work limit of this choice, a fifth of the mapping's: only the depths of its tiles count."""


def run(
    config: PipelineConfig, inputs: Mapping[str, Path], folder: Path, report: Reporter
) -> StageResult:
    """Tune the trained network on the prepared dataset.

    The network with Loihi's rate curve is evaluated before tuning (``ann_loihi_curve``) and after
    (``rate_tuned``), to show what the curve costs and what tuning recovers. Weights are rounded for
    cores that the mapping will keep (:mod:`spikeseg_core.loihi.mapping.as_tuned`).

    Raises
    ------
    ConfigError
        If the loss is not finite.
    MappingError
        If weights are to be rounded and a layer does not fit a core, or the network the board.
    """
    dataset = load_dataset(inputs["prepare"], unlabelled=True)
    network, trained = load_network(inputs["train"])
    network = replace(network, initial_potential=config.tune.initial_potential)
    scaled = scaled_for_spikes(network, trained, dataset, config.tune)
    before, curve_only = _evaluate(
        "ann_loihi_curve",
        network,
        model_from_weights(network, scaled, "loihi"),
        dataset,
        config=config.tune,
        folder=folder,
    )
    network = sparse(network, config.tune.keep_of_8)
    assumed = assumed_mapping(network, config)
    if assumed is not None:
        assumed.save(folder / MAPPING)
    weights, history = tune(
        network,
        scaled,
        dataset,
        config.tune,
        folder=folder,
        report=report,
        tiles=assumed.tiles if assumed else None,
    )
    model = model_from_weights(network, weights, "loihi")
    after, tuned = _evaluate(
        "rate_tuned", network, model, dataset, config=config.tune, folder=folder
    )
    save_section_scores(
        folder, {"ann_loihi_curve": curve_only.sections, "rate_tuned": tuned.sections}
    )
    curves = save_trained(folder, network, weights, model, history)
    return StageResult(
        metrics={**before.metrics, **after.metrics},
        tables=(curves, *after.tables, *before.tables),
        facts={"epochs": len(history)},
    )


def assumed_mapping(network: Network, config: PipelineConfig) -> CoreMapping | None:
    """Choose the tiles that weights are rounded for; None if they are not rounded.

    Raises
    ------
    MappingError
        If a layer does not fit a core, or the network does not fit the board.
    """
    bits, population_type = config.tune.weight_bits, config.quantize.population_type
    if bits is None:
        return None
    problem = Problem(
        network,
        Board(config.quantize.chips),
        uniform_rates(network, MEAN_RATE_HZ),
        population_type,
        bits,
        menu(network, population_type, bits),
    )
    found = optimize(problem, work=SEARCH_WORK)
    return CoreMapping(found.tiles, found.chips, population_type, bits)


def _evaluate(
    tag: str, network: Network, model: Any, dataset: Dataset, *, config: TuneConfig, folder: Path
) -> tuple[StageResult, Segmentation]:
    """Score a network with Loihi's rate curve, and describe its rates on the test split."""
    found = segment_and_score(keras_segmenter(model), dataset)
    save_segmentation(folder, tag, found)
    tiles = dataset.grid.cut(dataset.split("test")[0])
    rates = report_rates(network, _rates(network, model, tiles), config)
    metrics = {tag: {**found.metrics, **rates.metrics}}
    return StageResult(metrics=metrics, tables=save_rates(folder, rates, tag)), found


def _rates(network: Network, model: Any, tiles: np.ndarray) -> dict[str, np.ndarray]:
    """Rate of every neuron in Hz, ``(tiles, rows, columns, channels)`` by layer."""
    names = [layer.name for layer in network.layers]
    outputs = keras.Model(model.input, [model.get_layer(name).output for name in names])
    parts = [outputs(tiles[i : i + 16, ..., np.newaxis]) for i in range(0, len(tiles), 16)]
    return {
        name: RATE_HZ_PER_UNIT * np.concatenate([np.asarray(part[i]) for part in parts])
        for i, name in enumerate(names)
    }
