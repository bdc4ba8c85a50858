"""Networks from elsewhere: every index leads somewhere, or the array is named."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spikeseg_core.errors import DataError
from spikeseg_core.loihi import soundness
from spikeseg_core.loihi.integer_network import ARRAYS_FILE, IntegerNetwork, Population
from spikeseg_core.loihi.soundness import check_network, check_sizes
from spikeseg_core.testing.corpus import Case, cases

CASES = {case.name: case for case in cases()}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_networks_of_the_corpus_are_sound(case: Case) -> None:
    check_network(case.network)


NETWORK = CASES["convolution-16"].network


def at(name: str, index: int, value: int) -> dict[str, np.ndarray]:
    array = getattr(NETWORK, name).copy()
    array[index] = value
    return {name: array}


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"vth": NETWORK.vth.astype(np.float64)}, "vth has 1 axes of float64, not one of int32"),
    ({"weight": NETWORK.weight[None]}, "weight has 2 axes"),
    ({"bias": NETWORK.bias[:-1]}, "bias has not as many values as neuron"),
    ({"dt": float("nan")}, "a step of nan s"),
    ({"dt": 0}, "a step of 0 s"),
    (at("block_start", 0, -1), "block_start does not divide"),
    (at("block_start", -1, 10**9), "block_start ends at 1000000000, and neuron has"),
    (at("set_start", -1, 10**9), "target_start does not divide target into 1000000000 sets"),
    (at("target_start", 1, 10**12), "target_start does not divide"),
    (at("weight_start", -1, 10**6), "weight_start does not divide"),
    (at("axon_start", -1, 2), "axon_start (ends at 2|does not divide)"),
    (at("route_start", -1, 2**40), "route_start ends at"),
    (at("block_ensemble", 0, 77), "block_ensemble names an ensemble"),
    (at("block_ensemble", 0, -1), "block_ensemble names an ensemble"),
    (at("neuron", 0, 2**31 - 1), "neuron names a position"),
    (at("neuron", 0, -1), "neuron names a position"),
    (at("neuron", 0, int(NETWORK.neuron[1])), "every neuron of every ensemble once"),
    (at("decay_u", 0, 4097), "decay_u is not between"),
    (at("decay_v", 0, -1), "decay_v is not between"),
    (at("refract", 0, 0), "refract is not between"),
    (at("refract", 0, 64), "refract is not between"),
    (at("block_vmin", 0, 2**31 - 1), "block_vmin is above"),
    (at("synapse_block", 0, -1), "synapse_block names a block"),
    (at("synapse_block", 0, 10**6), "synapse_block names a block"),
    (at("synapse_atoms", 0, 0), "synapse_atoms is not between"),
    (at("synapse_atoms", 0, 10**4), "weights and targets do not fit"),
    (at("target", 0, 2**31 - 1), "an axon leads beyond the compartments"),
    (at("target", 0, -1), "target or axon_set leads nowhere"),
    (at("axon_set", 0, 2**40), "target or axon_set leads nowhere"),
    (at("axon_base", 0, -2), "axon_base is below -1"),
    (at("axon_base", 0, 2**31 - 2), "an axon leads beyond the compartments"),
    (at("route_source", 0, -99), "route_source names a block"),
    (at("route_source", 0, 99), "route_source names a block"),
    (at("route_synapse", 0, 99), "route_synapse names synapses"),
    (at("route_axon", 0, 2**31 - 1), "route_axon names an axon"),
    (at("route_axon", 0, -2), "route_axon names an axon"),
    (at("route_atom", 0, 2**31 - 1), "route_atom names a row"),
    (at("route_atom", 0, -1), "route_atom names a row"),
    ({"ensembles": (Population("x", (2**20, 2**20)),)}, "neurons"),
    ({"inputs": (*NETWORK.inputs, Population("y", (0,)))}, r"'y' has the shape \(0,\)"),
    ({"inputs": (*NETWORK.inputs, Population("y", (1.5,)))}, r"'y' has the shape \(1.5,\)"),
    ({"inputs": (*NETWORK.inputs, *NETWORK.inputs)}, "the same name"),
    ({"inputs": (*NETWORK.inputs, Population(7, (1,)))}, "a name is not a text"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("change", "message"), WRONG, ids=[message for _, message in WRONG])
def test_what_leads_nowhere_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        check_network(replace(NETWORK, **change))


def test_an_axon_of_another_group_is_refused() -> None:
    network = next(c.network for c in CASES.values() if len(c.network.synapse_block) > 1)
    sets = network.axon_set.copy()
    sets[-1] = 0
    with pytest.raises(DataError, match=r"another group of synapses|beyond the compartments"):
        check_network(replace(network, axon_set=sets))


def test_an_archive_of_more_than_any_board_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_sizes(tmp_path)  # a missing one is for the reader to name
    NETWORK.save(tmp_path)
    check_sizes(tmp_path)
    monkeypatch.setattr(soundness, "MOST_BYTES", 1000)
    with pytest.raises(DataError, match=r"unpacks to .* bytes, and at most 1,000 are read"):
        check_sizes(tmp_path)
    (tmp_path / ARRAYS_FILE).write_bytes(b"PK")
    with pytest.raises(DataError, match="cannot be read as arrays"):
        check_sizes(tmp_path)


def test_a_forged_network_with_its_own_digest_is_loaded_but_not_sound(tmp_path: Path) -> None:
    replace(NETWORK, **at("route_axon", 0, 2**30)).save(tmp_path)
    assert zipfile.is_zipfile(tmp_path / ARRAYS_FILE)
    with pytest.raises(DataError, match="is not sound"):
        check_network(IntegerNetwork.load(tmp_path))
