import json
import subprocess
import sys

import nengo
import numpy as np
import pytest

from spikeseg_core.errors import DataError, DeploymentError
from spikeseg_core.loihi.emulator import Emulator
from spikeseg_core.loihi.integer_network import ARRAYS_FILE, NAMES_FILE, IntegerNetwork
from spikeseg_core.stack import nengo_loihi

from .emulator.networks import build, run_nengo_loihi
from .emulator.test_engine import small


@pytest.fixture(scope="module")
def truth():
    return run_nengo_loihi(build(small())[0], 30)


def test_it_holds_what_nengo_loihi_built(truth):
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


def test_saved_and_loaded_it_is_the_same(truth, tmp_path):
    truth.network.save(tmp_path)
    loaded = IntegerNetwork.load(tmp_path)
    assert loaded.digest == truth.network.digest
    x = [truth.inputs[0][None]]
    a, b = (Emulator(n).run(x, 30).totals for n in (truth.network, loaded))
    assert all((a[name] == b[name]).all() for name in a)


def test_it_runs_without_tensorflow_and_nengo(truth, tmp_path):
    truth.network.save(tmp_path)
    np.save(tmp_path / "input.npy", truth.inputs[0][None])
    program = """
import sys, numpy as np
from pathlib import Path
from spikeseg_core.loihi.emulator import Emulator
from spikeseg_core.loihi.integer_network import IntegerNetwork
folder = Path(sys.argv[1])
run = Emulator(IntegerNetwork.load(folder)).run([np.load(folder / "input.npy")], 30)
print(run.totals["layer2"].sum(), sorted({"tensorflow", "nengo", "nengo_loihi"} & set(sys.modules)))
"""
    out = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True
    ).stdout
    assert out.split(maxsplit=1) == [str(truth.spikes["layer2"].sum()), "[]\n"]


def test_damage_is_noticed(truth, tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        IntegerNetwork.load(tmp_path)
    truth.network.save(tmp_path)
    names = json.loads((tmp_path / NAMES_FILE).read_text())
    (tmp_path / NAMES_FILE).write_text(json.dumps({**names, "format": 99}))
    with pytest.raises(DataError, match="format 99"):
        IntegerNetwork.load(tmp_path)
    (tmp_path / NAMES_FILE).write_text(json.dumps({**names, "dt": 0.002}))
    with pytest.raises(DataError, match="digest"):
        IntegerNetwork.load(tmp_path)
    (tmp_path / NAMES_FILE).write_text(json.dumps(names))
    (tmp_path / ARRAYS_FILE).write_bytes(b"not arrays")
    with pytest.raises(DataError, match="cannot be read"):
        IntegerNetwork.load(tmp_path)


def test_a_network_in_floats_is_refused():
    with (
        nengo_loihi.Simulator(build(small())[0], target="simreal") as simulator,
        pytest.raises(DeploymentError, match=r"not discretized.*float32"),
    ):
        IntegerNetwork.from_model(simulator.model)


@pytest.mark.filterwarnings("ignore")
def test_learning_and_noise_are_refused_by_name():
    with nengo.Network(seed=0) as network:
        a, b = nengo.Ensemble(10, 1), nengo.Ensemble(10, 1)
        error = nengo.Node(size_in=1)
        connection = nengo.Connection(a, b, learning_rule_type=nengo.PES())
        nengo.Connection(error, connection.learning_rule)
    with nengo_loihi.Simulator(network, target="sim") as simulator:
        with pytest.raises(DeploymentError, match="learning, which Synapse"):
            IntegerNetwork.from_model(simulator.model)
        first = next(iter(simulator.model.blocks))
        first.compartment.enable_noise[:] = True
        with pytest.raises(DeploymentError, match="noise, which LoihiBlock"):
            IntegerNetwork.from_model(simulator.model)


def test_unknown_ensembles_are_named(truth):
    with pytest.raises(DeploymentError, match=r"no ensemble 'd9'.*layer0"):
        truth.network.ensemble_index("d9")
