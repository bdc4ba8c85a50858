import nengo
import numpy as np
import pytest

from spikeseg_core.loihi.emulator import host_spikes
from spikeseg_core.stack import nengo_loihi


@pytest.mark.parametrize("start", [None, np.linspace(0, 0.99, 64)])
def test_host_spikes_are_those_of_nengos_simulator(start):
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
    spikes = host_spikes(shown, 200, start=start)
    assert spikes.shape == (2, 200, 8, 8)
    np.testing.assert_array_equal(spikes[0].reshape(200, -1), expected)
    if start is None:
        np.testing.assert_array_equal(spikes[1].reshape(200, -1), expected[:, ::-1])
