"""Stages that several tests look at, run once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from spikeseg_core.ann.unet import build_model, weights_of
from spikeseg_core.config import (
    DeployConfig,
    PipelineConfig,
    PresentationConfig,
    QuantizeConfig,
)
from spikeseg_core.data.dataset import prepare_dataset
from spikeseg_core.network import save_network
from spikeseg_core.reporting import SILENT
from spikeseg_core.stages import partition, quantize
from spikeseg_core.stages.artifacts import MAPPING
from spikeseg_core.storage import save_arrays
from tests.spikeseg_core.data.small import small_dataset
from tests.spikeseg_core.loihi.cost.networks import random_rates, small_network
from tests.spikeseg_core.stages.test_contract import Made, run_all

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
    shutil.copy(folders["quantize"] / MAPPING, folders["tune"] / MAPPING)  # tuned as it is mapped
    return folders


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Folders and results of all eight stages of the contract test."""
    with pytest.MonkeyPatch.context() as patch:
        return run_all(tmp_path_factory.mktemp("made"), patch)
