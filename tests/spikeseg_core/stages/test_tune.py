from pathlib import Path

import pandas as pd
import pytest

from spikeseg_core.config import PipelineConfig, TrainConfig, TuneConfig
from spikeseg_core.network import catalogue
from spikeseg_core.reporting import SILENT
from spikeseg_core.stages import prepare, train, tune
from tests.spikeseg_core.ann.networks import TINY, uncompiled
from tests.spikeseg_core.data.small import small_dataset

CONFIG = PipelineConfig(
    dataset=small_dataset(8, 2, 1, 1),
    train=TrainConfig(network="tiny", epochs=1, steps_per_epoch=4),
    tune=TuneConfig(epochs=1, spiking_epochs=1, steps_per_epoch=2, spiking_steps=(10,)),
)


def test_history_has_the_curves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(catalogue.NETWORKS, "tiny", TINY)
    folders: dict[str, Path] = {}
    for name, stage in (("prepare", prepare), ("train", train), ("tune", tune)):
        (tmp_path / name).mkdir()
        with uncompiled():
            stage.run(CONFIG, folders, tmp_path / name, SILENT)
        folders = {**folders, name: tmp_path / name}
    history = pd.read_parquet(tmp_path / "tune" / "history.parquet")
    assert list(history["epoch"]) == [1, 2]
    assert {"train/loss", "validation/loss", "validation/rate_loss"} <= set(history)
