import json

import numpy as np
import pytest

from spikeseg_core.testing import Case, cases, difference
from spikeseg_core.testing.corpus import CASES

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
