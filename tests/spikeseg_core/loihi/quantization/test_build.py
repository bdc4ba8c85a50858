import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from spikeseg_core.errors import MappingError
from spikeseg_core.loihi.emulator import Emulator
from spikeseg_core.loihi.emulator.plan import build_plan
from spikeseg_core.loihi.mapping.fit import fit
from spikeseg_core.loihi.quantization.build import build_network, discretize
from spikeseg_core.loihi.quantization.extract import extract_network
from spikeseg_core.network import DT, IMAGE, RATE_HZ_PER_UNIT, Connection, Layer, Network
from spikeseg_core.network.sparsity import pruned, sparse
from spikeseg_core.stack import nengo_loihi
from tests.spikeseg_core.loihi.networks import random_network, random_tiles, random_weights
from tests.spikeseg_core.loihi.quantization.oracle import currents


def test_spike_rates_follow_the_rate_curve():
    """Run on NengoLoihi's emulator, the mean rates come close to the float network's."""
    rng = np.random.default_rng(1)
    network = Network(
        "chain",
        16,
        (
            Layer("stem", 4, (Connection(IMAGE, kernel=4, stride=2),), on_chip=False),
            Layer("a", 8, (Connection("stem"),)),
            Layer("b", 4, (Connection("a", kind="conv_transpose", kernel=4, stride=2),)),
        ),
        Connection("b"),
    )
    weights = random_weights(rng, network)
    built = build_network(network, weights, {"a": (4, 8, 8), "b": (16, 8, 4)})
    blocks = discretize(built)
    image = rng.normal(size=(16, 16)).astype(np.float32)
    built.source.image = image
    steps = 400
    with nengo_loihi.Simulator(built.nengo, dt=DT, model=blocks.model, target="sim") as sim:
        sim.run_steps(steps)
        rates = (sim.data[built.probe][steps // 2 :] > 0).mean(axis=0) / DT
    x = {IMAGE: image[..., None]}
    for layer in network.layers:
        x |= {
            other.name: np.zeros(network.shape(other.name))
            for other in network.layers
            if other.name not in x
        }
        current = currents(network, weights, {k: v.astype(np.float32) for k, v in x.items()})
        current = current[layer.name] * RATE_HZ_PER_UNIT
        period = np.ceil(1 / (np.maximum(current, 1e-9) * DT))
        x[layer.name] = np.where(current > 0, 1 / (period * DT), 0) / RATE_HZ_PER_UNIT
    expected = x["b"].ravel() * RATE_HZ_PER_UNIT
    assert expected.max() > 50
    # Not closer: a voltage clipped at zero keeps what comes in and forgets some of what goes out.
    assert np.corrcoef(rates, expected)[0, 1] > 0.85
    assert 0.8 < rates.mean() / expected.mean() < 1.3


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 10_000), keep=st.integers(1, 7))
@example(seed=7803, keep=1)  # tiles that fit the sparse network alone
def test_a_sparse_network_has_the_spikes_of_its_pruned_weights(seed, keep):
    """The same integers as the dense network with zeros, fewer synapses, the same spikes."""
    rng = np.random.default_rng(seed)
    dense = random_network(rng, channels=lambda rng: 4 * int(rng.integers(1, 5)), size=8)
    network = sparse(dense, keep)
    tiles = random_tiles(rng, dense, step=8)
    assume(not any(part.problems(32) for part in fit(network, tiles, 32)))
    weights = pruned(network, random_weights(rng, network))
    image = rng.normal(size=(8, 8)).astype(np.float32)
    runs, integers = [], []
    for net in (dense, network):
        built = build_network(net, weights, tiles, population_type=32)
        blocks = discretize(built)
        integers.append(extract_network(blocks.model))
        built.source.image = image
        with nengo_loihi.Simulator(built.nengo, dt=DT, model=blocks.model, target="sim") as sim:
            sim.run_steps(30)
            runs.append(sim.data[built.probe] > 0)
    assume(runs[0].any())
    np.testing.assert_array_equal(*runs)
    layer = network.layer("b")
    assert integers[1].weight.size < integers[0].weight.size or layer.kept == layer.group == 1
    # Where cores of one channel have different integers, there is no convolution to recover.
    plans = [build_plan(x) for x in integers]
    one, other = ([[k is None for k in x.kernels.values()] for x in p.layers] for p in plans)
    assert one == other
    stem = (rng.random((1, 30, *network.shape("stem"))) < 0.3).astype(np.uint8)
    names = [x.name for x in network.chip_layers()]
    found = [Emulator(x).run({"stem": stem}, 30, record=names) for x in integers]
    for name in names:
        np.testing.assert_array_equal(*(run.spikes[name] for run in found))


def test_a_tile_that_is_too_large_says_what_would_fit():
    rng = np.random.default_rng(0)
    network = random_network(rng, channels=lambda rng: 8, size=24)
    tiles = {layer.name: (4, 4, 8) for layer in network.chip_layers()} | {"a": (24, 24, 8)}
    with pytest.raises(
        MappingError, match=r"'a', tile 24x24x8: 4,608 compartments.*limit is 1,024"
    ):
        build_network(network, random_weights(rng, network), tiles)


def test_a_chip_layer_cannot_take_the_image():
    network = Network("pixels", 8, (Layer("a", 4, (Connection(IMAGE),)),), Connection("a"))
    weights = random_weights(np.random.default_rng(0), network)
    with pytest.raises(MappingError, match="'a' is on the chip but takes the image"):
        build_network(network, weights, {"a": (8, 8, 4)})
