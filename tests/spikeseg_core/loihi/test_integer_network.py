import json
import subprocess
import sys

import numpy as np
import pytest

from spikeseg_core.errors import DataError, DeploymentError
from spikeseg_core.loihi.emulator import Emulator
from spikeseg_core.loihi.integer_network import ARRAYS_FILE, NAMES_FILE, IntegerNetwork
from spikeseg_core.testing.networks import build, run_nengo_loihi

from .emulator.test_engine import small


@pytest.fixture(scope="module")
def truth():
    return run_nengo_loihi(build(small())[0], 30)


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
    for damaged in ({}, {"ensembles": 5}, {"inputs": [1]}, {"block_names": None}):
        kept = {"format": names["format"]} if not damaged else names
        (tmp_path / NAMES_FILE).write_text(json.dumps(kept | damaged))
        with pytest.raises(DataError, match=r"is damaged .* run the quantize stage again"):
            IntegerNetwork.load(tmp_path)
    for content in ("[]", "5", "[" * 100_000):
        (tmp_path / NAMES_FILE).write_text(content)
        with pytest.raises(DataError, match="run the quantize stage again"):
            IntegerNetwork.load(tmp_path)
    (tmp_path / NAMES_FILE).write_text(json.dumps(names))
    (tmp_path / ARRAYS_FILE).write_bytes(b"not arrays")
    with pytest.raises(DataError, match="cannot be read"):
        IntegerNetwork.load(tmp_path)


def test_unknown_ensembles_are_named(truth):
    with pytest.raises(DeploymentError, match=r"no ensemble 'd9'.*layer0"):
        truth.network.ensemble_index("d9")
