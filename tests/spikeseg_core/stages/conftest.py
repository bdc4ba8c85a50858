"""Stages that several tests look at, run once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from spikeseg_core.ann.unet import build_model, weights_of
from spikeseg_core.config import (
    DeployConfig,
    PipelineConfig,
    PresentationConfig,
    QuantizeConfig,
    TrainConfig,
    TuneConfig,
)
from spikeseg_core.data.dataset import prepare_dataset
from spikeseg_core.network import catalogue, save_network
from spikeseg_core.reporting import SILENT
from spikeseg_core.stages import convert, partition, prepare, quantize, train, tune
from spikeseg_core.stages.base import StageResult
from spikeseg_core.storage import save_arrays
from tests.spikeseg_core.ann.networks import TINY
from tests.spikeseg_core.data.small import small_dataset
from tests.spikeseg_core.loihi.cost.networks import random_rates, small_network

Made = dict[str, tuple[Path, StageResult]]

NETWORK = small_network(16, channels=(2, 4, 4, 4))
CONFIG = PipelineConfig(
    dataset=small_dataset(8, 2, 2, 2),
    presentation=PresentationConfig(steps=20),
    quantize=QuantizeConfig(mapping="square"),
    deploy=DeployConfig(
        presentation_steps=(10, 15),
        readout_windows=(0.25,),
        tiles_per_axis=(),
        early_exit=(),
        sections=1,
    ),
)

TRAINED = PipelineConfig(
    dataset=small_dataset(8, 2, 1, 1),
    train=TrainConfig(network="tiny", epochs=1, steps_per_epoch=4),
    tune=TuneConfig(epochs=1, spiking_epochs=1, steps_per_epoch=2, spiking_steps=(10,)),
    presentation=PresentationConfig(steps=10),
)


@pytest.fixture(scope="session")
def mapped_stages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of the stages before, quantize and partition run for real."""
    root = tmp_path_factory.mktemp("stages")
    names = ("prepare", "tune", "convert", "quantize", "partition")
    folders = {name: root / name for name in names}
    prepare_dataset(CONFIG.dataset, NETWORK.tile, folders["prepare"])
    save_network(folders["tune"], NETWORK, weights_of(NETWORK, build_model(NETWORK)))
    save_arrays(folders["convert"] / "rates.npz", random_rates(NETWORK))
    for name, stage in (("quantize", quantize), ("partition", partition)):
        folders[name].mkdir()
        stage.run(CONFIG, folders, folders[name], SILENT)
    return folders


@pytest.fixture(scope="session")
def trained_stages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    base = tmp_path_factory.mktemp("trained")
    stages = {"prepare": prepare, "train": train, "tune": tune, "convert": convert}
    results: Made = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(catalogue.NETWORKS, "tiny", TINY)
        for name, module in stages.items():
            folders = {done: folder for done, (folder, _) in results.items()}
            (base / name).mkdir()
            results[name] = (base / name, module.run(TRAINED, folders, base / name, SILENT))
    yield results
