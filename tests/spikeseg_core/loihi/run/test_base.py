import numpy as np
import pytest

from spikeseg_core.errors import DeploymentError
from spikeseg_core.loihi.run.base import host_layer, host_spikes, read_out
from spikeseg_core.network import IMAGE, Connection, Layer, Network
from tests.spikeseg_core.loihi.networks import random_weights
from tests.spikeseg_core.loihi.run.networks import IMAGES, MAPPED


def test_host_spikes_follow_the_neuron():
    network, weights = MAPPED.network, MAPPED.weights
    spikes = host_spikes(network, weights, "stem", IMAGES, 200)
    assert spikes.shape == (3, 200, *network.shape("stem"))
    first = spikes.argmax(axis=1)
    again = spikes.sum(axis=1)
    regular = again > 1
    # Spikes come every first + 1 steps, so their number follows from the first one.
    np.testing.assert_array_equal(again[regular], (200 // (first + 1))[regular])


def test_host_layers_fed_by_layers_need_the_slow_engine():
    network = Network(
        "deep host",
        8,
        (
            Layer("stem", 2, (Connection(IMAGE),), on_chip=False),
            Layer("second", 2, (Connection("stem"),), on_chip=False),
            Layer("a", 4, (Connection("second"),)),
        ),
        Connection("a"),
    )
    weights = random_weights(np.random.default_rng(0), network)
    with pytest.raises(DeploymentError, match="choose engine 'nengo-loihi'"):
        host_spikes(network, weights, "second", np.zeros((1, 8, 8)), 5)
    assert host_layer(network, "stem-2") == "stem"
    with pytest.raises(DeploymentError, match="'other' of the integer network is not a host layer"):
        host_layer(network, "other")


def test_read_out_is_linear_in_the_counts():
    network, weights = MAPPED.network, MAPPED.weights
    counts = np.ones((1, *network.shape("d")), dtype=np.int32)
    one, two = (read_out(network, weights, counts * n, 10) for n in (1, 2))
    np.testing.assert_allclose(two, 2 * one, rtol=1e-5)
