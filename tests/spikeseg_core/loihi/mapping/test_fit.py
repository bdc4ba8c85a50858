import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spikeseg_core.errors import MappingError
from spikeseg_core.loihi.chip import LOIHI_1
from spikeseg_core.loihi.mapping.fit import RESOURCES, fit, fit_table
from spikeseg_core.loihi.quantization.build import build_network, discretize
from spikeseg_core.network import IMAGE, Connection, Layer, Network
from spikeseg_core.network.catalogue import NETWORKS
from spikeseg_core.network.sparsity import sparse
from tests.spikeseg_core.loihi.networks import random_network, random_tiles, random_weights

PAPER = NETWORKS["paper"]


@settings(max_examples=8, deadline=None)
@given(
    seed=st.integers(0, 10_000), bits=st.sampled_from([4, 6, 8]), keep=st.sampled_from([1, 3, 8])
)
def test_agrees_with_nengo_loihi_after_building(seed, bits, keep):
    rng = np.random.default_rng(seed)
    network = sparse(random_network(rng, channels=lambda rng: 4 * int(rng.integers(1, 5))), keep)
    tiles = random_tiles(rng, network, step=4 if keep == 8 else 8)
    population_type = int(rng.choice([16, 32]))
    built = build_network(
        network,
        random_weights(rng, network),
        tiles,
        population_type=population_type,
        weight_bits=bits,
    )
    blocks = discretize(built)
    for part in fit(network, tiles, population_type, bits):
        used = [b.utilization().values() for b in blocks.blocks(part.name)]
        found = np.array([[value for value, _ in u] for u in used]).T
        np.testing.assert_array_equal(found, [getattr(part, name) for name in RESOURCES])
        limits_found = [limit for _, limit in next(iter(used))]
        assert limits_found == [getattr(LOIHI_1, name) for name in RESOURCES]


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_compartment_bases_agree_with_nengo_loihi(seed):
    rng = np.random.default_rng(seed)
    network = random_network(rng)
    tiles = random_tiles(rng, network)
    blocks = discretize(
        build_network(network, random_weights(rng, network), tiles, population_type=32)
    )
    for part in fit(network, tiles, 32):
        bases = np.concatenate(
            [s.axon_compartment_bases for b in blocks.blocks(part.name) for s in b.synapses]
        )
        bases = bases[bases >= 0]
        step = 1 if (bases % 2).any() else 2 if (bases % 4).any() else 4
        assert part.base_step == step


def test_counts_what_the_reference_measured():
    # shared/reference: 24x24x64 -> 12x12x96 with stride 2 needs 552,960 bits in a 6x6x12 tile
    # and 1,809,408 in 6x6x24.
    network = Network(
        "wide",
        24,
        (
            Layer("stem", 64, (Connection(IMAGE),), on_chip=False),
            Layer("down", 96, (Connection("stem", stride=2),)),
        ),
        Connection("down", kind="conv_transpose", kernel=2, stride=2),
    )
    (small,) = fit(network, {"down": (6, 6, 12)})
    (large,) = fit(network, {"down": (6, 6, 24)})
    assert (small.cores, small.synapse_bits.max()) == (32, 552_960)
    assert large.synapse_bits.max() == 1_809_408
    assert large.problems() == [
        "1,809,408 synapse bits in a core, the limit is 1,048,576",
    ]


def test_table_has_a_row_per_layer_and_shares_of_the_limits():
    tiles = {layer.name: (12, 12, 4) for layer in PAPER.chip_layers()}
    tiles |= {"enc3": (6, 6, 4), "enc3b": (6, 6, 4)}
    table = fit_table(PAPER, tiles)
    assert list(table["layer"]) == [layer.name for layer in PAPER.chip_layers()]
    assert table["neurons"].sum() == PAPER.neurons_on_chip
    assert np.allclose(table["synapse_bits_used"], table["synapse_bits"] / LOIHI_1.synapse_bits)


def test_odd_channel_depths_need_population_type_32():
    network = random_network(np.random.default_rng(0), channels=lambda rng: 6, size=8)
    tiles = {layer.name: network.shape(layer.name) for layer in network.chip_layers()}
    assert any("multiples of 4" in text for part in fit(network, tiles) for text in part.problems())
    assert not any(part.problems(32) for part in fit(network, tiles, 32))


def test_tile_that_cuts_a_group_of_channels():
    network = sparse(PAPER, 2)
    tiles = {layer.name: (4, 4, layer.channels) for layer in network.chip_layers()}
    with pytest.raises(MappingError, match="'enc0': a tile of 4x4x12 cuts groups of 8 channels"):
        fit(network, tiles | {"enc0": (4, 4, 12)})


def test_layer_without_a_tile_and_tile_outside_its_layer():
    network = random_network(np.random.default_rng(0))
    tiles = random_tiles(np.random.default_rng(0), network)
    with pytest.raises(MappingError, match="layer 'a' has no tile"):
        fit(network, {k: v for k, v in tiles.items() if k != "a"})
    with pytest.raises(MappingError, match=r"layer 'b': a tile of 99x1x1 does not lie inside"):
        fit(network, tiles | {"b": (99, 1, 1)})
