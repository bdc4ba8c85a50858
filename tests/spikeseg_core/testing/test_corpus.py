import inspect
import json

import numpy as np
import pytest

from spikeseg_core.errors import DeploymentError
from spikeseg_core.loihi.integer_network import IntegerNetwork
from spikeseg_core.testing import Case, cases, difference, reader
from spikeseg_core.testing.corpus import CASES
from spikeseg_core.testing.engines import layered, stepwise
from spikeseg_core.testing.generate import write_corpus

NAMES = [case.name for case in cases()]


@pytest.fixture(scope="module")
def chain():
    return next(case for case in cases() if case.name == "chain-of-5")


def test_there_are_enough_small_cases_and_no_strays():
    assert len(NAMES) == len(set(NAMES)) >= 40
    folders = {path.name for path in CASES.iterdir() if path.is_dir()}
    assert folders == set(NAMES)
    assert sum(path.stat().st_size for path in CASES.rglob("*.npz")) < 2**20


def test_every_case_spikes_and_every_rule_is_told():
    listed = (CASES / "README.md").read_text(encoding="utf-8")
    for case in cases():
        assert case.spikes.any(), case.name
        assert f"| `{case.name}` | {case.rule} | {case.about} |" in listed


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_the_stepwise_emulator_passes(case):
    assert difference(case, stepwise) is None


def test_the_layered_emulator_passes_what_it_accepts():
    refused = []
    for case in cases():
        try:
            assert difference(case, layered) is None
        except DeploymentError as error:
            refused.append(str(error))
    assert len(NAMES) - len(refused) >= 50
    assert all("there is a loop" in text or "differ in" in text for text in refused)


def test_nengo_loihi_makes_the_same_corpus_again(tmp_path):
    write_corpus(tmp_path)
    for path in sorted(CASES.rglob("*.npz")):
        again = np.load(tmp_path / path.relative_to(CASES))
        stored = np.load(path)
        assert stored.files == again.files
        for name in stored.files:
            np.testing.assert_array_equal(again[name], stored[name], f"{path.parent.name} {name}")
    for path in (*CASES.rglob("*.json"), CASES / "README.md"):
        assert (tmp_path / path.relative_to(CASES)).read_bytes() == path.read_bytes()


def test_the_reader_needs_30_lines_json_and_numpy(chain):
    source = inspect.getsource(reader)
    assert len(source.splitlines()) <= 30
    network, inputs, spikes = reader.read_case(chain.path)
    assert set(network) == set(IntegerNetwork.load(chain.path).arrays)
    assert [x.shape for x in inputs] == [(24, 1)]
    assert spikes.shape == (24, 5)
    assert reader.read_names(chain.path)["block_names"] == [f"block{k}" for k in range(5)]


def test_the_first_difference_is_named(chain):
    def silent(network, inputs, n_steps):
        return np.zeros((n_steps, network.n_neurons))

    def loud(network, inputs, n_steps):
        return np.ones((n_steps, network.n_neurons))

    assert difference(chain, silent) == (
        "chain-of-5 (travel time): compartment 0 does not spike in step 1"
    )
    assert difference(chain, loud) == "chain-of-5 (travel time): compartment 0 spikes in step 0"
    assert "shape (24,), expected (24, 5)" in difference(chain, lambda *_: np.zeros(24))


def test_cases_can_lie_elsewhere(tmp_path):
    entry = {"name": "a", "rule": "b", "about": "c"}
    (tmp_path / "cases.json").write_text(json.dumps([entry]), encoding="utf-8")
    assert cases(tmp_path) == [Case("a", "b", "c", tmp_path)]
