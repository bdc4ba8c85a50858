"""Training with random tiles: one resumable loop for training and tuning.

After every epoch the whole state (weights, optimizer, best weights, history) is written atomically.
Each epoch has its own random numbers from ``(seed, epoch)``, so a run that is killed and resumed
sees the same batches, and ends with the same weights, as one that was not interrupted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from spikeseg_core.ann.averaging import WeightAverage
from spikeseg_core.ann.checkpoint import TrainingState
from spikeseg_core.ann.distillation import taught
from spikeseg_core.ann.material import Material, training_batches, validation_batches
from spikeseg_core.ann.topology import with_topology
from spikeseg_core.ann.unet import build_model, model_from_weights, weights_of
from spikeseg_core.config import MOST_SEED, TrainConfig, TuneConfig
from spikeseg_core.data.dataset import Dataset
from spikeseg_core.errors import ConfigError
from spikeseg_core.network import Network, Weights
from spikeseg_core.network.kept import kept
from spikeseg_core.reporting import Reporter, Silent
from spikeseg_core.stack import keras, tf

SEEDS_APART = 1_000_003
"""Distance between the seeds of teachers."""

Losses = Callable[[Any, Any, bool], Mapping[str, Any]]
"""Map ``(tiles, targets, training)`` to named scalars; ``"loss"`` is minimised. Targets are from
:func:`~spikeseg_core.ann.material.targets_of`."""


def train(
    network: Network, dataset: Dataset, config: TrainConfig, folder: Path, report: Reporter
) -> tuple[Weights, pd.DataFrame]:
    """Train a network as an ANN with rectified linear neurons (stage 2).

    With ``config.distillation_epochs``, the trained network and possibly others then teach it, on
    sections without labels, too (:mod:`spikeseg_core.ann.distillation`).

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
    model = _start(network, config)
    history = fit(model, _losses(model, config), dataset, config, folder=folder, report=report)
    if config.distillation_epochs:
        teachers = [model, *_other_teachers(network, dataset, config, folder, report)]
        material = taught(teachers, dataset, network.tile, config, folder)
        others = 0 if material.unlabelled is None else len(material.unlabelled.images)
        report.say(
            f"teaching with {len(teachers)} trained network{'s' * (len(teachers) > 1)}, on "
            f"{len(material.labelled.images)} labelled sections and {others} without labels"
        )
        again = {
            "epochs": config.distillation_epochs,
            "learning_rate": config.distillation_learning_rate,
            "seed": config.seed + 1,
        }
        distilled = fit(
            model,
            _losses(model, config),
            dataset,
            config.model_copy(update=again),
            folder=folder,
            report=report,
            name="distilled",
            epochs_before=len(history),
            material=material,
        )
        history = pd.concat([history, distilled], ignore_index=True)
    return weights_of(network, model), history


def _start(network: Network, config: TrainConfig) -> Any:
    if config.initial_weights is None:
        return build_model(network, "relu", batch_norm=config.batch_norm, seed=config.seed)
    return model_from_weights(network, kept(config.initial_weights, network))


def _losses(model: Any, config: TrainConfig) -> Losses:
    def losses(tiles: Any, targets: Any, training: bool) -> dict[str, Any]:
        logits = model(tiles, training=training)
        return with_topology(segmentation_losses(logits, targets), logits, targets, config)

    return losses


class _WithoutCurves(Silent):
    """Passes on progress alone: only the network that is returned has curves."""

    def __init__(self, report: Reporter) -> None:
        self.progress = report.progress  # type: ignore[method-assign]
        self.say = report.say  # type: ignore[method-assign]


def _other_teachers(
    network: Network, dataset: Dataset, config: TrainConfig, folder: Path, report: Reporter
) -> list[Any]:
    """Train the other teachers, which differ in their seeds."""
    found = []
    for number in range(2, config.teachers + 1):
        report.say(f"training teacher {number} of {config.teachers}")
        # Far apart: runs that differ in their seed share no teacher.
        seed = (config.seed + SEEDS_APART * (number - 1)) % (MOST_SEED + 1)
        own = config.model_copy(update={"seed": seed})
        model = _start(network, own)
        fit(
            model,
            _losses(model, config),
            dataset,
            own,
            folder=folder,
            report=_WithoutCurves(report),
            name=f"teacher-{number}",
        )
        found.append(model)
    return found


def segmentation_losses(logits: Any, targets: Any, wanted: Any | None = None) -> dict[str, Any]:
    """Weighted cross-entropy per pixel, and pixel accuracy.

    Parameters
    ----------
    wanted : tensor, optional
        Target probability of membrane, ``(batch, tile, tile, 1)``; by default that of ``targets``,
        which pixel accuracy always uses.

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
    material: Material | None = None,
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
    material : Material, optional
        What tiles are drawn from; by default the training sections with their labels.

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
    material = material or Material.of(dataset, config)
    validation = list(validation_batches(dataset, tile, config))
    patience = config.patience or config.epochs
    while state.epoch < config.epochs and state.epochs_without_progress < patience:
        batches = training_batches(material, tile, config, state.epoch)
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
