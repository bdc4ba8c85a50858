import warnings

import nengo
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings

from spikeseg_core.errors import DeploymentError
from spikeseg_core.loihi.emulator import Emulator, SteadyInput
from spikeseg_core.network import DT
from spikeseg_core.network.neuron import spike_trains
from spikeseg_core.stack import nengo_loihi
from spikeseg_core.testing.networks import (
    LayerSpec,
    Link,
    NetworkSpec,
    Truth,
    build,
    run_nengo_loihi,
)
from spikeseg_core.testing.strategies import network_specs
from tests.spikeseg_core.loihi.emulator.truths import truth_of

pytestmark = pytest.mark.filterwarnings("ignore:Lost .* extra bits")
relaxed = settings(deadline=None, suppress_health_check=list(HealthCheck))


def assert_spikes_equal(truth: Truth, n_steps: int, chunk_steps: int = 32) -> None:
    emulator = Emulator(truth.network, chunk_steps=chunk_steps)
    run = emulator.run([x[None] for x in truth.inputs], n_steps, record=list(truth.spikes))
    for name, expected in truth.spikes.items():
        np.testing.assert_array_equal(run.spikes[name][0].reshape(n_steps, -1), expected, name)


@pytest.mark.e2e
@pytest.mark.timeout(1800)
def test_every_spike_of_200_random_networks_over_200_steps():
    seen = {"networks": 0, "overflowed": 0}

    @settings(relaxed, max_examples=230, database=None)
    @given(network_specs())
    @example(full_fire(16, 3, None))  # overflows, which random networks rarely do
    def compare(spec):
        truth = truth_of(spec, 200)
        assert_spikes_equal(truth, 200)
        seen["networks"] += 1
        seen["overflowed"] += truth.overflowed

    compare()
    assert seen["networks"] >= 200
    assert seen["overflowed"] >= 1


def full_fire(channels: int, kernel: int, tau: float | None) -> NetworkSpec:
    """Every neuron of the first layer fires at once, into one layer of equal weights."""
    return NetworkSpec(
        (7, 7, 1),
        (
            LayerSpec((7, 7, channels), (7, 7, channels), (conv(-1, 1),), None, 4.5, 0.0),
            LayerSpec((7, 7, 4), (4, 4, 4), (conv(0, kernel),), tau, 4.0, 0.0),
        ),
        rate=3000.0,
        weights="equal",
        seed=0,
    )


@pytest.mark.parametrize(
    ("channels", "kernel", "tau", "dtype"),
    [(16, 3, None, np.int16), (16, 3, 0.1, np.int16), (20, 5, 0.1, np.int32)],
)
def test_accumulators_overflow_as_the_chips_do(channels, kernel, tau, dtype):
    truth = run_nengo_loihi(build(full_fire(channels, kernel, tau))[0], 60)
    assert truth.overflowed
    assert Emulator(truth.network).plan.layers[-1].links.weights.dtype == dtype
    assert_spikes_equal(truth, 60)


def conv(source: int, kernel: int = 3, stride: int = 1, pop_type: int = 16) -> Link:
    return Link(source, (kernel, kernel), stride, "same", False, pop_type)


def small() -> NetworkSpec:
    """A layer, a strided one, and a transposed one with a skip."""
    return NetworkSpec(
        (6, 6, 2),
        (
            LayerSpec(
                (6, 6, 4), (3, 4, 4), (Link(-1, (3, 3), 1, "same", False, 16),), 0.01, 2.5, 0
            ),
            LayerSpec((3, 3, 8), (2, 3, 4), (Link(0, (3, 3), 2, "same", False, 32),), 0.01, 2.5, 0),
            LayerSpec(
                (6, 6, 4),
                (4, 3, 4),
                (Link(1, (2, 2), 2, "same", True, 16), conv(0)),
                0.01,
                2.5,
                0.3,
            ),
        ),
        rate=500.0,
        weights="normal",
        seed=3,
    )


@pytest.fixture(scope="module")
def truth():
    return run_nengo_loihi(build(small())[0], 50)


@pytest.fixture(scope="module")
def emulator(truth):
    return Emulator(truth.network)


def test_the_whole_simulator_from_currents_to_probe():
    network, host = build(small())
    with network:
        nengo.Probe(host.neurons, "input")
    last = network.probes[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with nengo_loihi.Simulator(network, target="sim", progress_bar=False) as simulator:
            simulator.run_steps(60)
            currents = simulator.data[network.probes[1]]
            expected = simulator.data[last] > 0
            emulator = Emulator(run_nengo_loihi(network, 1).network)
    assert (currents == currents[0]).all()
    run = emulator.run([spike_trains(currents[:1], 60)], 60, record=["layer2"])
    assert expected.any()
    np.testing.assert_array_equal(run.spikes["layer2"][0].reshape(60, -1), expected)


@settings(relaxed, max_examples=8)
@given(network_specs())
@example(small())
def test_every_spike_is_nengo_loihis_and_counters_are_what_counting_one_by_one_gives(spec):
    truth = truth_of(spec, 30)
    assert_spikes_equal(truth, 30, chunk_steps=7)
    counted = Emulator(truth.network).run([x[None] for x in truth.inputs], 30).events
    brute = count_one_by_one(truth, 30)
    np.testing.assert_array_equal(counted.spikes, brute["spikes"])
    np.testing.assert_array_equal(counted.synaptic_operations, brute["operations"])
    np.testing.assert_array_equal(counted.messages_out, brute["out"])
    np.testing.assert_array_equal(counted.messages_in, brute["in"])
    np.testing.assert_array_equal(counted.input_spikes[:, 0], truth.inputs[0].sum(1))


def count_one_by_one(truth: Truth, n_steps: int) -> dict[str, np.ndarray]:
    """Walk NengoLoihi's own axons and synapses for every spike."""
    blocks = list(truth.model.blocks)
    owner = {s: i for i, block in enumerate(blocks) for s in block.synapses}
    counts = {
        k: np.zeros((n_steps, len(blocks)), int) for k in ("spikes", "operations", "in", "out")
    }
    network = truth.network
    sources = []
    for i, block in enumerate(blocks):
        ensemble = network.ensembles[network.block_ensemble[i]].name
        neurons = list(truth.model.block_comp_map[block])
        sources.append((i, block.axons, truth.spikes[ensemble][:, neurons]))
    for spikes, sent in zip(truth.model.inputs, truth.inputs, strict=True):
        sources.append((None, spikes.axons, sent > 0))
    for source, axons, spiked in sources:
        for t, neuron in np.argwhere(spiked):
            if source is not None:
                counts["spikes"][t, source] += 1
            for axon in axons:
                for spike in axon.map_spikes(np.array([neuron])):
                    if spike is None:
                        continue
                    if source is not None:
                        counts["out"][t, source] += 1
                    if t + 1 < n_steps:
                        target = owner[axon.target]
                        counts["in"][t + 1, target] += 1
                        if axon.target.axon_compartment_base(spike.axon_idx) is not None:
                            weights, _ = axon.target.axon_weights_indices(
                                spike.axon_idx, atom=spike.atom
                            )
                            counts["operations"][t + 1, target] += len(weights)
    return counts


def test_windows_totals_and_tiles_agree_with_the_spikes(truth, emulator):
    quiet = np.zeros_like(truth.inputs[0])
    tiles = np.stack([truth.inputs[0], quiet, truth.inputs[0]])
    run = emulator.run(
        {"host": tiles},
        50,
        windows=[(0, 10), (20, 50)],
        count=["layer0", "layer2"],
        record=["layer0", "layer2"],
    )
    for name in ("layer0", "layer2"):
        spikes = run.spikes[name]
        assert spikes.shape == (3, 50, 6, 6, 4)
        np.testing.assert_array_equal(spikes[0], spikes[2])
        np.testing.assert_array_equal(run.counts[name][:, 0], spikes[:, :10].sum(1))
        np.testing.assert_array_equal(run.counts[name][:, 1], spikes[:, 20:].sum(1))
        np.testing.assert_array_equal(run.totals[name], spikes.sum((0, 1)))
    assert run.events.n_tiles == 3
    assert run.events.spikes.sum() == sum(
        total.sum() for name, total in run.totals.items() if name != "host"
    )


@pytest.mark.parametrize("total_steps", [0, 15, 50])
def test_windows_may_overlap_and_totals_end_before_the_run_does(truth, emulator, total_steps):
    windows = [(20, 50), (0, 30), (10, 11)]
    run = emulator.run(
        [truth.inputs[0][None]],
        50,
        windows=windows,
        count=["host", "layer1"],
        record=["layer0", "layer1"],
        total_steps=total_steps,
    )
    sent = truth.inputs[0].reshape(50, 6, 6, 2) > 0
    for name, spikes in {"host": sent, "layer1": run.spikes["layer1"][0]}.items():
        for k, (first, last) in enumerate(windows):
            np.testing.assert_array_equal(run.counts[name][0, k], spikes[first:last].sum(0))
        np.testing.assert_array_equal(run.totals[name], spikes[:total_steps].sum(0))
    expected = run.spikes["layer0"][0, :total_steps].sum(0)
    np.testing.assert_array_equal(run.totals["layer0"], expected)


@pytest.mark.parametrize("rows", [1, 2])
@pytest.mark.parametrize("chunk_steps", [4, 32])
def test_tiles_in_a_row_go_on_where_the_one_before_ended(truth, rows, chunk_steps):
    emulator = Emulator(truth.network, chunk_steps=chunk_steps)
    parts = np.tile(truth.inputs[0].reshape(5, 10, *truth.inputs[0].shape[1:]), (rows, 1, 1))
    names = list(truth.spikes)
    run = emulator.run([parts], 10, record=names, count=names, in_a_row=5)
    for name, whole in truth.spikes.items():
        assert whole[40:].any()
        for row in np.split(run.spikes[name], rows):
            np.testing.assert_array_equal(row.reshape(50, -1), whole)
        np.testing.assert_array_equal(run.counts[name][:, 0], run.spikes[name].sum(1))


def test_constant_currents_give_the_spikes_of_the_host(emulator):
    rng = np.random.default_rng(0)
    currents, initial = rng.normal(50, 150, (2, 6, 6, 2)), rng.uniform(0, 1, (6, 6, 2))
    spikes = spike_trains(currents, 70, initial)
    assert 0.02 < spikes.mean() < 0.2
    steady = SteadyInput(currents * DT, initial)
    expected, found = (
        emulator.run({"host": given}, 70, count=["host", "layer2"], record=["layer2"])
        for given in (spikes, steady)
    )
    np.testing.assert_array_equal(steady.initial, initial)
    for name in ("host", "layer2"):
        np.testing.assert_array_equal(found.counts[name], expected.counts[name])
        np.testing.assert_array_equal(found.totals[name], expected.totals[name])
    np.testing.assert_array_equal(found.spikes["layer2"], expected.spikes["layer2"])
    np.testing.assert_array_equal(found.events.spikes_of, expected.events.spikes_of)


def test_inputs_may_come_in_any_dtype_and_shape(truth, emulator):
    x = truth.inputs[0][None]
    runs = [
        emulator.run(given, 50).counts["layer2"]
        for given in ([x], [x.astype(bool)], [x * 1000.0], [x.reshape(1, 50, 6, 6, 2)])
    ]
    for counts in runs:
        np.testing.assert_array_equal(counts, runs[0])


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"input_spikes": []}, "0 inputs given"),
        ({"input_spikes": {"stem": np.zeros((1, 5, 72))}}, "'stem'.*'host'"),
        (
            {"input_spikes": [np.zeros((1, 4, 72))]},
            r"\(1, 4, 72\); expected \(1, 5, 6, 6, 2\)",
        ),
        ({"windows": [(3, 3)]}, r"window \(3, 3\) must begin at or after step 0, have a step"),
        ({"windows": [(0, 6)]}, "end by step 5"),
        ({"total_steps": 6}, "total_steps is 6; it must be 0 to 5"),
        (
            {"input_spikes": [SteadyInput(np.zeros((1, 71)), np.zeros(72))]},
            r"\(1, 71\); expected \(1, 6, 6, 2\) \(tiles, neurons\)",
        ),
        (
            {"input_spikes": [SteadyInput(np.zeros((1, 72)), np.full(72, 1.1))]},
            "'host': initial potentials must be 72 numbers from 0 to 1",
        ),
        ({"count": ["d7"]}, "no ensemble 'd7'.*'layer0'"),
        ({"in_a_row": 2}, "1 tiles cannot be presented 2 in a row"),
    ],
)
def test_bad_arguments_are_named(emulator, kwargs, message):
    given_arguments = {"input_spikes": [np.zeros((1, 5, 72))], **kwargs}
    with pytest.raises(DeploymentError, match=message):
        emulator.run(given_arguments.pop("input_spikes"), 5, **given_arguments)
