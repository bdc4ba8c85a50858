import json
from functools import cache

import numpy as np
import pandas as pd
import pytest

from spikeseg_core.bench.cases import trained_case
from spikeseg_core.bench.mapping import measure
from spikeseg_core.config import PartitionConfig, PipelineConfig
from spikeseg_core.figures.stages.partition import draw_partition as draw
from spikeseg_core.loihi.chip import Board
from spikeseg_core.loihi.mapping.core_mapping import CoreMapping
from spikeseg_core.loihi.mapping.partition import STRATEGIES
from spikeseg_core.loihi.mapping.placement import Placement
from spikeseg_core.loihi.mapping.traffic import traffic
from spikeseg_core.reporting import SILENT
from spikeseg_core.stages import partition, quantize
from spikeseg_core.storage import load_arrays
from tests.spikeseg_core.loihi.networks import random_network
from tests.spikeseg_core.stages.mapped import folders


def run(tmp_path, monkeypatch, seed, strategy="optimized"):
    """Stages 5 and 6 of a random network, on two chips that its tiles nearly fill."""
    rng = np.random.default_rng(seed)
    network = random_network(rng, size=24, channels=lambda rng: 12)
    for stage in (quantize, partition):
        monkeypatch.setattr(stage, "Board", lambda chips: Board(chips, 12))
    inputs = folders(tmp_path, network, rng)
    config = PipelineConfig(partition=PartitionConfig(strategy=strategy, seed=seed))
    quantize.run(config, inputs, inputs["quantize"], SILENT)
    result = partition.run(config, inputs, inputs["partition"], SILENT)
    return network, config, inputs, result


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """Results of :func:`run` by seed, each computed once."""

    @cache
    def of_seed(seed):
        with pytest.MonkeyPatch.context() as patch:
            return run(tmp_path_factory.mktemp("ran"), patch, seed)

    return of_seed


def test_partition_compares_every_strategy_and_draws(ran):
    network, config, inputs, result = ran(0)
    placement = Placement.load(inputs["partition"] / "placement.json")
    strategies, blocks = (pd.read_parquet(path) for path in result.tables)
    assert tuple(strategies["strategy"]) == STRATEGIES
    assert len(blocks) == len(placement.chips) == result.metrics["partition"]["mapping/cores"]
    np.testing.assert_array_equal(blocks["chip"], placement.chips)
    assert set(blocks["layer"]) == {layer.name for layer in network.chip_layers()}
    drawn = draw(config, inputs, inputs["partition"])
    assert all(path.stat().st_size > 1000 for path in drawn)
    json.dumps(result.facts)
    assert "seconds" not in strategies


@pytest.mark.parametrize("seed", range(3))
def test_never_more_messages_between_chips_than_the_quantize_stage_found(ran, seed):
    network, _, inputs, result = ran(seed)
    mapping = CoreMapping.load(inputs["quantize"] / "mapping.json")
    placement = Placement.load(inputs["partition"] / "placement.json")
    messages = traffic(network, mapping.tiles, load_arrays(inputs["convert"] / "rates.npz"))
    assert placement.chip_count == 2
    carried = messages.interchip(mapping.chips)
    assert 0 < messages.interchip(placement.chips) <= carried
    assert result.facts["quantize_interchip_messages_per_step"] == pytest.approx(carried)


def test_another_strategy_stays_as_asked(tmp_path, monkeypatch):
    _, _, inputs, result = run(tmp_path, monkeypatch, 0, "round_robin")
    crossing = result.metrics["partition"]["mapping/interchip_messages_per_step"]
    assert crossing > result.facts["quantize_interchip_messages_per_step"]
    assert Placement.load(inputs["partition"] / "placement.json").strategy == "round_robin"


@pytest.mark.parametrize("seed", [0, 1])
def test_what_is_deployed_is_what_the_bench_reports_as_optimized(ran, monkeypatch, seed):
    _, config, inputs, _ = ran(seed)
    monkeypatch.setattr("spikeseg_core.bench.cases.Board", lambda chips: Board(chips, 12))
    found = measure(trained_case(config, inputs), config.partition.seed)["strategies"]
    optimized, deployed = found["optimized"], found["deployed"]
    assert deployed == {name: optimized[name] for name in deployed}
    assert deployed["chips"] == 2
