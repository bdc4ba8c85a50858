import nengo
import numpy as np
import pytest

from spikeseg_core.network import DT, RATE_HZ_PER_UNIT
from spikeseg_core.network.neuron import (
    POTENTIAL_PER_UNIT,
    firing_rate,
    nengo_neuron,
    rate_slope,
    spike_trains,
    step,
)
from spikeseg_core.stack import nengo_loihi


@pytest.mark.parametrize("start", [None, np.linspace(0, 0.99, 64)])
def test_spike_trains_are_those_of_nengos_simulator(start):
    rng = np.random.default_rng(0)
    currents = np.concatenate([rng.uniform(-500, 3000, 60), [1000.0, 999.9999, 500.0, 0.0]])
    with nengo.Network(seed=0) as network:
        ensemble = nengo.Ensemble(
            currents.size,
            1,
            neuron_type=nengo_loihi.neurons.LoihiSpikingRectifiedLinear(
                amplitude=0.01,
                initial_state={"voltage": np.zeros(currents.size) if start is None else start},
            ),
            gain=np.ones(currents.size),
            bias=currents,
        )
        probe = nengo.Probe(ensemble.neurons)
    with nengo.Simulator(network, progress_bar=False) as simulator:
        simulator.run_steps(200)
        expected = simulator.data[probe] > 0
    shown = np.stack([currents, currents[::-1]]).reshape(2, 8, 8)
    spikes = spike_trains(shown, 200, start)
    assert spikes.shape == (2, 200, 8, 8)
    np.testing.assert_array_equal(spikes[0].reshape(200, -1), expected)
    if start is None:
        np.testing.assert_array_equal(spikes[1].reshape(200, -1), expected[:, ::-1])


def test_the_rate_is_nengo_loihis():
    current_hz = np.concatenate([np.linspace(0.1, 1200, 500), 1000 / np.arange(1.0, 40)])
    expected = nengo_loihi.neurons.loihi_rates(
        nengo_neuron(), current_hz[:, np.newaxis], [1.0], [0.0], DT
    )
    np.testing.assert_allclose(
        firing_rate(current_hz), expected[:, 0] * RATE_HZ_PER_UNIT, rtol=1e-12
    )


def test_the_slope_is_that_of_the_middle_of_the_staircase():
    def middle(units):
        return 1 / (1 / units + POTENTIAL_PER_UNIT / 2)

    units = np.linspace(0.1, 5, 50)
    numeric = (middle(units + 1e-6) - middle(units - 1e-6)) / 2e-6
    np.testing.assert_allclose(rate_slope(units), numeric, rtol=1e-6)
    periods = np.linspace(2, 30, 10_000)  # steps
    intervals = 1000 / firing_rate(1000 / periods)
    assert (intervals - periods).mean() == pytest.approx(0.5, abs=1e-3)  # and 1 / J + dt / 2


@pytest.mark.parametrize(
    ("potential", "rise", "expected"),
    [(0.5, 0.4, (0.9, False)), (0.5, 0.6, (0.0, True)), (0.5, 0.5, (1.0, False)),
     (0.5, -0.6, (0.0, False))],
)  # fmt: skip
def test_a_step(potential, rise, expected):
    assert step(potential, rise) == expected
