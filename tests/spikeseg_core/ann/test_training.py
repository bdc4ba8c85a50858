from pathlib import Path

import numpy as np
import pytest

from spikeseg_core.ann.training import segmentation_losses, train
from spikeseg_core.config import TrainConfig
from spikeseg_core.errors import ConfigError
from spikeseg_core.network.kept import keep
from spikeseg_core.reporting import SILENT
from spikeseg_core.stack import tf
from spikeseg_core.storage import CACHE_VARIABLE
from tests.spikeseg_core.ann.networks import TINY, tiny_dataset, uncompiled

CONFIG = TrainConfig(epochs=4, steps_per_epoch=5, batch_size=4, learning_rate=1e-2, seed=5)


def test_training_lowers_the_loss(tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"epochs": 8, "steps_per_epoch": 20})
    _, history = train(TINY, tiny_dataset(), config, tmp_path, SILENT)
    assert history["validation/loss"].min() < 0.8 * history["validation/loss"].iloc[0]
    assert history["validation/pixel_accuracy"].max() > 0.75
    assert list(history["epoch"]) == list(range(1, 9))


def test_the_seed_decides_the_run(tmp_path: Path) -> None:
    other = CONFIG.model_copy(update={"seed": 6})
    with uncompiled():
        first, _ = train(TINY, tiny_dataset(), CONFIG, tmp_path / "a", SILENT)
        second, _ = train(TINY, tiny_dataset(), other, tmp_path / "b", SILENT)
    assert first.sha256 != second.sha256


def test_a_loss_that_is_not_finite_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    dataset = tiny_dataset()
    dataset.images[:] = np.nan
    with uncompiled(), pytest.raises(ConfigError, match="lower learning_rate"):
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


def test_training_may_start_from_kept_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    dataset = tiny_dataset()
    with uncompiled():
        first, before = train(TINY, dataset, CONFIG, tmp_path / "a", SILENT)
        given = {"initial_weights": keep(TINY, first), "learning_rate": 1e-9, "epochs": 1}
        again = CONFIG.model_copy(update=given)
        second, after = train(TINY, dataset, again, tmp_path / "b", SILENT)
    for name, kernel in first.kernels.items():
        np.testing.assert_allclose(second.kernels[name], kernel, atol=1e-6)
    loss = "validation/loss"
    np.testing.assert_allclose(after[loss].iloc[0], before[loss].iloc[-1], rtol=1e-4)
