import nengo
import numpy as np
import pytest

from spikeseg_core.errors import DeploymentError
from spikeseg_core.loihi.quantization.extract import extract_network
from spikeseg_core.stack import nengo_loihi
from spikeseg_core.testing.networks import build, run_nengo_loihi
from tests.spikeseg_core.loihi.emulator.test_engine import small


def test_it_holds_what_nengo_loihi_built():
    truth = run_nengo_loihi(build(small())[0], 1)
    network = truth.network
    blocks = list(truth.model.blocks)
    assert network.n_blocks == len(blocks)
    assert network.n_neurons == sum(block.n_neurons for block in blocks)
    assert [p.name for p in network.ensembles] == ["layer0", "layer1", "layer2"]
    assert [p.shape for p in network.ensembles] == [(6, 6, 4), (3, 3, 8), (6, 6, 4)]
    assert [(p.name, p.shape) for p in network.inputs] == [("host", (6, 6, 2))]
    for k, p in enumerate(network.ensembles):
        parts = [network.neuron[network.block_start[b] : network.block_start[b + 1]]
                 for b in network.ensemble_blocks(k)]  # fmt: skip
        assert sorted(np.concatenate(parts)) == list(range(p.size))


def test_a_network_in_floats_is_refused():
    with (
        nengo_loihi.Simulator(build(small())[0], target="simreal") as simulator,
        pytest.raises(DeploymentError, match=r"not discretized.*float32"),
    ):
        extract_network(simulator.model)


@pytest.mark.filterwarnings("ignore")
def test_learning_and_noise_are_refused_by_name():
    with nengo.Network(seed=0) as network:
        a, b = nengo.Ensemble(10, 1), nengo.Ensemble(10, 1)
        error = nengo.Node(size_in=1)
        connection = nengo.Connection(a, b, learning_rule_type=nengo.PES())
        nengo.Connection(error, connection.learning_rule)
    with nengo_loihi.Simulator(network, target="sim") as simulator:
        with pytest.raises(DeploymentError, match="learning, which Synapse"):
            extract_network(simulator.model)
        first = next(iter(simulator.model.blocks))
        first.compartment.enable_noise[:] = True
        with pytest.raises(DeploymentError, match="noise, which LoihiBlock"):
            extract_network(simulator.model)
