import numpy as np
import pytest

from spikeseg_core.errors import MappingError
from spikeseg_core.loihi.chip import LOIHI_1
from spikeseg_core.loihi.mapping.fit import fit, fit_table
from spikeseg_core.loihi.mapping.tiles import (
    candidates,
    check_fit,
    choose_tiles,
    fewest_cores,
    parts,
)
from spikeseg_core.network import IMAGE, Connection, Layer, Network
from spikeseg_core.network.catalogue import NETWORKS

PAPER = NETWORKS["paper"]


def one_layer(channels_in, channels, size, kernel=3, stride=1):
    return Network(
        "one",
        size * stride,
        (
            Layer("stem", channels_in, (Connection(IMAGE),), on_chip=False),
            Layer("a", channels, (Connection("stem", kernel=kernel, stride=stride),)),
        ),
        Connection("a", kind="conv_transpose", kernel=stride, stride=stride),
    )


def test_parts_are_the_smallest_for_each_number_of_parts():
    assert parts(10) == (10, 5, 4, 3, 2, 1)


def test_candidates_are_at_most_a_core_and_fewest_cores_come_first():
    found = candidates((48, 48, 28), 16)
    cores = [np.prod(np.ceil(np.array([48, 48, 28]) / tile)) for tile in found]
    assert cores == sorted(cores)
    assert all(np.prod(tile) <= LOIHI_1.compartments and tile[2] % 4 == 0 for tile in found)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("strategy", ["square", "fewest_cores"])
def test_chosen_tiles_fit(name, strategy):
    network = NETWORKS[name]
    tiles = choose_tiles(network, strategy)
    for part in fit(network, tiles):
        assert not part.problems()
        if strategy == "square":
            assert part.tile[0] == part.tile[1]


def test_free_shapes_need_no_more_cores_than_squares():
    cores = {
        strategy: fit_table(PAPER, choose_tiles(PAPER, strategy))["cores"].sum()
        for strategy in ("square", "fewest_cores")
    }
    assert cores["fewest_cores"] <= cores["square"]


def test_paper_network_has_its_neurons_on_two_chips():
    assert abs(PAPER.neurons_on_chip - 238_000) <= 0.03 * 238_000
    cores = fit_table(PAPER, choose_tiles(PAPER))["cores"].sum()
    assert fewest_cores(PAPER) == cores
    assert LOIHI_1.cores < cores <= 2 * LOIHI_1.cores


def test_fewer_weight_bits_and_type_32_are_heard():
    network = one_layer(96, 96, 6)
    eight, four = (
        fit_table(network, choose_tiles(network, weight_bits=bits), weight_bits=bits)
        for bits in (8, 4)
    )
    assert four["cores"].sum() < eight["cores"].sum()
    odd = one_layer(4, 7, 24)  # type 16 leaves only tiles whose compartment bases are all 0
    assert choose_tiles(odd)["a"][:2] == (1, 1)
    assert choose_tiles(odd, population_type=32)["a"][0] > 1


def test_1025_compartments_in_one_tile():
    network = one_layer(1, 1, 1025)
    with pytest.raises(MappingError) as error:
        check_fit(network, {"a": (1, 1025, 1)}, population_type=32)
    text = str(error.value)
    assert "layer 'a', tile 1x1025x1: 1,025 compartments in a core, the limit is 1,024" in text
    assert "the largest tile that fits is" in text


def test_too_many_input_axons():
    # 16 x 16 outputs of an 8 x 8 stride-4 stem see 68 x 68 pixels.
    network = one_layer(1, 4, 48, kernel=8, stride=4)
    with pytest.raises(MappingError, match=r"4,624 input axons in a core, the limit is 4,096"):
        check_fit(network, {"a": (16, 16, 4)})
    check_fit(network, choose_tiles(network))


def test_too_many_output_axons_point_at_the_layers_it_feeds():
    network = Network(
        "fan",
        32,
        (
            Layer("stem", 4, (Connection(IMAGE),), on_chip=False),
            Layer("a", 1, (Connection("stem"),)),
            Layer("b", 64, (Connection("a", kernel=5),)),
        ),
        Connection("b"),
    )
    with pytest.raises(MappingError, match=r"'a', tile 32x32x1: .* output axons .* it feeds"):
        check_fit(network, {"a": (32, 32, 1), "b": (4, 4, 4)}, population_type=32)


def test_synapse_memory_that_no_tile_can_hold():
    network = one_layer(512, 4, 8, kernel=9)
    with pytest.raises(MappingError, match=r"layer 'a': no tile fits a core; .* synapse bits"):
        choose_tiles(network)


def test_a_layer_that_nothing_reads():
    network = Network(
        "side",
        8,
        (
            Layer("stem", 4, (Connection(IMAGE),), on_chip=False),
            Layer("dead_end", 4, (Connection("stem"),)),
            Layer("a", 4, (Connection("stem"),)),
        ),
        Connection("a"),
    )
    for part in check_fit(network, choose_tiles(network)):
        assert part.output_axons.max() == 0
