"""Training with random tiles: one resumable loop for training and tuning.

After every epoch the whole state (weights, optimizer, best weights, history) is written atomically.
Each epoch has its own random numbers from ``(seed, epoch)``, so a run that is killed and resumed
sees the same batches, and ends with the same weights, as one that was not interrupted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from spikeseg_core.ann.averaging import WeightAverage
from spikeseg_core.ann.checkpoint import TrainingState
from spikeseg_core.ann.unet import build_model, model_from_weights, weights_of
from spikeseg_core.config import TrainConfig, TuneConfig
from spikeseg_core.data.augmentation import mix_tiles, random_tiles
from spikeseg_core.data.borders import pixel_weights
from spikeseg_core.data.dataset import Dataset
from spikeseg_core.data.tiles import TileGrid
from spikeseg_core.errors import ConfigError
from spikeseg_core.network import Network, Weights
from spikeseg_core.network.kept import kept
from spikeseg_core.reporting import Reporter
from spikeseg_core.stack import keras, tf

Losses = Callable[[Any, Any, bool], Mapping[str, Any]]
"""Map ``(tiles, targets, training)`` to named scalars; ``"loss"`` is minimised. Targets are from
:func:`targets_of`."""


def train(
    network: Network, dataset: Dataset, config: TrainConfig, folder: Path, report: Reporter
) -> tuple[Weights, pd.DataFrame]:
    """Train a network as an ANN with rectified linear neurons (stage 2).

    Parameters
    ----------
    folder : Path
        Checkpoints are kept in ``folder / "checkpoints"``; training resumes from them.

    Returns
    -------
    Weights
        Of the epoch that ``config.patience`` keeps, batch normalization folded in.
    pandas.DataFrame
        One row per epoch: ``epoch``, ``train/loss``, ``validation/loss``, ...

    Raises
    ------
    ConfigError
        If the loss is not finite, or the weights to start from are missing or another network's.
    """
    if config.initial_weights is None:
        model = build_model(network, "relu", batch_norm=config.batch_norm, seed=config.seed)
    else:
        model = model_from_weights(network, kept(config.initial_weights, network))

    def losses(tiles: Any, targets: Any, training: bool) -> dict[str, Any]:
        return segmentation_losses(model(tiles, training=training), targets)

    history = fit(model, losses, dataset, config, folder=folder, report=report)
    return weights_of(network, model), history


def targets_of(labels: np.ndarray, config: TrainConfig | TuneConfig) -> np.ndarray:
    """Give the targets of training: each pixel's label, and how much it counts.

    Parameters
    ----------
    labels : array (n, h, w)
        1 = membrane, 0 = interior.

    Returns
    -------
    float32 array (n, h, w, 2)
        Label and weight (:func:`~spikeseg_core.data.borders.pixel_weights`).
    """
    weights = pixel_weights(labels, config.border_weight, config.membrane_weight)
    return np.stack([labels.astype(np.float32), weights], axis=-1)


def segmentation_losses(logits: Any, targets: Any, wanted: Any | None = None) -> dict[str, Any]:
    """Weighted cross-entropy per pixel, and pixel accuracy.

    Parameters
    ----------
    wanted : tensor, optional
        Target probability of membrane, ``(batch, tile, tile, 1)``; by default the labels, which
        pixel accuracy always uses.

    Returns
    -------
    dict
        ``loss`` (the mean over pixels) and ``pixel_accuracy``.
    """
    labels, weights = targets[..., :1], targets[..., 1:]
    entropy = tf.nn.sigmoid_cross_entropy_with_logits(labels if wanted is None else wanted, logits)
    right = tf.equal(logits > 0, labels > 0.5)
    return {
        "loss": tf.reduce_mean(weights * entropy),
        "pixel_accuracy": tf.reduce_mean(tf.cast(right, tf.float32)),
    }


def fit(
    model: Any,
    losses: Losses,
    dataset: Dataset,
    config: TrainConfig | TuneConfig,
    *,
    folder: Path,
    report: Reporter,
    name: str = "rates",
    epochs_before: int = 0,
) -> pd.DataFrame:
    """Fit a model on random tiles, and leave it with averaged weights.

    Adam with a cosine schedule. With ``config.patience``, it stops when the validation loss of the
    averaged weights has not improved for that many epochs, and the weights are those of the best
    epoch; without, they are those of the last.

    Parameters
    ----------
    model : keras.Model
        Changed in place.
    name : str
        Name of the checkpoint, where a stage fits more than once.
    epochs_before : int
        Epochs of an earlier fit of the stage, for counting.

    Raises
    ------
    ConfigError
        If the loss is not finite.
    """
    optimizer = optimizer_of(model, config)
    average = WeightAverage(model, config.ema_decay)
    state = TrainingState(model, optimizer, average, folder / "checkpoints" / f"{name}.npz")
    if state.load():
        report.say(f"resuming after epoch {state.epoch} of {config.epochs}")
    learn, judge = compiled(model, losses, optimizer, average)
    tile = model.input_shape[1]
    images, labels = dataset.split("train")
    targets = targets_of(labels, config)
    validation = list(_validation_batches(dataset, tile, config))
    patience = config.patience or config.epochs
    while state.epoch < config.epochs and state.epochs_without_progress < patience:
        batches = training_batches(images, targets, tile, config, state.epoch)
        record = _means("train", [learn(tf.constant(x), tf.constant(y)) for x, y in batches])
        with average.in_model():
            rows = [judge(tf.constant(x), tf.constant(y)) for x, y in validation]
        record |= _means("validation", rows, weights=[len(x) for x, _ in validation])
        if not np.isfinite(record["train/loss"] + record["validation/loss"]):
            raise ConfigError(
                f"the loss of network {model.name!r} is {record['train/loss']} in epoch "
                f"{state.epoch + 1}; lower learning_rate (it is {config.learning_rate:g})"
            )
        state.finish_epoch(record)
        for metric, value in record.items():
            report.metric(metric, value, epochs_before + state.epoch)
        report.progress(
            state.epoch,
            config.epochs,
            f"epoch {epochs_before + state.epoch}: "
            f"validation loss {record['validation/loss']:.4f}, "
            f"pixel accuracy {record['validation/pixel_accuracy']:.4f}",
        )
    if config.patience is None:
        model.set_weights(average.get())
    else:
        state.restore_best()
    history = state.history()
    history["epoch"] += epochs_before
    return history


def _means(
    split: str, rows: Sequence[Mapping[str, Any]], weights: list[int] | None = None
) -> dict[str, float]:
    return {
        f"{split}/{name}": float(np.average([float(row[name]) for row in rows], weights=weights))
        for name in sorted(rows[0])
    }


def optimizer_of(model: Any, config: TrainConfig | TuneConfig) -> Any:
    """Return the model's optimizer: Adam with a cosine schedule over all epochs."""
    schedule = keras.optimizers.schedules.CosineDecay(
        config.learning_rate, max(1, config.epochs * config.steps_per_epoch)
    )
    optimizer = keras.optimizers.Adam(schedule)
    optimizer.build(model.trainable_variables)
    return optimizer


def compiled(
    model: Any, losses: Losses, optimizer: Any, average: WeightAverage
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Compile the steps of training and validation; both give the losses by name."""

    @tf.function
    def train(x: Any, y: Any) -> Any:
        variables = model.trainable_variables
        with tf.GradientTape() as tape:
            found = losses(x, y, True)
        gradients = tape.gradient(found["loss"], variables)
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        average.update()
        return dict(found)

    @tf.function
    def validate(x: Any, y: Any) -> Any:
        return dict(losses(x, y, False))

    return train, validate


def training_batches(
    images: np.ndarray,
    targets: np.ndarray,
    tile: int,
    config: TrainConfig | TuneConfig,
    epoch: int,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the batches of one epoch; the next one is cut while the current one is processed."""
    rng = np.random.default_rng([config.seed, epoch])

    def cut() -> tuple[np.ndarray, np.ndarray]:
        x, y = random_tiles(images, targets, tile, config.batch_size, rng)
        return mix_tiles(x, y, config.mixup, rng)

    with ThreadPoolExecutor(max_workers=1) as pool:
        coming = pool.submit(cut)
        for remaining in reversed(range(config.steps_per_epoch)):
            batch = coming.result()
            if remaining:
                coming = pool.submit(cut)
            yield batch


def _validation_batches(
    dataset: Dataset, tile: int, config: TrainConfig | TuneConfig
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield as few tiles as possible that cover the validation sections."""
    images, labels = dataset.split("validation")
    grid = TileGrid(dataset.section_shape, tile, tiles_per_axis=1)
    tiles = grid.cut(images)[..., np.newaxis]
    targets = np.stack(
        [grid.cut(part) for part in np.moveaxis(targets_of(labels, config), -1, 0)], axis=-1
    )
    for start in range(0, len(tiles), config.batch_size):
        batch = np.s_[start : start + config.batch_size]
        yield tiles[batch], targets[batch]
