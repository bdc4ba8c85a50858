import json

import numpy as np
import pandas as pd
import pytest

from spikeseg_core.config import PipelineConfig, QuantizeConfig
from spikeseg_core.errors import MappingError
from spikeseg_core.loihi.integer_network import IntegerNetwork
from spikeseg_core.loihi.mapping.core_mapping import CoreMapping
from spikeseg_core.network.catalogue import NETWORKS
from spikeseg_core.reporting import SILENT
from spikeseg_core.stages import quantize
from tests.spikeseg_core.loihi.networks import random_network
from tests.spikeseg_core.stages.mapped import folders

PAPER = NETWORKS["paper"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    rng = np.random.default_rng(0)
    network = random_network(rng, size=24, channels=lambda rng: 12)
    inputs = folders(tmp_path_factory.mktemp("run"), network, rng)
    return network, inputs, quantize.run(PipelineConfig(), inputs, inputs["quantize"], SILENT)


def test_quantize_writes_the_integer_network_and_its_tables(run):
    network, inputs, result = run
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


def test_the_mapping_has_a_chip_for_every_core(run):
    _, inputs, result = run
    mapping = CoreMapping.load(inputs["quantize"] / "mapping.json")
    assert mapping.tiles == result.facts["tiles"]
    assert len(mapping.chips) == result.facts["cores"]
    assert (mapping.population_type, mapping.weight_bits) == (16, 8)


def test_squares_get_chips_too(tmp_path):
    rng = np.random.default_rng(1)
    network = random_network(rng, size=16, channels=lambda rng: 4)
    rates = {x.name: np.full(network.shape(x.name), 20.0) for x in network.layers}
    mapping = quantize.map_network(QuantizeConfig(mapping="square"), network, rates)
    assert all(tile[0] == tile[1] for tile in mapping.tiles.values())
    assert mapping.chips.max() == 0


def test_squares_that_need_a_third_chip_say_so(tmp_path):
    config = PipelineConfig(quantize=QuantizeConfig(mapping="square", chips=1))
    inputs = folders(tmp_path, PAPER, np.random.default_rng(0))
    with pytest.raises(MappingError, match=r"needs \d+ cores .* a board of 1 x 128 has 128"):
        quantize.run(config, inputs, inputs["quantize"], SILENT)
