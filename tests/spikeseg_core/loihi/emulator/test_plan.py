import warnings
from dataclasses import replace

import nengo
import numpy as np
import pytest

from spikeseg_core.errors import DeploymentError
from spikeseg_core.loihi.emulator import Emulator
from spikeseg_core.loihi.emulator.plan import build_plan
from spikeseg_core.stack import nengo_loihi
from spikeseg_core.testing.networks import LayerSpec, NetworkSpec, build, run_nengo_loihi

from .test_engine import assert_spikes_equal, conv, small


def ensemble(n, label, bias=0.0, gain=300.0):
    return nengo.Ensemble(
        n,
        1,
        neuron_type=nengo_loihi.neurons.LoihiSpikingRectifiedLinear(amplitude=0.01),
        gain=np.full(n, gain),
        bias=np.broadcast_to(bias, n),
        label=label,
    )


def test_convolutions_that_were_cut_into_blocks_are_found_again():
    plan = build_plan(run_nengo_loihi(build(small())[0], 1).network)
    sources = [{"host"}, {"layer0"}, {"layer0", "layer1"}]
    assert [set(layer.kernels) for layer in plan.layers] == sources
    assert all(kernel is not None for layer in plan.layers for kernel in layer.kernels.values())
    assert plan.layers[1].kernels["layer0"].weight.shape == (3, 3, 4, 8)


def test_blocks_with_different_integers_are_kept_as_lists():
    # A tile of one column never sees the outer taps, so its weights get another scale.
    spec = NetworkSpec(
        (5, 5, 1),
        (LayerSpec((5, 5, 4), (1, 1, 4), (conv(-1),), 0.01, 2.5, 0),),
        rate=500.0,
        weights="normal",
        seed=1,
    )
    truth = run_nengo_loihi(build(spec)[0], 60)
    assert build_plan(truth.network).layers[0].kernels == {"host": None}
    assert truth.spikes["layer0"].any()
    assert_spikes_equal(truth, 60)


def test_dense_connections_and_several_rows_of_a_flat_ensemble():
    rng = np.random.default_rng(0)
    with nengo.Network(seed=0) as network:
        nengo_loihi.add_params(network)
        a = ensemble(1500, "a", bias=rng.uniform(0, 300, 1500))
        b = ensemble(20, "b", gain=30.0)
        network.config[a].block_shape = nengo_loihi.BlockShape((500,), (1500,))
        nengo.Connection(a.neurons, b.neurons, transform=rng.normal(0.1, 0.5, (20, 1500)))
    truth = run_nengo_loihi(network, 50)
    assert truth.spikes["b"].any()
    assert_spikes_equal(truth, 50)


def test_refractory_leaky_neurons():
    with nengo.Network(seed=0) as network:
        nengo_loihi.add_params(network)
        neuron_type = nengo.LIF(tau_ref=0.005, initial_state={"voltage": nengo.dists.Choice([0])})
        a = nengo.Ensemble(
            30, 1, neuron_type=neuron_type, gain=np.ones(30), bias=np.linspace(0, 8, 30), label="a"
        )
        b = nengo.Ensemble(
            10, 1, neuron_type=neuron_type, gain=np.ones(10), bias=np.zeros(10), label="b"
        )
        nengo.Connection(a.neurons, b.neurons, transform=np.full((10, 30), 0.004))
    truth = run_nengo_loihi(network, 80)
    assert truth.spikes["a"].any()
    assert truth.spikes["b"].any()
    assert_spikes_equal(truth, 80)


def test_loops_are_refused_by_name():
    with nengo.Network(seed=0) as network:
        nengo_loihi.add_params(network)
        a, b = ensemble(8, "a"), ensemble(8, "b")
        nengo.Connection(a.neurons, b.neurons, transform=np.eye(8))
        nengo.Connection(b.neurons, a.neurons, transform=np.eye(8))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        truth = run_nengo_loihi(network, 1)
    with pytest.raises(DeploymentError, match=r"(a -> b -> a|b -> a -> b).*engine=\"nengo-loihi\""):
        Emulator(truth.network)


def test_mixed_compartments_are_refused_by_name():
    network = run_nengo_loihi(build(small())[0], 1).network
    decay = network.decay_u.copy()
    decay[0] += 1
    with pytest.raises(DeploymentError, match="'layer0' differ in decay_u"):
        Emulator(replace(network, decay_u=decay))
