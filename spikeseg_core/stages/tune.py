"""Stage 3: fine-tune to Loihi's rate curve, with rates in a range."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from spikeseg_core.ann.tuning import tune
from spikeseg_core.ann.unet import model_from_weights
from spikeseg_core.config import PipelineConfig
from spikeseg_core.data.dataset import load_dataset
from spikeseg_core.figures.curves import training_curves
from spikeseg_core.figures.rates import rate_histogram
from spikeseg_core.network import RATE_HZ_PER_UNIT, Network, load_network, save_network
from spikeseg_core.reporting import Reporter
from spikeseg_core.snn.rates import neuron_percentiles, rate_metrics, rate_table
from spikeseg_core.stack import keras
from spikeseg_core.stages.base import StageResult
from spikeseg_core.stages.segment import keras_segmenter, segment_and_score
from spikeseg_core.stages.train import columns_of, save_model, save_table


def run(
    config: PipelineConfig, inputs: Mapping[str, Path], folder: Path, report: Reporter
) -> StageResult:
    """Tune the network of ``inputs["train"]`` on the dataset of ``inputs["prepare"]``.

    Writes ``network.json``, ``weights.npz``, ``model.keras`` and ``history.parquet``, and
    ``rates.parquet``: what Loihi's rate curve gives for the tiles of the test split.

    Raises
    ------
    ConfigError
        If the loss stops being a number.
    """
    dataset = load_dataset(inputs["prepare"])
    network, trained = load_network(inputs["train"])
    weights, history = tune(network, trained, dataset, config.tune, folder=folder, report=report)
    model = model_from_weights(network, weights, "loihi")
    save_network(folder, network, weights)
    save_model(model, folder / "model.keras")
    segmentation = segment_and_score("rate_tuned", keras_segmenter(model), dataset, folder)
    rates = _rates(network, model, dataset.grid.cut(dataset.split("test")[0]))
    table = rate_table(network, rates, config.tune)
    return StageResult(
        metrics={"rate_tuned": {**segmentation.metrics, **rate_metrics(table)}},
        figures=(
            segmentation.figure,
            training_curves(columns_of(history), folder / "tuning.png", "Tuning"),
            rate_histogram(
                neuron_percentiles(rates, config.tune.percentile),
                folder / "rates.png",
                band=(config.tune.rate_min_hz, config.tune.rate_max_hz),
                title="Rates after tuning",
                quantity=f"percentile {config.tune.percentile:g} of the rate",
            ),
        ),
        tables=(
            save_table(history, folder / "history.parquet"),
            save_table(table, folder / "rates.parquet"),
        ),
        facts={"epochs": len(history)},
    )


def _rates(network: Network, model: Any, tiles: np.ndarray) -> dict[str, np.ndarray]:
    """Rate of every neuron in Hz, ``(tiles, rows, columns, channels)`` by layer."""
    names = [layer.name for layer in network.layers]
    outputs = keras.Model(model.input, [model.get_layer(name).output for name in names])
    parts = [outputs(tiles[i : i + 16, ..., np.newaxis]) for i in range(0, len(tiles), 16)]
    return {
        name: RATE_HZ_PER_UNIT * np.concatenate([np.asarray(part[i]) for part in parts])
        for i, name in enumerate(names)
    }
