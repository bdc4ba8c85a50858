from pathlib import Path

import pytest

from spikeseg_core.ann.training import train
from spikeseg_core.config import TrainConfig
from spikeseg_core.reporting import SILENT
from tests.spikeseg_core.ann.networks import TINY, KillAfter, KilledError, tiny_dataset

CONFIG = TrainConfig(epochs=4, steps_per_epoch=5, batch_size=3, learning_rate=1e-2, seed=5)


def test_a_killed_run_ends_as_one_that_was_not(tmp_path: Path) -> None:
    whole, history = train(TINY, tiny_dataset(), CONFIG, tmp_path / "whole", SILENT)
    for epochs in (1, 3):  # the second run resumes from the first
        with pytest.raises(KilledError):
            train(TINY, tiny_dataset(), CONFIG, tmp_path / "cut", KillAfter(epochs))
    resumed, resumed_history = train(TINY, tiny_dataset(), CONFIG, tmp_path / "cut", SILENT)
    assert resumed.sha256 == whole.sha256
    assert resumed_history.equals(history)


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
