"""Stage 3: fine-tune to Loihi's rate curve, with rates in a range."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from spikeseg_core.ann.tuning import scaled_for_spikes, tune
from spikeseg_core.ann.unet import model_from_weights
from spikeseg_core.config import PipelineConfig, TuneConfig
from spikeseg_core.data.dataset import Dataset, load_dataset
from spikeseg_core.evaluation.rates import report_rates
from spikeseg_core.evaluation.segment import keras_segmenter, segment_and_score
from spikeseg_core.figures.curves import training_curves
from spikeseg_core.network import RATE_HZ_PER_UNIT, Network, Weights, load_network, save_network
from spikeseg_core.reporting import Reporter
from spikeseg_core.stack import keras
from spikeseg_core.stages.base import StageResult
from spikeseg_core.stages.train import columns_of, save_model, save_table


def run(
    config: PipelineConfig, inputs: Mapping[str, Path], folder: Path, report: Reporter
) -> StageResult:
    """Tune the network of ``inputs["train"]`` on the dataset of ``inputs["prepare"]``.

    Writes ``network.json``, ``weights.npz``, ``model.keras`` and ``history.parquet``; scores and
    rates of the network with Loihi's curve before tuning (``ann_loihi_curve``) and after
    (``rate_tuned``), so that it shows what the curve costs and what tuning wins back.

    Raises
    ------
    ConfigError
        If the loss stops being a number.
    MappingError
        If a layer fits no core, where weights are to be rounded as cores do.
    """
    dataset = load_dataset(inputs["prepare"])
    network, trained = load_network(inputs["train"])
    network = replace(network, start=config.tune.start)
    scaled = scaled_for_spikes(network, trained, dataset, config.tune)
    before = _Curve("ann_loihi_curve", network, scaled).evaluate(dataset, config.tune, folder)
    weights, history = tune(network, scaled, dataset, config.tune, folder=folder, report=report)
    curve = _Curve("rate_tuned", network, weights)
    after = curve.evaluate(dataset, config.tune, folder, before=before.tables[1])
    save_network(folder, network, weights)
    save_model(curve.model, folder / "model.keras")
    return StageResult(
        metrics={**before.metrics, **after.metrics},
        figures=(
            *after.figures,
            training_curves(columns_of(history), folder / "tuning.png", "Tuning"),
            *before.figures,
        ),
        tables=(save_table(history, folder / "history.parquet"), *after.tables, *before.tables),
        facts={"epochs": len(history)},
    )


class _Curve:
    """A network with Loihi's rate curve, and what it is called."""

    def __init__(self, tag: str, network: Network, weights: Weights) -> None:
        self.tag, self.network = tag, network
        self.model = model_from_weights(network, weights, "loihi")

    def evaluate(
        self, dataset: Dataset, config: TuneConfig, folder: Path, before: Path | None = None
    ) -> StageResult:
        """Score it on whole sections, and describe its rates on the test split.

        ``before`` is the table of neurons to compare with.
        """
        segmentation = segment_and_score(self.tag, keras_segmenter(self.model), dataset, folder)
        rates = report_rates(
            self.tag,
            self.network,
            _rates(self.network, self.model, dataset.grid.cut(dataset.split("test")[0])),
            config,
            folder,
            name=f"rates_{self.tag}",
            before=None if before is None else pd.read_parquet(before),
        )
        return StageResult(
            metrics={self.tag: {**segmentation.metrics, **rates.metrics[self.tag]}},
            figures=(segmentation.figure, *rates.figures),
            tables=rates.tables,
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
