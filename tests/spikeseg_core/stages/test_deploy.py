from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import grimp
import numpy as np
import pytest

from spikeseg_core.ann.float_reference import segment_with_float_reference
from spikeseg_core.ann.unet import build_model, weights_of
from spikeseg_core.config import (
    DatasetConfig,
    DeployConfig,
    PipelineConfig,
    PresentationConfig,
    QuantizeConfig,
)
from spikeseg_core.data.dataset import prepare_dataset
from spikeseg_core.evaluation.accounting import SCORES, loss_table
from spikeseg_core.loihi.cost.events import EventCounts
from spikeseg_core.loihi.quantization.extract import extract_network
from spikeseg_core.loihi.run.emulated import run_fast
from spikeseg_core.network import save_network
from spikeseg_core.presentation.search import Search
from spikeseg_core.reporting import SILENT
from spikeseg_core.stages import deploy, partition, quantize
from spikeseg_core.stages.artifacts import EVENTS, PRESENTATIONS, PRESENTED_EVENTS
from spikeseg_core.storage import load_arrays, save_arrays
from tests.spikeseg_core.loihi.cost.networks import random_rates, small_network

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
    deploy=DeployConfig(
        presentation_steps=(10, 15),
        readout_windows=(0.25,),
        tiles_per_axis=(),
        early_exit=(),
        sections=1,
    ),
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


def test_deployment_does_not_depend_on_pictures_nor_on_what_events_cost() -> None:
    graph = grimp.build_graph("spikeseg_core", exclude_type_checking_imports=True, cache_dir=None)
    reached = graph.find_upstream_modules("spikeseg_core.stages.deploy")
    priced = graph.find_upstream_modules("spikeseg_core.stages.benchmark")
    assert "spikeseg_core.loihi.cost.model" not in reached
    assert not any(name.startswith("spikeseg_core.energy") for name in reached)
    assert not any(name.startswith("spikeseg_core.figures") for name in reached | priced)


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
    assert all(path.exists() for path in result.tables)
    events = EventCounts.load(folder / EVENTS)
    assert events.basis == "counted"
    assert events.presentations == 64
    spikes = metrics["spikes/mean_rate_hz"] * NETWORK.neurons_on_chip * 0.02 * 64
    assert events.totals["spikes"] == pytest.approx(spikes)


def test_every_presentation_that_was_tried_is_kept_to_be_priced(fast) -> None:
    result, folder = fast
    tried = Search.load(folder / PRESENTATIONS, folder / PRESENTED_EVENTS)
    assert list(zip(tried.table["window"], tried.table["steps"], strict=True)) == [
        (window, steps) for window in (0.5, 0.25) for steps in (10, 15, 20)
    ]
    deployed = tried.table.index[(tried.table["window"] == 0.5) & (tried.table["steps"] == 20)]
    events = EventCounts.load(folder / EVENTS)
    assert tried.events_of(deployed[0], "test").per_presentation() == events.per_presentation()
    for name in ("test/v_rand", "validation/pixel_accuracy"):
        assert tried.table[name][deployed[0]] == result.metrics["loihi"][name]


def test_the_way_from_exact_weights_to_cores_is_accounted_for(inputs, fast) -> None:
    result, _ = fast
    stages = {"ann": {f"test/{name}": 0.9 for name in SCORES}, **result.metrics}
    table = loss_table(stages)
    assert table["to"].tolist() == ["loihi/exact_weights", "loihi/one_scale_a_layer", "loihi"]
    total = result.metrics["loihi"]["test/v_info"] - 0.9
    assert table["v_info"].sum() == pytest.approx(total)


@pytest.mark.parametrize("synapse_ms", [0, 1, 4])
def test_the_twin_with_the_scales_of_the_cores_is_the_chip(inputs, synapse_ms) -> None:
    mapped = deploy.load_mapped(inputs)
    integer = extract_network(mapped.blocks(synapse_ms).model)
    mapped = replace(mapped, integer=integer)
    images = np.random.default_rng(0).normal(size=(4, NETWORK.tile, NETWORK.tile))
    tiles = images.astype(np.float32)
    shown = PresentationConfig(steps=40, synapse_ms=synapse_ms)
    chip = run_fast(mapped, tiles, shown).logits

    def twin(**settings):
        return segment_with_float_reference(
            mapped.network, mapped.weights, tiles, shown, **settings
        )

    rounded = twin(weight_bits=mapped.weight_bits, core_tiles=mapped.tiles)
    # Integer and floating-point arithmetic move a spike by a step now and then.
    assert np.isclose(rounded, chip, atol=1e-3).mean() > 0.8
    assert np.abs(rounded - chip).mean() < 0.5 * np.abs(twin() - chip).mean()


def test_nengo_loihis_engine_segments_the_same(inputs, fast, tmp_path) -> None:
    _, folder = fast
    slow = CONFIG.model_copy(update={"deploy": DeployConfig(engine="nengo-loihi", sections=1)})
    deploy.run(slow, inputs, tmp_path, SILENT)
    expected, found = (load_arrays(f / "probability_loihi.npz")["test"] for f in (folder, tmp_path))
    np.testing.assert_array_equal(found, expected)
    assert EventCounts.load(tmp_path / EVENTS).basis == "from rates"
