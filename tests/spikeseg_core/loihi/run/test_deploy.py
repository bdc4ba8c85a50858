from dataclasses import replace

import numpy as np
import pytest

from spikeseg_core.config import DeployConfig, PresentationConfig
from spikeseg_core.errors import DeploymentError
from spikeseg_core.loihi.integer_network import IntegerNetwork
from spikeseg_core.loihi.mapping.partition import partition
from spikeseg_core.loihi.mapping.traffic import traffic
from spikeseg_core.loihi.quantization.build import build_network, discretize
from spikeseg_core.loihi.run import deploy as deploy_module
from spikeseg_core.loihi.run.deploy import MappedNetwork, deploy, host_layer, host_spikes, read_out
from spikeseg_core.loihi.run.energy_probe import BoardEnergy
from spikeseg_core.network import IMAGE, Connection, Layer, Network
from spikeseg_core.stack import nengo_loihi
from tests.spikeseg_core.loihi.boards import FakeBoard
from tests.spikeseg_core.loihi.networks import random_network, random_tiles, random_weights

PRESENTATION = PresentationConfig(steps=40)


def mapped_network(start="rest"):
    rng = np.random.default_rng(7)
    network = replace(random_network(rng, size=16, channels=lambda rng: 8), start=start)
    weights, tiles = random_weights(rng, network), random_tiles(rng, network, step=4)
    integer = IntegerNetwork.from_model(discretize(build_network(network, weights, tiles)).model)
    placement = partition("metis", traffic(network, tiles))
    return MappedNetwork(network, weights, tiles, integer, placement)


@pytest.fixture(scope="module")
def mapped():
    return mapped_network()


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(8).normal(size=(3, 16, 16)).astype(np.float32)


@pytest.mark.parametrize("start", ["rest", "spread"])
def test_both_engines_give_the_same_spikes(start, images):
    mapped = mapped_network(start)
    fast, slow = (
        deploy(mapped, images, PRESENTATION, DeployConfig(engine=engine))
        for engine in ("fast", "nengo-loihi")
    )
    assert fast.counts.any()
    np.testing.assert_array_equal(fast.counts, slow.counts)
    np.testing.assert_array_equal(fast.logits, slow.logits)
    assert fast.logits.shape == (3, 16, 16)
    assert fast.rates.keys() == slow.rates.keys()
    for name, rates in fast.rates.items():
        np.testing.assert_allclose(rates, slow.rates[name])
    assert slow.events is None
    assert fast.events is not None
    chip = [layer.name for layer in mapped.network.chip_layers()]
    spikes = sum(fast.rates[name].sum(dtype=float) for name in chip) * 0.04
    assert fast.events.totals["spikes"].sum() == pytest.approx(spikes, rel=1e-6)


def test_neurons_that_start_spread_spike_earlier(mapped, images):
    spread = deploy(mapped_network("spread"), images, PRESENTATION, DeployConfig())
    rest = deploy(mapped, images, PRESENTATION, DeployConfig())
    first = [found.events.until(5).totals["spikes"] for found in (rest, spread)]
    assert first[1] > 1.2 * first[0]


def test_synapses_and_fewer_bits_reach_the_slow_engine(mapped, images):
    results = [
        deploy(
            replace(mapped, weight_bits=bits), images, PresentationConfig(steps=40, synapse_ms=ms),
            DeployConfig(engine="nengo-loihi"),
        )
        for ms, bits in ((0.0, 8), (5.0, 8), (0.0, 4))
    ]  # fmt: skip
    assert not np.array_equal(results[0].counts, results[1].counts)
    assert not np.array_equal(results[0].counts, results[2].counts)


def test_hardware_without_nxsdk_says_so(mapped, images):
    assert not nengo_loihi.hardware.HAS_NXSDK
    with pytest.raises(DeploymentError, match=r"needs Intel's NxSDK.*choose target 'emulator'"):
        deploy(mapped, images, PRESENTATION, DeployConfig(target="loihi"))


def test_a_boards_energy_is_probed_before_it_starts_and_read_after(mapped, images, monkeypatch):
    """NengoLoihi's emulator in the place of the board, and a stand-in for NxSDK's probe."""
    seen = []
    simulator = nengo_loihi.Simulator

    class Probe:
        def __init__(self, board, steps):
            seen.append(("attached", board, steps))

        def read(self):
            seen.append(("read", None, None))
            return BoardEnergy(1.0, 2.0, 0.5, 40)

    board = FakeBoard()

    class Board:
        nxsdk_board = board

    def on_emulator(*args, target, **options):
        made = simulator(*args, target="sim", **options)
        made.sims["loihi"] = Board()
        return Fixed(made)

    class Fixed:
        """Enters as the emulator, and has a board to look at."""

        def __init__(self, made):
            self.made, self.sims = made, dict(made.sims)
            del made.sims["loihi"]

        def __enter__(self):
            seen.append(("started", None, None))
            self.made.__enter__()
            return self

        def __exit__(self, *error):
            seen.append(("stopped", None, None))
            self.made.__exit__(*error)

        def __getattr__(self, name):
            return getattr(self.made, name)

    monkeypatch.setattr(deploy_module, "BoardProbe", Probe)
    monkeypatch.setattr(deploy_module.nengo_loihi, "Simulator", on_emulator)
    monkeypatch.setattr(deploy_module, "require_nxsdk", lambda: None)
    found = deploy(mapped, images[:1], PRESENTATION, DeployConfig(target="loihi"))
    run = seen[-4:]  # before it, blocks are built in a simulator that is not run
    assert [what for what, *_ in run] == ["attached", "started", "stopped", "read"]
    assert run[0][1:] == (board, 40)
    assert found.board_energy == (BoardEnergy(1.0, 2.0, 0.5, 40),)
    assert found.events is None


def test_host_spikes_follow_the_neuron(mapped, images):
    network, weights = mapped.network, mapped.weights
    spikes = host_spikes(network, weights, "stem", images, 200)
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
    with pytest.raises(DeploymentError, match="'other' of the integer network is no host layer"):
        host_layer(network, "other")


def test_read_out_is_linear_in_the_counts(mapped):
    network, weights = mapped.network, mapped.weights
    counts = np.ones((1, *network.shape("d")), dtype=np.int32)
    one, two = (read_out(network, weights, counts * n, 10) for n in (1, 2))
    np.testing.assert_allclose(two, 2 * one, rtol=1e-5)
