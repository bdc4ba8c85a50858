"""Stages 2 to 4 after one another, on synthetic sections and a tiny network."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from spikeseg_core.config import (
    DatasetConfig,
    PipelineConfig,
    PresentationConfig,
    TrainConfig,
    TuneConfig,
)
from spikeseg_core.data.dataset import load_dataset
from spikeseg_core.evaluation.segment import keras_segmenter, segment_sections
from spikeseg_core.network import catalogue, load_network
from spikeseg_core.reporting import SILENT
from spikeseg_core.stack import keras
from spikeseg_core.stages import convert, prepare, train, tune
from spikeseg_core.stages.base import StageResult
from spikeseg_core.storage import load_arrays
from tests.spikeseg_core.ann.networks import TINY

CONFIG = PipelineConfig(
    dataset=DatasetConfig(
        source="synthetic",
        synthetic_size=128,
        train_sections=2,
        validation_sections=1,
        test_sections=1,
        tiles_per_axis=8,
    ),
    train=TrainConfig(network="tiny", epochs=1, steps_per_epoch=4),
    tune=TuneConfig(epochs=1, spiking_epochs=1, steps_per_epoch=2, spiking_steps=(10,)),
    presentation=PresentationConfig(steps=10),
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tuple[Path, StageResult]]]:
    base = tmp_path_factory.mktemp("stages")
    stages = {"prepare": prepare, "train": train, "tune": tune, "convert": convert}
    results: dict[str, tuple[Path, StageResult]] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(catalogue.NETWORKS, "tiny", TINY)
        for name, module in stages.items():
            folders = {done: folder for done, (folder, _) in results.items()}
            (base / name).mkdir()
            results[name] = (base / name, module.run(CONFIG, folders, base / name, SILENT))
    yield results


def test_every_segmentation_has_the_same_scores(made: dict[str, tuple[Path, StageResult]]) -> None:
    tags = {
        tag: {key for key in metrics if not key.startswith("spikes/")}
        for stage in ("train", "tune", "convert")
        for tag, metrics in made[stage][1].metrics.items()
    }
    assert set(tags) == {"ann", "ann_loihi_curve", "rate_tuned", "snn_rate", "snn_spiking"}
    assert len({frozenset(names) for names in tags.values()}) == 1
    assert {"test/v_rand", "test/pixel_accuracy", "validation/v_info"} <= tags["ann"]
    for stage, tag in [("tune", "rate_tuned"), ("convert", "snn_spiking")]:
        assert "spikes/mean_rate_hz" in made[stage][1].metrics[tag]


def test_files_that_a_result_names_exist(made: dict[str, tuple[Path, StageResult]]) -> None:
    for folder, result in made.values():
        for path in result.tables:
            assert path.exists()
            assert path.parent == folder


@pytest.mark.parametrize(("stage", "tag"), [("train", "ann"), ("tune", "rate_tuned")])
def test_a_loaded_model_repeats_the_kept_probabilities(
    made: dict[str, tuple[Path, StageResult]], stage: str, tag: str
) -> None:
    folder, _ = made[stage]
    model = keras.models.load_model(folder / "model.keras")
    found = segment_sections(keras_segmenter(model), load_dataset(made["prepare"][0]), "test")
    kept = load_arrays(folder / f"probability_{tag}.npz")["test"]
    np.testing.assert_allclose(found, kept.astype(np.float32), atol=1e-3)


def test_rates_by_neuron_are_kept_for_the_mapping(
    made: dict[str, tuple[Path, StageResult]],
) -> None:
    network, _ = load_network(made["tune"][0])
    rates = load_arrays(made["convert"][0] / "rates.npz")
    for layer in network.layers:
        assert rates[layer.name].shape == network.shape(layer.name)
        assert (rates[layer.name] >= 0).all()
    assert max(r.max() for r in rates.values()) <= 1000


def test_history_has_the_curves(made: dict[str, tuple[Path, StageResult]]) -> None:
    history = pd.read_parquet(made["tune"][0] / "history.parquet")
    assert list(history["epoch"]) == [1, 2]
    assert {"train/loss", "validation/loss", "validation/rate_loss"} <= set(history)
