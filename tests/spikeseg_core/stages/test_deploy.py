from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import grimp
import numpy as np
import pytest
from scipy.special import expit

from spikeseg_core.ann.events import ChipSpikes, assumed_cores
from spikeseg_core.ann.forward import convolutions, integers_of
from spikeseg_core.ann.unet import model_from_weights
from spikeseg_core.config import DeployConfig
from spikeseg_core.data.dataset import load_dataset
from spikeseg_core.evaluation.accounting import SCORES, loss_table
from spikeseg_core.loihi.cost.events import EventCounts
from spikeseg_core.loihi.mapping.core_mapping import CoreMapping
from spikeseg_core.network.depth import depth
from spikeseg_core.reporting import SILENT
from spikeseg_core.stages import deploy
from spikeseg_core.stages.artifacts import EVENTS, MAPPING
from spikeseg_core.stages.deployed import load_search
from spikeseg_core.stages.mapped import load_mapped
from spikeseg_core.storage import load_arrays
from tests.spikeseg_core.stages.conftest import CONFIG, NETWORK


def test_deployment_does_not_depend_on_pictures_nor_on_what_events_cost() -> None:
    graph = grimp.build_graph("spikeseg_core", exclude_type_checking_imports=True, cache_dir=None)
    reached = graph.find_upstream_modules("spikeseg_core.stages.deploy")
    priced = graph.find_upstream_modules("spikeseg_core.stages.benchmark")
    assert "spikeseg_core.loihi.cost.model" not in reached
    assert not any(name.startswith("spikeseg_core.energy") for name in reached)
    assert not any(name.startswith("spikeseg_core.figures") for name in reached | priced)


@pytest.fixture(scope="module")
def fast(mapped_stages: dict[str, Path], tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("fast")
    return deploy.run(CONFIG, mapped_stages, folder, SILENT), folder


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
    tried = load_search(folder)
    assert tried is not None
    assert list(zip(tried.table["window"], tried.table["steps"], strict=True)) == [
        (window, steps) for window in (0.5, 0.25) for steps in (10, 15, 20)
    ]
    deployed = tried.table.index[(tried.table["window"] == 0.5) & (tried.table["steps"] == 20)]
    events = EventCounts.load(folder / EVENTS)
    assert tried.events_of(deployed[0], "test").per_presentation() == events.per_presentation()
    for name in ("test/v_rand", "validation/pixel_accuracy"):
        assert tried.table[name][deployed[0]] == result.metrics["loihi"][name]


def test_the_way_from_exact_weights_to_cores_is_accounted_for(fast) -> None:
    result, _ = fast
    stages = {"ann": {f"test/{name}": 0.9 for name in SCORES}, **result.metrics}
    table = loss_table(stages)
    assert table["to"].tolist() == ["loihi/as_tuned", "loihi"]
    # The chip's clock, its integers and its cores were there in tuning.
    assert not table.loc[1:, list(SCORES)].to_numpy().any()
    total = result.metrics["loihi"]["test/v_info"] - 0.9
    assert table["v_info"].sum() == pytest.approx(total)


@pytest.mark.parametrize(
    "tune",
    [{"weight_bits": None}, {"weight_bits": 4}, {"synapse_ms": 1.0}, {"spiking_epochs": 0}],
    ids=str,
)
def test_a_network_not_tuned_on_events_is_compared_with_the_float_reference(
    mapped_stages, tune
) -> None:
    mapped = load_mapped(mapped_stages)
    tuned = CoreMapping.load(mapped_stages["tune"] / MAPPING)
    assert deploy.was_tuned_as_mapped(mapped, tuned, CONFIG)
    config = CONFIG.model_copy(update={"tune": CONFIG.tune.model_copy(update=tune)})
    rounded = replace(tuned, weight_bits=4) if tune.get("weight_bits") == 4 else tuned
    assert not deploy.was_tuned_as_mapped(mapped, rounded, config)


def test_what_was_tuned_is_what_is_deployed(mapped_stages, fast) -> None:
    mapped, (_, folder) = load_mapped(mapped_stages), fast
    dataset = load_dataset(mapped_stages["prepare"]).first(1)
    network, shown = mapped.network, CONFIG.presentation
    model = model_from_weights(network, mapped.weights, "loihi")
    integers = integers_of(network, model, assumed_cores(network, 8, mapped.tiles), 8)
    tiles = dataset.grid.cut(dataset.split("test")[0])[..., np.newaxis]
    window = (shown.readout_start, shown.steps)
    rates = ChipSpikes(network).rates(model, integers, tiles, [window])
    convolve, last = convolutions(network, model, integers), network.readout
    logits = np.asarray(convolve(None, last, rates[last.source]))[..., 0]
    found = dataset.grid.stitch(expit(logits)).astype(np.float16)
    np.testing.assert_array_equal(load_arrays(folder / "probability_loihi.npz")["test"], found)


def test_nengo_loihis_engine_segments_the_same(mapped_stages, fast, tmp_path) -> None:
    _, folder = fast
    slow = CONFIG.model_copy(update={"deploy": DeployConfig(engine="nengo-loihi", sections=1)})
    deploy.run(slow, mapped_stages, tmp_path, SILENT)
    expected, found = (load_arrays(f / "probability_loihi.npz")["test"] for f in (folder, tmp_path))
    np.testing.assert_array_equal(found, expected)
    assert EventCounts.load(tmp_path / EVENTS).basis == "from rates"


def test_both_engines_segment_the_same_without_resets(mapped_stages, fast, tmp_path) -> None:
    _, folder = fast
    made = {}
    for engine in ("fast", "nengo-loihi"):
        changed = {"engine": engine, "continuous": True, "grid": 9, "sections": 1}
        config = CONFIG.model_copy(update={"deploy": CONFIG.deploy.model_copy(update=changed)})
        made[engine] = tmp_path / engine
        made[engine].mkdir()
        result = deploy.run(config, mapped_stages, made[engine], SILENT)
        assert result.facts["continuous"]
        assert result.metrics["loihi"]["spikes/mean_rate_hz"] > 0
    with_resets, expected, found = (
        load_arrays(each / "probability_loihi.npz")["test"] for each in (folder, *made.values())
    )
    np.testing.assert_array_equal(found, expected)
    assert (expected != with_resets).any()
    counted, from_rates = (EventCounts.load(each / EVENTS) for each in made.values())
    assert (counted.basis, from_rates.basis) == ("counted", "from rates")
    assert counted.reset == from_rates.reset == 1 / 81
    assert counted.steps == from_rates.steps == 20 + depth(NETWORK) / 81
    spikes = (each.per_presentation()["spikes"] for each in (counted, from_rates))
    assert next(spikes) == pytest.approx(next(spikes), rel=0.05)
