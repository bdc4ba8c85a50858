from pathlib import Path

import numpy as np
import pytest

from spikeseg_core.ann.training import segmentation_losses, train
from spikeseg_core.config import TrainConfig
from spikeseg_core.errors import ConfigError
from spikeseg_core.reporting import SILENT, Silent
from spikeseg_core.stack import tf
from tests.spikeseg_core.ann.networks import TINY, tiny_dataset

CONFIG = TrainConfig(epochs=4, steps_per_epoch=5, batch_size=4, learning_rate=1e-2, seed=5)


class KilledError(Exception):
    pass


class KillAfter(Silent):
    """Ends the run, as a kill would, once so many epochs are done."""

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs

    def progress(self, done: float, total: float, message: str) -> None:
        if done >= self.epochs:
            raise KilledError


def test_training_lowers_the_loss(tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"epochs": 8, "steps_per_epoch": 20})
    _, history = train(TINY, tiny_dataset(), config, tmp_path, SILENT)
    assert history["validation/loss"].min() < 0.8 * history["validation/loss"].iloc[0]
    assert history["validation/pixel_accuracy"].max() > 0.75
    assert list(history["epoch"]) == list(range(1, 9))


@pytest.mark.parametrize("epochs_before_the_kill", [1, 3])
def test_a_killed_run_ends_as_one_that_was_not(tmp_path: Path, epochs_before_the_kill: int) -> None:
    whole, history = train(TINY, tiny_dataset(), CONFIG, tmp_path / "whole", SILENT)
    with pytest.raises(KilledError):
        train(TINY, tiny_dataset(), CONFIG, tmp_path / "cut", KillAfter(epochs_before_the_kill))
    resumed, resumed_history = train(TINY, tiny_dataset(), CONFIG, tmp_path / "cut", SILENT)
    assert resumed.sha256 == whole.sha256
    assert resumed_history.equals(history)


def test_the_seed_decides_the_run(tmp_path: Path) -> None:
    other = CONFIG.model_copy(update={"seed": 6})
    first, _ = train(TINY, tiny_dataset(), CONFIG, tmp_path / "a", SILENT)
    second, _ = train(TINY, tiny_dataset(), other, tmp_path / "b", SILENT)
    assert first.sha256 != second.sha256


def test_it_stops_early_and_keeps_the_best_epoch(tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"epochs": 40, "patience": 1, "learning_rate": 0.3})
    _, history = train(TINY, tiny_dataset(), config, tmp_path, SILENT)
    losses = list(history["validation/loss"])
    assert len(losses) < 40
    assert losses[-1] > min(losses)
    assert losses.index(min(losses)) == len(losses) - 2


def test_without_patience_it_keeps_the_last_epoch(tmp_path: Path) -> None:
    worsening = CONFIG.model_copy(update={"epochs": 40, "learning_rate": 0.3})
    stopped, history = train(
        TINY, tiny_dataset(), worsening.model_copy(update={"patience": 1}), tmp_path / "a", SILENT
    )
    # As many epochs, without patience: the same way, but the last epoch instead of the best.
    epochs = len(history)
    to_the_end = worsening.model_copy(update={"patience": None})
    with pytest.raises(KilledError):
        train(TINY, tiny_dataset(), to_the_end, tmp_path / "b", KillAfter(epochs))
    last, _ = train(
        TINY,
        tiny_dataset(),
        to_the_end.model_copy(update={"epochs": epochs}),
        tmp_path / "b",
        SILENT,
    )
    assert last.sha256 != stopped.sha256


def test_a_loss_that_is_no_number_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    dataset = tiny_dataset()
    dataset.images[:] = np.nan
    with pytest.raises(ConfigError, match="lower learning_rate"):
        train(TINY, dataset, CONFIG, tmp_path, SILENT)


def test_pixels_weigh_what_was_asked() -> None:
    targets = tf.constant([[[[1.0, 3.0], [0.0, 1.0]]]])
    logits = tf.constant([[[[0.0], [0.0]]]])
    losses = segmentation_losses(logits, targets)
    certain = segmentation_losses(logits + 9, targets, wanted=tf.ones_like(logits))
    assert float(certain["loss"]) < 1e-3
    assert float(certain["pixel_accuracy"]) == 0.5
    np.testing.assert_allclose(losses["loss"], np.log(2) * (3 + 1) / 2, rtol=1e-6)
    assert float(losses["pixel_accuracy"]) == 0.5
