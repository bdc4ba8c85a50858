import numpy as np
import pytest
import scipy.sparse as sp

from spikeseg_core.bench import bisection, certificate
from spikeseg_core.bench.bisection import Leaf, Multipliers
from spikeseg_core.bench.certificate import (
    bound_of,
    certify,
    in_integers,
    scale_of,
    search,
    written,
)
from spikeseg_core.bench.check_certificate import check
from spikeseg_core.bench.exact import exact_chips, spectral_bound
from spikeseg_core.loihi.chip import Board
from spikeseg_core.loihi.mapping.traffic import Traffic, traffic
from spikeseg_core.storage import save_arrays
from tests.spikeseg_core.bench.graphs import best_sides, random_problem, weak_problem
from tests.spikeseg_core.loihi.networks import random_network


@pytest.mark.parametrize("seed", range(10))
def test_bound_of_random_graphs_is_the_best_cut(tmp_path, seed):
    problem = random_problem(np.random.default_rng(seed))
    best = best_sides(problem)
    leaves = search(problem, problem.cut(best))
    save_arrays(tmp_path / "c.npz", written(problem, leaves, best))
    cut = problem.cut(best)
    assert check(tmp_path / "c.npz") == {"lower_bound": cut, "found": cut}


@pytest.mark.parametrize("seed", range(4))
def test_bound_holds_when_a_worse_cut_was_found(tmp_path, seed):
    problem = random_problem(np.random.default_rng(seed), nodes=8)
    best = best_sides(problem)
    leaves = search(problem, problem.cut(best) * 1.3 + 5, steps=600)
    save_arrays(tmp_path / "c.npz", written(problem, leaves, best))
    assert 0 <= check(tmp_path / "c.npz")["lower_bound"] <= problem.cut(best)


def test_leaves_of_a_search_that_branches(tmp_path, monkeypatch):
    """The root's bound is weak: leaves raise it, and cover everything."""
    monkeypatch.setattr(bisection, "TRIANGLES_PER_NODE", 0)
    monkeypatch.setattr(bisection, "PRODUCTS_PER_NODE", 0)
    problem = weak_problem()
    best = best_sides(problem)
    bounds = []
    for steps in (1, 9000):
        leaves = search(problem, problem.cut(best), steps)
        save_arrays(tmp_path / "c.npz", written(problem, leaves, best))
        bounds.append(check(tmp_path / "c.npz")["lower_bound"])
    assert len(leaves) > 1
    assert bounds[0] < bounds[1] == problem.cut(best)


def proven(problem, leaf):
    scale = scale_of(problem, leaf.proof)
    return bound_of(problem, in_integers(problem, leaf, scale)) / (4 * scale)


def test_integers_prove_what_the_search_found():
    problem = random_problem(np.random.default_rng(3))
    (leaf,) = search(problem, problem.cut(best_sides(problem)))
    assert proven(problem, leaf) == pytest.approx(leaf.bound, abs=1e-3)
    signs = np.zeros(problem.nodes, int)
    signs[:3] = 1, -1, 1
    assert proven(problem, leaf.child(signs)) >= leaf.bound - 1e-3
    assert -1e-3 < proven(problem, Leaf.root(problem.nodes)) <= 0


def test_large_multipliers_are_counted_less_finely():
    problem = random_problem(np.random.default_rng(3))
    small, large = (Multipliers(np.full(problem.nodes, 1.0), balance=b) for b in (0.0, 1e9))
    assert scale_of(problem, small) == certificate.FINEST > scale_of(problem, large) > 1


def network_messages(rates):
    rng = np.random.default_rng(1)
    network = random_network(rng, size=8, channels=lambda rng: 8)
    tiles = {"a": (8, 4, 8), "b": (2, 4, 8), "d": (4, 4, 8)}
    measured = {x.name: rng.gamma(0.5, 40.0, network.shape(x.name)) for x in network.layers}
    return traffic(network, tiles, measured if rates else None)


@pytest.mark.parametrize("rates", [False, True])
@pytest.mark.parametrize("capacity", [4, 5])
def test_certificate_of_a_mapping_meets_the_exact_optimum(tmp_path, rates, capacity):
    messages, board = network_messages(rates), Board(2, capacity)
    chips = exact_chips(messages, board)
    claim = certify(messages, board, chips, tmp_path / "c.npz")
    assert claim["what"] == "the cut, for the given tiles"
    assert claim["checked"]
    assert claim["found"] == pytest.approx(messages.interchip(chips))
    assert spectral_bound(messages, board) <= claim["lower_bound"] <= claim["found"]
    assert claim["gap"] < 0.01
    assert rates or claim["lower_bound"] == claim["found"]


def test_file_holds_the_graph_of_the_messages(tmp_path):
    messages = network_messages(rates=True)
    certify(messages, Board(2, 4), exact_chips(messages, Board(2, 4)), tmp_path / "c.npz")
    with np.load(tmp_path / "c.npz") as data:
        graph = np.zeros((messages.cores, messages.cores))
        graph[tuple(data["edges"].T)] = data["weights"] / certificate.FRACTIONS
    lost = (messages.between + messages.between.T).toarray() - (graph + graph.T)
    assert (lost >= 0).all()
    assert lost.max() < 1 / certificate.FRACTIONS


def test_a_refused_file_claims_nothing(tmp_path, monkeypatch):
    messages = network_messages(rates=False)
    chips = exact_chips(messages, Board(2, 4))

    def false(*arguments):
        data = written(*arguments)
        return {**data, "bound": data["bound"] + 1}

    monkeypatch.setattr(certificate, "written", false)
    claim = certify(messages, Board(2, 4), chips, tmp_path / "c.npz")
    assert not claim["checked"]
    assert claim["lower_bound"] == 0
    assert claim["gap"] is None
    assert "claimed" in claim["refusal"]


def test_nothing_between_the_chips_needs_no_search(tmp_path):
    silent = Traffic(np.array(["a"] * 4), sp.csr_array((4, 4)), np.zeros(4), "axons")
    claim = certify(silent, Board(2, 3), np.array([0, 0, 0, 1]), tmp_path / "c.npz")
    assert claim == {"what": claim["what"], "found": 0, "leaves": 1} | {
        "lower_bound": 0, "gap": None, "checked": True
    }  # fmt: skip
