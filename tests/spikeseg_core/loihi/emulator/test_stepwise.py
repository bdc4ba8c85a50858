import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spikeseg_core.errors import DeploymentError
from spikeseg_core.loihi.emulator import stepwise
from spikeseg_core.loihi.emulator.stepwise import StepwiseEmulator
from spikeseg_core.loihi.quantization.extract import extract_network
from spikeseg_core.testing import cases, engines
from spikeseg_core.testing.generate import nengo_loihi_model, run_model
from spikeseg_core.testing.reference import Reference
from spikeseg_core.testing.strategies import designs, network_specs
from tests.spikeseg_core.loihi.emulator.truths import truth_of

pytestmark = pytest.mark.filterwarnings("ignore:Lost .* extra bits")
CASES = {case.name: case for case in cases()}


def arrivals_of(inputs):
    """The host's spikes arrive one step later."""
    return [[(), *map(np.flatnonzero, x[:-1])] for x in inputs]


@settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=6)
@given(network_specs())
def test_every_spike_is_nengo_loihis(spec):
    truth = truth_of(spec, 40)
    emulator = StepwiseEmulator(truth.network)
    seen = emulator.advance(arrivals_of(truth.inputs), 40, watch=("spiked",))
    np.testing.assert_array_equal(seen.spiked, truth.compartments)
    assert bool(emulator.overflows.any()) == truth.overflowed


@settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=25)
@given(designs())
def test_blocks_wired_at_random_are_the_references_and_nengo_loihis(design):
    model = nengo_loihi_model(design)
    network = extract_network(model)
    ours = engines.stepwise(network, design.inputs, design.n_steps)
    np.testing.assert_array_equal(ours, engines.reference(network, design.inputs, design.n_steps))
    np.testing.assert_array_equal(ours, run_model(model, design.inputs, design.n_steps))


@pytest.mark.parametrize("parallel", [False, True])
@pytest.mark.parametrize("name", ["loop-between-layers", "convolution-skip", "current-overflows"])
def test_currents_and_voltages_are_the_references(name, parallel, monkeypatch):
    monkeypatch.setattr(stepwise, "PARALLEL_WORK", 0 if parallel else 10**9)
    case, n_steps = CASES[name], CASES[name].spikes.shape[0]
    seen = StepwiseEmulator(case.network).advance(
        arrivals_of(case.inputs), n_steps, watch=("current", "voltage", "spiked")
    )
    plain = Reference(case.network.arrays)
    sent = [np.zeros_like(x[0]) for x in case.inputs]
    spiked = np.zeros(case.network.n_neurons, bool)
    for t in range(n_steps):
        spiked = plain.step(plain.arriving(spiked, sent))
        sent = [x[t] for x in case.inputs]
        np.testing.assert_array_equal(seen.current[t], plain.current)
        np.testing.assert_array_equal(seen.voltage[t], plain.voltage)
        np.testing.assert_array_equal(seen.spiked[t], spiked)


@settings(deadline=None, max_examples=10)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=8))
def test_pieces_add_up_to_the_whole(pieces):
    case = CASES["recurrent-random"]
    arrivals = arrivals_of([np.resize(x, (sum(pieces) + 1, x.shape[1])) for x in case.inputs])
    whole = StepwiseEmulator(case.network).advance(arrivals, sum(pieces), watch=("voltage",))
    emulator, begin, parts = StepwiseEmulator(case.network), 0, []
    for n in pieces:
        part = emulator.advance([x[begin : begin + n] for x in arrivals], n, watch=("voltage",))
        parts.append(part.voltage)
        begin += n
    np.testing.assert_array_equal(np.concatenate(parts), whole.voltage)


def test_reset_goes_back_to_the_first_step():
    case = CASES["first-voltage"]
    emulator = StepwiseEmulator(case.network)
    for _ in range(2):
        np.testing.assert_array_equal(
            emulator.advance([], 24, watch=("spiked",)).spiked, case.spikes
        )
        emulator.reset()


def test_what_is_not_watched_is_not_kept():
    seen = StepwiseEmulator(CASES["bias-alone"].network).advance([], 5)
    assert seen.current.size == seen.voltage.size == seen.spiked.size == 0


def test_a_spike_may_arrive_more_than_once():
    network = CASES["two-inputs"].network
    emulator = StepwiseEmulator(network)
    once, twice = (
        StepwiseEmulator(network).advance([[times], [()]], 1, watch=("current",)).current
        for times in ([0], [0, 0])
    )
    np.testing.assert_array_equal(2 * once, twice)
    assert not emulator.overflows.any()


@pytest.mark.parametrize("neuron", [-1, 2])
def test_neurons_that_an_input_does_not_have_are_refused(neuron):
    emulator = StepwiseEmulator(CASES["two-inputs"].network)
    with pytest.raises(
        DeploymentError,
        match=f"'input0' has neurons 0 to 1, .* of {min(neuron, 1)} to {max(neuron, 1)}",
    ):
        emulator.advance([[[neuron, 1]], [()]], 1)


def test_noise_is_added_to_the_input_and_to_the_drive():
    network = CASES["bias-alone"].network
    noise = np.array([[5, -7, 0, 0]], np.int32)
    seen = StepwiseEmulator(network).advance(
        [], 1, watch=("current", "voltage"), noise=(noise, 10 * noise)
    )
    np.testing.assert_array_equal(seen.current, noise)
    expected = network.bias + 11 * noise[0]
    np.testing.assert_array_equal(
        seen.voltage[0], np.where(expected > network.vth, 0, expected.clip(0))
    )


def test_overflows_are_counted_by_kind():
    case = CASES["drive-overflows"]
    emulator = StepwiseEmulator(case.network)
    emulator.advance(arrivals_of(case.inputs), 24)
    assert emulator.overflows[0, :2].tolist() == [0, 0]
    assert emulator.overflows[0, 2] > 0
