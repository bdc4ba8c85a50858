import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from spikeseg_core.bench import cases, mapping
from spikeseg_core.bench.certificate import FRACTIONS
from spikeseg_core.bench.check_certificate import check
from spikeseg_core.config import PipelineConfig
from spikeseg_core.loihi.mapping.optimize import optimize
from spikeseg_core.loihi.mapping.partition import partition
from spikeseg_core.network import save_network
from spikeseg_core.storage import save_arrays
from tests.spikeseg_core.loihi.networks import random_network, random_weights

STRATEGIES = {"greedy", "round_robin", "greedy_interchip", "metis", "optimized"}
KEYS = {
    "cores", "chips", "interchip_messages", "total_messages", "seconds", "time_per_step_us",
    "energy_per_step_uj",
}  # fmt: skip


def test_bench_of_a_trained_network(tmp_path, monkeypatch):
    certified = replace(cases.small_cases(1)[0], proven=False, certified=True)
    monkeypatch.setattr(mapping, "reference_case", lambda: certified)
    monkeypatch.setattr(mapping, "optimize", partial(optimize, rounds=1))
    monkeypatch.setattr(cases.small_cases, "__defaults__", (2,))
    rng = np.random.default_rng(0)
    network = random_network(rng, size=16, channels=lambda rng: 8)
    save_network(tmp_path / "tune", network, random_weights(rng, network))
    rates = {x.name: rng.gamma(0.5, 40, network.shape(x.name)) for x in network.layers}
    save_arrays(tmp_path / "convert" / "rates.npz", rates)
    inputs = {"tune": tmp_path / "tune", "convert": tmp_path / "convert"}
    result = mapping.bench_mapping(
        PipelineConfig(), inputs, what_if=False, certificates=tmp_path / "certificates"
    )
    json.dumps(result)
    assert [n["name"] for n in result["networks"]] == ["small-0", "random", "small-0", "small-1"]
    for mapped in result["networks"]:
        assert set(mapped["strategies"]) == STRATEGIES
        for found in mapped["strategies"].values():
            assert set(found) >= KEYS
        assert mapped["bound"] <= mapped["strategies"]["optimized"]["cost"] * (1 + 1e-9)
    assert result["small_networks"]["mean_gap_to_optimum"] < 0.05
    reference, trained = result["networks"][:2]
    claim, found = reference["certificate"], reference["strategies"]["optimized"]
    assert claim["checked"]
    assert claim["found"] == found["interchip_messages"]
    assert claim["gap"] < 0.05
    assert check(Path(claim["file"]))["lower_bound"] / FRACTIONS == claim["lower_bound"]
    assert reference["bound_kind"] == mapping.CERTIFIED
    assert reference["bound"] >= found["cost"] * 0.95
    assert trained["certificate"]["checked"]
    assert all("certificate" not in small for small in result["networks"][2:])
    assert trained["neurons"] == network.neurons_on_chip
    assert len(trained["strategies"]["optimized"]["sweep"]) == 3


def test_tiles_that_need_another_chip_are_a_result():
    case = cases.small_cases(1)[0]
    squares = dict.fromkeys(case.user_tiles, (4, 4, 4))
    assert case.problem.cores(squares) > case.problem.board.cores
    wide = cases.Case(case.name, case.problem, squares, case.rates)
    result = mapping.measure(wide)
    assert not result["user_tiles_fit_the_board"]
    assert result["strategies"]["metis"]["chips"] > case.problem.board.chips
    assert result["strategies"]["optimized"]["chips"] <= case.problem.board.chips


def test_a_deployment_on_other_tiles_is_beside_the_certificate(tmp_path):
    """It has other cores than the optimized mapping, which the certificate is about."""
    case = replace(cases.small_cases(1)[0], proven=False, certified=True)
    tiles = optimize(case.problem).tiles
    name, (rows, columns, channels) = next(iter(tiles.items()))
    others = {**tiles, name: (rows, columns, -(-channels // 2))}
    traffic = case.problem.traffic(others)
    assert traffic.cores != case.problem.traffic(tiles).cores
    board = replace(case.problem.board, cores_per_chip=traffic.cores)
    deployed = SimpleNamespace(tiles=others), partition("greedy", traffic, board, 0)
    found = mapping.measure(replace(case, deployed=deployed), certificates=tmp_path)
    assert found["strategies"]["deployed"]["cores"] == traffic.cores
    claim = found["certificate"]
    assert claim["checked"]
    assert claim["found"] == found["strategies"]["optimized"]["interchip_messages"]
