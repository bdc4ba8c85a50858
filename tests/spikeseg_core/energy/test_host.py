from spikeseg_core.energy.host import host_operations
from tests.spikeseg_core.loihi.cost.networks import small_network


def test_host_does_its_layers_the_readout_and_its_neurons() -> None:
    network = small_network(8)  # stem 16 -> 8, 2x2 stride 2, 2 channels; read-out 8 -> 16
    stem = 8 * 8 * 2 * 2 * 1 * 2
    readout = 8 * 8 * 2 * 2 * 3 * 1
    assert host_operations(network, steps=10) == stem + readout + 10 * 8 * 8 * 2


def test_host_operations_are_part_of_the_networks() -> None:
    network = small_network()
    on_chip = 8 * 8 * 9 * 2 * 3 + 4 * 4 * 9 * 3 * 4 + (4 * 4 * 16 * 4 * 3 + 8 * 8 * 9 * 3 * 3)
    assert host_operations(network, 0) + on_chip == network.multiply_adds


def test_every_further_read_out_is_charged() -> None:
    network = small_network(8)
    readout = 8 * 8 * 2 * 2 * 3 * 1
    more = host_operations(network, 10, extra_readouts=0.25) - host_operations(network, 10)
    assert more == 4 * readout / 16
