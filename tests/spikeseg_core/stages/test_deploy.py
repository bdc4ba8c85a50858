from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from spikeseg_core.ann.unet import build_model, weights_of
from spikeseg_core.config import (
    DatasetConfig,
    DeployConfig,
    PipelineConfig,
    PresentationConfig,
    QuantizeConfig,
)
from spikeseg_core.data.dataset import prepare_dataset
from spikeseg_core.energy.events import EventCounts
from spikeseg_core.network import save_network
from spikeseg_core.reporting import SILENT
from spikeseg_core.stages import anytime, deploy, partition, quantize
from spikeseg_core.stages.deploy import EVENTS
from spikeseg_core.storage import load_arrays, save_arrays
from tests.spikeseg_core.energy.networks import random_rates, small_network

NETWORK = small_network(16, channels=(2, 4, 4, 4))
CONFIG = PipelineConfig(
    dataset=DatasetConfig(
        source="synthetic",
        synthetic_size=128,
        train_sections=2,
        validation_sections=2,
        test_sections=2,
        tiles_per_axis=8,
    ),
    presentation=PresentationConfig(steps=20),
    quantize=QuantizeConfig(mapping="square"),
    deploy=DeployConfig(anytime_steps=(10, 15, 40), sections=1),
)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
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


@pytest.fixture(scope="module")
def fast(inputs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("fast")
    return deploy.run(CONFIG, inputs, folder, SILENT), folder


def test_the_stage_says_how_the_network_does_and_what_happened(fast) -> None:
    result, folder = fast
    metrics = result.metrics["loihi"]
    assert 0 <= metrics["test/v_rand"] <= 1
    assert metrics["spikes/mean_rate_hz"] > 0
    assert result.facts["sections"] == {"validation": 1, "test": 1}
    assert all(path.exists() for path in (*result.figures, *result.tables))
    events = EventCounts.load(folder / EVENTS)
    assert events.basis == "counted"
    assert events.presentations == 64
    spikes = metrics["spikes/mean_rate_hz"] * NETWORK.neurons_on_chip * 0.02 * 64
    assert events.totals["spikes"] == pytest.approx(spikes)


def test_the_last_row_of_the_anytime_curve_is_the_whole_presentation(fast) -> None:
    result, folder = fast
    table = pd.read_parquet(folder / "anytime.parquet")
    assert table["steps"].tolist() == [10, 15, 20]
    for name in ("test/v_rand", "validation/pixel_accuracy"):
        assert table[name].iloc[-1] == result.metrics["loihi"][name]
    assert table["loihi_dynamic_mj"].is_monotonic_increasing
    assert result.facts["steps_chosen_on_validation"] in (10, 15, 20)


def test_nengo_loihis_engine_segments_the_same(inputs, fast, tmp_path) -> None:
    _, folder = fast
    slow = CONFIG.model_copy(
        update={"deploy": DeployConfig(engine="nengo-loihi", sections=1, anytime_steps=())}
    )
    deploy.run(slow, inputs, tmp_path, SILENT)
    expected, found = (load_arrays(f / "probability_loihi.npz")["test"] for f in (folder, tmp_path))
    np.testing.assert_array_equal(found, expected)
    assert EventCounts.load(tmp_path / EVENTS).basis == "from rates"


@pytest.mark.parametrize(
    ("v_rand", "chosen"),
    [([0.97, 0.97, 0.97], 25), ([0.5, 0.97, 0.975], 50), ([0.97, 0.5, 0.97], 100)],
)
def test_the_shortest_presentation_that_is_good_enough(v_rand, chosen) -> None:
    table = pd.DataFrame(
        {
            "steps": [25, 50, 100],
            "validation/v_rand": v_rand,
            "validation/v_info": 0.98,
            "validation/pixel_accuracy": 0.92,
        }
    )
    assert anytime.shortest_good_enough(table) == chosen
