import numpy as np
import pytest

from spikeseg_core.bench.reference import LAYERS, reference_network
from spikeseg_core.loihi.quantization.extract import extract_network
from spikeseg_core.stack import nengo_loihi


def test_its_shapes_are_fixed():
    reference = reference_network()
    on_chip = [e for e in reference.network.ensembles if e is not reference.stem]
    assert sum(e.n_neurons for e in on_chip) == 235_008
    assert [e.label for e in on_chip] == list(LAYERS)
    assert len(reference.network.connections) == 8


@pytest.mark.e2e
def test_it_has_232_blocks():
    with nengo_loihi.Simulator(reference_network().network, target="sim") as simulator:
        network = extract_network(simulator.model)
    assert network.n_blocks == 232
    assert np.bincount(network.block_ensemble).tolist() == [72, 36, 16, 36, 72]
