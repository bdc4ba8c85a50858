import nengo
import numpy as np

from spikeseg_core.loihi.emulator import host_spikes
from spikeseg_core.stack import nengo_loihi


def test_host_spikes_are_those_of_nengos_simulator():
    rng = np.random.default_rng(0)
    currents = np.concatenate([rng.uniform(-500, 3000, 60), [1000.0, 999.9999, 500.0, 0.0]])
    with nengo.Network(seed=0) as network:
        ensemble = nengo.Ensemble(
            currents.size,
            1,
            neuron_type=nengo_loihi.neurons.LoihiSpikingRectifiedLinear(amplitude=0.01),
            gain=np.ones(currents.size),
            bias=currents,
        )
        probe = nengo.Probe(ensemble.neurons)
    with nengo.Simulator(network, progress_bar=False) as simulator:
        simulator.run_steps(200)
        expected = simulator.data[probe] > 0
    shown = np.stack([currents, currents[::-1]]).reshape(2, 8, 8)
    spikes = host_spikes(shown, 200)
    assert spikes.shape == (2, 200, 8, 8)
    np.testing.assert_array_equal(spikes[0].reshape(200, -1), expected)
    np.testing.assert_array_equal(spikes[1].reshape(200, -1), expected[:, ::-1])
