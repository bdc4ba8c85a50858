import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spikeseg_core.errors import MappingError
from spikeseg_core.loihi.mapping.traffic import traffic, uniform_rates
from spikeseg_core.loihi.quantization.build import build_network, discretize
from spikeseg_core.network import DT
from spikeseg_core.stack import nengo_loihi
from tests.spikeseg_core.loihi.networks import random_network, random_tiles, random_weights


def by_allocator(model, rates=None):
    """Traffic as nengo-loihi's allocators estimate it from the built blocks."""
    blocks = dict(enumerate(model.blocks))
    found = nengo_loihi.hardware.allocators.estimate_interblock_activity(blocks, rates)
    table = np.zeros((len(blocks), len(blocks)))
    for i, targets in found.items():
        for j, value in targets.items():
            table[i, j] = value
    return table


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_agrees_with_nengo_loihi_on_built_blocks(seed):
    rng = np.random.default_rng(seed)
    network = random_network(rng, size=int(rng.choice([8, 12])))
    tiles = random_tiles(rng, network)
    built = build_network(network, random_weights(rng, network), tiles, population_type=32)
    model = discretize(built).model
    np.testing.assert_allclose(traffic(network, tiles).between.toarray(), by_allocator(model))

    rates = {x.name: rng.random(network.shape(x.name)) * 100 for x in network.layers}
    block_rates = nengo_loihi.hardware.allocators.ensemble_to_block_rates(
        model,
        {built.ensembles[x.name]: rates[x.name].ravel() for x in network.chip_layers()},
    )
    found = traffic(network, tiles, rates)
    used = sum(a.n_axons > 0 for b in model.blocks for a in b.axons)
    np.testing.assert_allclose(found.between.toarray(), by_allocator(model, block_rates) * DT)
    assert found.unit == "messages per step"
    assert found.between.nnz <= used


def test_host_messages_count_every_core_that_a_spike_reaches():
    network = random_network(np.random.default_rng(1), size=8)
    tiles = {layer.name: network.shape(layer.name) for layer in network.chip_layers()}
    rates = uniform_rates(network, 100.0)
    whole = traffic(network, tiles, rates)
    assert whole.from_host.sum() == pytest.approx(network.neurons("stem") * 0.1)
    halves = traffic(network, tiles | {"a": (4, 8, network.layer("a").channels)}, rates)
    assert halves.from_host.sum() > whole.from_host.sum()


def test_chip_table_adds_up():
    rng = np.random.default_rng(2)
    network = random_network(rng)
    found = traffic(network, random_tiles(rng, network))
    chips = rng.integers(0, 3, found.cores)
    table = found.between_chips(chips)
    assert table.sum() == found.total
    assert table.sum() - np.trace(table) == found.interchip(chips)


def test_zero_rates_send_nothing():
    rng = np.random.default_rng(2)
    network = random_network(rng)
    found = traffic(network, random_tiles(rng, network), uniform_rates(network, 0.0))
    assert found.total == 0
    assert found.interchip(np.arange(found.cores)) == 0


def test_rates_of_the_wrong_shape_name_the_layer():
    rng = np.random.default_rng(2)
    network = random_network(rng, size=8)
    rates = uniform_rates(network, 1.0) | {"a": np.zeros((2, 2, 2))}
    with pytest.raises(MappingError, match=r"layer 'a' have shape \(2, 2, 2\), the layer has"):
        traffic(network, random_tiles(rng, network), rates)
