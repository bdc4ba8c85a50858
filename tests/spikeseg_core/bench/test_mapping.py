import json
from functools import partial

import numpy as np
import pytest

from spikeseg_core.bench import mapping
from spikeseg_core.bench.reference import LAYERS
from spikeseg_core.config import PipelineConfig
from spikeseg_core.loihi.mapping.fit import grid_of
from spikeseg_core.loihi.mapping.optimize import optimize
from spikeseg_core.network import save_network
from spikeseg_core.network.catalogue import NETWORKS
from spikeseg_core.storage import save_arrays
from tests.spikeseg_core.loihi.networks import random_weights

QUICK = NETWORKS["quick"]

STRATEGIES = {"greedy", "round_robin", "greedy_interchip", "metis", "optimized"}
KEYS = {
    "cores", "chips", "interchip_messages", "total_messages", "seconds", "time_per_step_us",
    "energy_per_step_uj",
}  # fmt: skip


def test_the_reference_is_the_one_of_its_module():
    network = mapping.REFERENCE_235K
    assert network.neurons_on_chip == 235_008
    assert {n: (network.shape(n), t) for n, t in mapping.REFERENCE_TILES.items()} == LAYERS


def test_bench_of_a_trained_network(tmp_path, monkeypatch):
    monkeypatch.setattr(mapping, "reference_case", lambda: mapping.small_cases(1)[0])
    monkeypatch.setattr(mapping, "optimize", partial(optimize, rounds=1))
    monkeypatch.setattr(mapping.small_cases, "__defaults__", (2,))
    rng = np.random.default_rng(0)
    save_network(tmp_path / "tune", QUICK, random_weights(rng, QUICK))
    rates = {x.name: rng.gamma(0.5, 40, QUICK.shape(x.name)) for x in QUICK.layers}
    save_arrays(tmp_path / "convert" / "rates.npz", rates)
    inputs = {"tune": tmp_path / "tune", "convert": tmp_path / "convert"}
    result = mapping.bench_mapping(PipelineConfig(), inputs, what_if=False)
    json.dumps(result)
    assert [n["name"] for n in result["networks"]] == ["small-0", "quick", "small-0", "small-1"]
    for network in result["networks"]:
        assert set(network["strategies"]) == STRATEGIES
        for found in network["strategies"].values():
            assert set(found) >= KEYS
        assert network["bound"] <= network["strategies"]["optimized"]["cost"] * (1 + 1e-9)
    assert result["small_networks"]["mean_gap_to_optimum"] < 0.05
    trained = result["networks"][1]
    assert trained["neurons"] == QUICK.neurons_on_chip
    assert len(trained["strategies"]["optimized"]["sweep"]) == 3


def test_tiles_that_need_another_chip_are_a_result():
    case = mapping.small_cases(1)[0]
    squares = dict.fromkeys(case.user_tiles, (4, 4, 4))
    cores = sum(int(np.prod(grid_of(case.problem.network.shape(n), t))) for n, t in squares.items())
    assert cores > case.problem.board.cores
    wide = mapping.Case(case.name, case.problem, squares, case.rates, case.seconds)
    result = mapping.measure(wide)
    assert not result["user_tiles_fit_the_board"]
    assert result["strategies"]["metis"]["chips"] > case.problem.board.chips
    assert result["strategies"]["optimized"]["chips"] <= case.problem.board.chips


def test_what_if_names_what_does_not_fit(monkeypatch):
    monkeypatch.setattr(mapping, "WHAT_IF_SCALES", {"238k": 1, "1m": 2})
    cases, refused = mapping.what_if_cases(PipelineConfig(), None)
    names = {case.name for case in cases}
    assert "238k on 2 chips" in names
    assert "1m on 32 chips" in names
    assert {"name": "238k on 1 chips", "fits": False}.items() <= refused[0].items()
    assert all(r["needs_chips"] > 1 for r in refused)
    for case in cases:
        assert case.problem.network.neurons_on_chip == pytest.approx(
            {"238k": 238e3, "1m": 950e3}[case.name.split()[0]], rel=0.05
        )
