"""Stage 2: train the U-Net as an ANN."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from spikeseg_core.ann.training import train
from spikeseg_core.ann.unet import model_from_weights
from spikeseg_core.config import PipelineConfig
from spikeseg_core.data.dataset import load_dataset
from spikeseg_core.evaluation.segment import keras_segmenter, segment_and_score
from spikeseg_core.figures.curves import training_curves
from spikeseg_core.network import catalogue, save_network
from spikeseg_core.reporting import Reporter
from spikeseg_core.stages.base import StageResult
from spikeseg_core.storage import atomic_path


def run(
    config: PipelineConfig, inputs: Mapping[str, Path], folder: Path, report: Reporter
) -> StageResult:
    """Train the network of ``config.train`` on the dataset of ``inputs["prepare"]``.

    Writes ``network.json``, ``weights.npz``, ``model.keras`` and ``history.parquet``.

    Raises
    ------
    ConfigError
        If the network is unknown or the loss stops being a number.
    """
    dataset = load_dataset(inputs["prepare"])
    network = catalogue.network(config.train.network)
    weights, history = train(network, dataset, config.train, folder, report)
    model = model_from_weights(network, weights)
    save_network(folder, network, weights)
    save_model(model, folder / "model.keras")
    segmentation = segment_and_score("ann", keras_segmenter(model), dataset, folder)
    curves = training_curves(columns_of(history), folder / "training.png", "Training")
    return StageResult(
        metrics={"ann": segmentation.metrics},
        figures=(segmentation.figure, curves),
        tables=(save_table(history, folder / "history.parquet"),),
        facts={
            "network": network.to_json(),
            "neurons_on_chip": network.neurons_on_chip,
            "neurons_off_chip": network.neurons_off_chip,
            "parameters": network.parameters,
            "multiply_adds": network.multiply_adds,
            "epochs": len(history),
        },
    )


def save_model(model: Any, path: Path) -> None:
    """Write a Keras model (``.keras``) atomically."""
    with atomic_path(path) as temporary:
        model.save(temporary)


def columns_of(table: pd.DataFrame) -> dict[str, list[float]]:
    """Give the columns of a table of numbers by name."""
    return {str(name): table[name].tolist() for name in table.columns}


def save_table(table: pd.DataFrame, path: Path) -> Path:
    """Write a table (Parquet) atomically, and give its path."""
    with atomic_path(path) as temporary:
        table.to_parquet(temporary, index=False)
    return path
