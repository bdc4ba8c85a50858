import logging
import warnings

import nengo
import numpy as np
import pytest
from nengo.exceptions import SimulationError, SimulatorClosed

from spikeseg_core.loihi import drop_in
from spikeseg_core.loihi.drop_in import FastEmulator, Simulator, fast_emulator
from spikeseg_core.stack import nengo_loihi
from spikeseg_core.testing.designs import Cells, Design, Wires, to_all
from spikeseg_core.testing.generate import nengo_loihi_model

pytestmark = [
    pytest.mark.filterwarnings("ignore:Model is precomputable"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


def forward():
    """From the host to two ensembles on the chip, one of them recurrent, and back."""
    with nengo.Network(seed=1) as network:
        stimulus = nengo.Node(lambda t: np.sin(6 * t))
        a = nengo.Ensemble(60, 1, label="a")
        b = nengo.Ensemble(70, 1, label="b")
        nengo.Connection(stimulus, a)
        nengo.Connection(a, b)
        nengo.Connection(a, a, synapse=0.1)
        out = nengo.Node(size_in=1)
        nengo.Connection(b, out)
        nengo.Probe(out, synapse=0.02)
        nengo.Probe(a.neurons)
        nengo.Probe(b.neurons, "voltage")
        nengo.Probe(a.neurons[10:20], "input")
        nengo.Probe(b, synapse=0.01)
    return network


def around():
    """A loop through the host, which has to exchange spikes at every step."""
    with nengo.Network(seed=2) as network:
        a, b = nengo.Ensemble(50, 1), nengo.Ensemble(60, 1)
        nengo.Connection(a, b)
        back = nengo.Node(lambda t, x: np.cos(9 * t) - x / 2, size_in=1)
        nengo.Connection(b, back)
        nengo.Connection(back, a)
        nengo.Probe(a.neurons)
        nengo.Probe(b, synapse=0.01)
        nengo.Probe(back)
    return network


def learning():
    with nengo.Network(seed=3) as network:
        pre, post, error = nengo.Ensemble(40, 1), nengo.Node(size_in=1), nengo.Node(size_in=1)
        connection = nengo.Connection(pre, post, learning_rule_type=nengo.PES())
        nengo.Connection(post, error)
        nengo.Connection(error, connection.learning_rule)
        nengo.Probe(post, synapse=0.01)
    return network


def data(simulator):
    return [np.array(simulator.data[probe]) for probe in simulator.network.probes]


def same(found, expected):
    assert all(x.any() for x in expected)
    for x, y in zip(found, expected, strict=True):
        np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize(
    ("make", "precompute"), [(forward, True), (forward, False), (around, False)]
)
def test_every_probe_is_nengo_loihis(make, precompute):
    network = make()
    with nengo_loihi.Simulator(network, target="sim", precompute=precompute) as theirs:
        theirs.run_steps(120)
    with Simulator(network, target="sim", precompute=precompute) as ours:
        assert ours.sims["emulator"].engine is not None
        for n in (1, 50, 69):
            ours.run_steps(n)
        same(data(ours), data(theirs))
        ours.reset()
        assert ours.time == ours.n_steps == 0
        ours.run_steps(120)
        same(data(ours), data(theirs))


@pytest.mark.parametrize("make", [forward, around])
def test_probes_can_be_cleared_on_the_way(make):
    network = make()
    with (
        nengo_loihi.Simulator(network, target="sim") as theirs,
        Simulator(network, target="sim") as ours,
    ):
        for simulator in (theirs, ours):
            simulator.run_steps(40)
            simulator.clear_probes()
            simulator.run_steps(30)
        same(data(ours), data(theirs))
        assert len(data(ours)[0]) == 30


def test_the_context_manager_changes_nengo_loihi_inside_only():
    before = nengo_loihi.Simulator, nengo_loihi.emulator.EmulatorInterface
    with fast_emulator():
        assert nengo_loihi.Simulator is nengo_loihi.simulator.Simulator is Simulator
        for kind in (nengo_loihi.Simulator, before[0]):
            with kind(forward(), target="sim") as simulator:
                simulator.run(0.01)
                assert isinstance(simulator.sims["emulator"], FastEmulator)
    assert (nengo_loihi.Simulator, nengo_loihi.emulator.EmulatorInterface) == before
    assert nengo_loihi.simulator.EmulatorInterface is before[1]


def test_networks_that_learn_run_on_nengo_loihis_emulator_and_say_so_once(caplog):
    network = learning()
    with nengo_loihi.Simulator(network, target="sim", seed=1) as theirs:
        theirs.run_steps(60)
    with (
        caplog.at_level(logging.WARNING, drop_in.__name__),
        Simulator(network, target="sim", seed=1) as ours,
    ):
        ours.run_steps(30)
        ours.run_steps(30)
        same(data(ours), data(theirs))
        assert "learning" in ours.sims["emulator"].refused
        with pytest.raises(NotImplementedError):
            ours.reset()
    (record,) = caplog.records
    assert "NengoLoihi's own emulator runs" in record.message


def test_real_numbers_run_on_nengo_loihis_emulator():
    with Simulator(forward(), target="simreal") as simulator:
        simulator.run_steps(5)
        assert "not discretized" in simulator.sims["emulator"].refused


def test_a_closed_simulator_keeps_its_data_and_runs_no_more():
    with Simulator(forward(), target="sim") as simulator:
        simulator.run_steps(20)
    assert data(simulator)[1].shape[0] == 20
    with pytest.raises(SimulatorClosed):
        simulator.reset()
    with pytest.raises(SimulatorClosed):
        simulator.run_steps(1)


def overflowing():
    """64 spikes that a process placed on the chip arrive at once."""
    design = Design("x", "y", "z", [Cells(1)], [Wires(-1, 0, to_all(64, 1, 2**15))])
    design.inputs.append(np.zeros((1, 64)))
    model = nengo_loihi_model(design)
    for spike_input in model.inputs:
        spike_input.add_spikes(2, np.arange(64), permanent=True)
    return model


def run_and_catch(emulator, n_steps=5):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        emulator.run_steps(n_steps)
    return {str(warning.message) for warning in caught}


def test_overflows_warn_and_raise_as_nengo_loihis_do(monkeypatch):
    theirs = run_and_catch(nengo_loihi.emulator.EmulatorInterface(overflowing()))
    assert run_and_catch(FastEmulator(overflowing())) == theirs == {"Overflow in q0"}
    monkeypatch.setattr(FastEmulator, "strict", True)
    with pytest.raises(SimulationError, match="Overflow in q0"):
        FastEmulator(overflowing()).run_steps(5)


@pytest.mark.parametrize("at_membrane", [0, 1])
def test_noise_is_drawn_as_nengo_loihi_draws_it(at_membrane):
    made = []
    for kind in (nengo_loihi.emulator.EmulatorInterface, FastEmulator):
        model = nengo_loihi_model(Design("x", "y", "z", [Cells(3, bias=90), Cells(2, bias=50)]))
        noisy, block = list(model.blocks)
        noisy.compartment.enable_noise[:] = [True, False, True]
        noisy.compartment.noise_exp, noisy.compartment.noise_offset = 7, 1
        noisy.compartment.noise_at_membrane = at_membrane
        probe = nengo_loihi.probe.LoihiProbe(target=[noisy, block], key="voltage")
        model.add_probe(probe)
        emulator = kind(model, seed=5)
        emulator.run_steps(70)
        made.append(emulator.collect_probe_output(probe))
    assert len(np.unique(made[0][:, 0])) > 20
    np.testing.assert_array_equal(*made)
