import json

import numpy as np
import pandas as pd
import pytest

from spikeseg_core.config import PartitionConfig, PipelineConfig, QuantizeConfig
from spikeseg_core.errors import DataError, MappingError
from spikeseg_core.loihi.integer_network import IntegerNetwork
from spikeseg_core.loihi.mapping.partition import STRATEGIES, Placement
from spikeseg_core.network import save_network
from spikeseg_core.network.catalogue import NETWORKS
from spikeseg_core.reporting import SILENT
from spikeseg_core.stages import partition, quantize
from spikeseg_core.storage import save_arrays
from tests.spikeseg_core.loihi.networks import random_network, random_weights

PAPER = NETWORKS["paper"]


def folders(tmp_path, network, rng):
    save_network(tmp_path / "tune", network, random_weights(rng, network))
    rates = {
        x.name: rng.gamma(0.5, 40, network.shape(x.name)).astype(np.float32) for x in network.layers
    }
    save_arrays(tmp_path / "convert" / "rates.npz", rates)
    return {name: tmp_path / name for name in ("tune", "convert", "quantize", "partition")}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    rng = np.random.default_rng(0)
    network = random_network(rng, size=24, channels=lambda rng: 12)
    inputs = folders(tmp_path_factory.mktemp("run"), network, rng)
    config = PipelineConfig(partition=PartitionConfig(strategy="optimized"))
    results = [
        quantize.run(config, inputs, inputs["quantize"], SILENT),
        partition.run(config, inputs, inputs["partition"], SILENT),
    ]
    return network, inputs, results


def test_quantize_writes_the_integer_network_and_its_tables(run):
    network, inputs, (result, _) = run
    integer = IntegerNetwork.load(inputs["quantize"] / "integer")
    metrics = result.metrics["quantize"]
    assert integer.n_neurons == network.neurons_on_chip == metrics["mapping/neurons_on_chip"]
    assert integer.n_blocks == metrics["mapping/cores"]
    table = pd.read_parquet(result.tables[0])
    assert list(table["layer"]) == [layer.name for layer in network.chip_layers()]
    used = table[[c for c in table.columns if c.endswith("_used")]]
    assert (used <= 1).all(axis=None)
    assert 0 < table["weight_error"].max() < 0.05
    json.dumps(result.facts)


def test_partition_compares_every_strategy_and_draws(run):
    network, inputs, (_, result) = run
    placement = Placement.load(inputs["partition"] / "placement.json")
    strategies, blocks = (pd.read_parquet(path) for path in result.tables)
    assert tuple(strategies["strategy"]) == STRATEGIES
    assert len(blocks) == len(placement.chips) == result.metrics["partition"]["mapping/cores"]
    np.testing.assert_array_equal(blocks["chip"], placement.chips)
    assert set(blocks["layer"]) == {layer.name for layer in network.chip_layers()}
    assert all(path.stat().st_size > 1000 for path in result.figures)
    json.dumps(result.facts)


def test_squares_that_need_a_third_chip_say_so(tmp_path):
    config = PipelineConfig(quantize=QuantizeConfig(mapping="square", chips=1))
    inputs = folders(tmp_path, PAPER, np.random.default_rng(0))
    with pytest.raises(MappingError, match=r"needs \d+ cores .* a board of 1 x 128 has 128"):
        quantize.run(config, inputs, inputs["quantize"], SILENT)


def test_damaged_mapping_names_the_stage_to_run(tmp_path):
    (tmp_path / "mapping.json").write_text("{}")
    with pytest.raises(DataError, match="run the quantize stage again"):
        quantize.load_mapping(tmp_path)
