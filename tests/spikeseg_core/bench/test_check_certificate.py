import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from spikeseg_core.bench import check_certificate
from spikeseg_core.bench.bisection import Bisection, Leaf
from spikeseg_core.bench.certificate import search, written
from spikeseg_core.bench.check_certificate import check
from tests.spikeseg_core.bench.graphs import best_sides, random_problem


@pytest.fixture(scope="module")
def proven():
    """A ladder of 14 nodes with heavy rungs, split into leaves by hand."""
    weights = np.zeros((14, 14), int)
    for i in range(7):
        weights[2 * i, 2 * i + 1] = 90
    for i in range(12):
        weights[i, i + 2] = 60 + i
    problem = Bisection(weights + weights.T, 8)
    best = best_sides(problem)
    (root,) = search(problem, problem.cut(best))
    leaves = [root.child(np.where(np.arange(14) == 0, 1, 0))]
    for node in (5, 9):
        last = leaves.pop()
        for side in (1, -1):
            leaves.append(last.child(np.where(np.arange(14) == node, side, last.signs)))
    return problem.cut(best), written(problem, leaves, best)


def changed(data, **changes):
    return {**data, **{name: change(data[name].copy()) for name, change in changes.items()}}


def verdict(tmp_path, data):
    np.savez(tmp_path / "file.npz", **data)
    return check(tmp_path / "file.npz")


def at(index, add):
    def change(values):
        values[index] += add
        return values

    return change


def test_a_sound_certificate_is_accepted(tmp_path, proven):
    best, data = proven
    assert len(data["signs"]) == 3
    assert verdict(tmp_path, data) == {"lower_bound": best, "found": best}
    command = [sys.executable, check_certificate.__file__, tmp_path / "file.npz"]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert f"'lower_bound': {best:.0f}" in ran.stdout


def test_many_cores(tmp_path):
    """Shares of 2^-70 are counted exactly."""
    weights = np.diag(np.ones(69, int), 1)
    problem, leaf = Bisection(weights + weights.T, 40), Leaf.root(70)
    leaves = [leaf.child(np.insert(np.zeros(68, int), 0, (1, side))) for side in (1, -1)]
    data = written(problem, leaves, np.arange(70) // 35)
    assert verdict(tmp_path, data) == {"lower_bound": 0, "found": 1}
    data = written(problem, leaves[:1], np.arange(70) // 35)
    with pytest.raises(ValueError, match="miss partitions"):
        verdict(tmp_path, data)


def consistent(data):
    """With the bounds that its multipliers would prove if Z were semidefinite."""
    slack = 2 * data["capacity"] - len(data["sides"])
    bounds = data["nodes"].sum(axis=1) - slack**2 * data["balance"]
    np.subtract.at(bounds, data["triangles"][:, 0], 2 * data["on_triangles"])
    np.subtract.at(bounds, data["products"][:, 0], 2 * slack * data["on_products"])
    return {**data, "leaf_bounds": bounds}


FALSE = {
    "bound raised by 1 %": ({"bound": lambda b: b + max(1, b // 100)}, "claimed"),
    "edge dropped": ({"edges": lambda e: e[1:], "weights": lambda w: w[1:]}, "semidefinite"),
    "weights lowered": ({"weights": lambda w: w - 1}, "semidefinite"),
    "negative weight": ({"weights": at(3, -1000)}, "not a graph"),
    "multiplier of a node": ({"nodes": at((1, 4), 1)}, "another bound"),
    "multiplier of the balance": ({"balance": at(0, 1)}, "another bound"),
    "multiplier of a triangle": ({"on_triangles": at(0, -1)}, "another bound|sign"),
    "claim of a leaf": ({"leaf_bounds": at(0, 1)}, "another bound"),
    "leaf missing": (
        {n: lambda x: x[:-1] for n in ("signs", "nodes", "balance", "leaf_bounds")},
        "miss partitions",
    ),
    "leaf twice": ({"signs": lambda s: s[[0, 0, 1]]}, "overlap"),
    "sign out of range": ({"signs": at((0, 0), 2)}, "signs other"),
    "too many on a side": ({"sides": lambda s: s * 0}, "not a partition"),
    "more room than nodes": ({"capacity": lambda c: c - 2}, "not a partition"),
    "fractions": ({"nodes": lambda x: x.astype(float)}, "integers"),
    "numbers that overflow": ({"nodes": at((0, 0), 2**62)}, "too large|another bound"),
    "factor out of range": ({"triangles": at((0, 4), 5)}, "factors"),
}


@pytest.mark.parametrize("name", FALSE)
def test_false_certificates_are_refused(tmp_path, proven, name):
    changes, complaint = FALSE[name]
    with pytest.raises(ValueError, match=complaint):
        verdict(tmp_path, changed(proven[1], **changes))


CONSISTENT = {
    "node": {"nodes": lambda x: x + (np.arange(14) == 4) * 2**26},
    "all nodes": {"nodes": lambda x: x + 2**20},
    "triangles": {"on_triangles": lambda x: x * 9 // 10},
    "balance": {"balance": lambda x: x * 0},
    "negative balance": {"balance": lambda x: -x - 1},
}


@pytest.mark.parametrize("name", CONSISTENT)
def test_better_multipliers_that_prove_nothing_are_refused(tmp_path, proven, name):
    """Even where the claims are made to fit them."""
    data = consistent(proven[1])
    assert (data["leaf_bounds"] == proven[1]["leaf_bounds"]).all()
    data = consistent(changed(data, **CONSISTENT[name]))
    assert (data["leaf_bounds"] > proven[1]["leaf_bounds"]).all()
    with pytest.raises(ValueError, match=r"semidefinite|sign"):
        verdict(tmp_path, data)


@pytest.mark.parametrize("seed", range(4))
def test_what_is_accepted_is_true(tmp_path, seed):
    """Multipliers changed at random, with the best claim that they would give."""
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, nodes=7)
    best = best_sides(problem)
    cut = problem.cut(best)
    sound = written(problem, search(problem, cut), best)
    accepted = []
    for _ in range(60):
        data = {name: values.copy() for name, values in sound.items()}
        for name in rng.choice(["nodes", "balance", "on_triangles", "on_products"], 2):
            change = rng.normal(size=data[name].shape) * 2 ** rng.uniform(0, 22)
            data[name] += np.rint(change).astype(np.int64)
        data["nodes"] -= int(2 ** rng.uniform(0, 24))
        data = consistent(data)
        data["bound"] = -(-data["leaf_bounds"].min() // (4 * data["scale"]))
        try:
            accepted.append(verdict(tmp_path, data)["lower_bound"])
        except ValueError:
            continue
    assert 0 < len(accepted) < 60
    assert max(accepted) <= cut


def test_every_leaf_has_to_be_of_the_same_core(tmp_path, proven):
    """Only one core's chip is free to choose, because the chips are alike."""
    data = changed(proven[1], signs=at((0, 0), -1))
    with pytest.raises(ValueError, match=r"miss|overlap"):
        verdict(tmp_path, data)


def test_checker_shares_no_code_with_the_maker():
    tree = ast.parse(Path(check_certificate.__file__).read_text())
    imported = {
        (node.module or "") if isinstance(node, ast.ImportFrom) else node.names[0].name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert imported == {"__future__", "numpy", "pathlib", "sys"}
