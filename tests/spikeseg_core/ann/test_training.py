from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from spikeseg_core.ann.training import segmentation_losses, train
from spikeseg_core.config import TrainConfig
from spikeseg_core.errors import ConfigError
from spikeseg_core.network.kept import keep
from spikeseg_core.reporting import SILENT
from spikeseg_core.stack import tf
from spikeseg_core.storage import CACHE_VARIABLE
from tests.spikeseg_core.ann.networks import (
    TINY,
    KillAfterAll,
    KilledError,
    tiny_dataset,
    uncompiled,
)
from tests.spikeseg_core.listener import Listener

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


DISTILLED = {
    "epochs": 2,
    "steps_per_epoch": 2,
    "distillation_epochs": 2,
    "distillation_learning_rate": 1e-2,
    "teachers": 2,
}


def test_a_killed_run_with_critical_pixels_and_bent_tiles_is_resumed(tmp_path: Path) -> None:
    settings = {"epochs": 2, "steps_per_epoch": 2, "elastic_px": 2.0, "intensity": 0.5}
    plain = CONFIG.model_copy(update=settings)
    config = plain.model_copy(update={"topology_weight": 1.0})
    dataset = tiny_dataset()
    with uncompiled():
        without, _ = train(TINY, dataset, plain, tmp_path / "plain", SILENT)
        whole, history = train(TINY, dataset, config, tmp_path / "whole", SILENT)
        with pytest.raises(KilledError):
            train(TINY, dataset, config, tmp_path / "cut", KillAfterAll(1))
        resumed, again = train(TINY, dataset, config, tmp_path / "cut", SILENT)
    assert (history["train/topology"] > 0).all() and "validation/topology" in history
    assert resumed.sha256 == whole.sha256 != without.sha256
    assert again.equals(history)


@pytest.mark.parametrize("epochs", [3, 5], ids=lambda n: f"after {n} epochs")
def test_a_killed_distillation_is_resumed(tmp_path: Path, epochs: int) -> None:
    """In the epochs of a teacher (3), or in those of the student (5)."""
    config, dataset = CONFIG.model_copy(update=DISTILLED), tiny_dataset(unlabelled=2)
    with uncompiled():
        whole, history = train(TINY, dataset, config, tmp_path / "whole", SILENT)
        with pytest.raises(KilledError):
            train(TINY, dataset, config, tmp_path / "cut", KillAfterAll(epochs))
        resumed, again = train(TINY, dataset, config, tmp_path / "cut", SILENT)
    assert list(history["epoch"]) == [1, 2, 3, 4]
    assert resumed.sha256 == whole.sha256
    assert again.equals(history)


def test_distillation_goes_on_from_the_trained_network_and_teachers_and_sections_count(
    tmp_path: Path,
) -> None:
    config, listener = CONFIG.model_copy(update=DISTILLED), Listener()
    digests, histories = [], []
    for number, (unlabelled, change) in enumerate(
        [(0, {"distillation_epochs": 0}), (0, {"teachers": 1}), (0, {}), (2, {}), (2, {"seed": 9})]
    ):
        dataset, one = tiny_dataset(unlabelled=unlabelled), config.model_copy(update=change)
        with uncompiled():
            found, history = train(TINY, dataset, one, tmp_path / str(number), listener)
        digests.append(found.sha256)
        histories.append(history)
    assert len(set(digests)) == 5
    for history in histories[1:4]:
        pd.testing.assert_frame_equal(history[:2], histories[0])
        assert list(history["epoch"]) == [1, 2, 3, 4]
    assert "with 1 trained network, on" in listener.said[0]
    assert "with 2 trained networks, on 2 labelled sections and 2 without" in listener.said[-1]


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
