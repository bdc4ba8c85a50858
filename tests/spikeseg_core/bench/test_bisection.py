from dataclasses import replace

import numpy as np
import pytest

from spikeseg_core.bench import bisection
from spikeseg_core.bench.bisection import Dual, Leaf, Multipliers, improve
from tests.spikeseg_core.bench.graphs import best_sides, partitions, random_problem, weak_problem


def random_constraints(rng, nodes, count):
    """Multipliers that nobody searched for."""
    i, j, k = (rng.integers(0, nodes, count) for _ in range(3))
    signs = rng.choice([-1, 1], (count, 2))
    return Multipliers(
        rng.normal(size=nodes),
        float(rng.random()),
        np.column_stack([i, j, k, signs]),
        rng.random(count),
        np.column_stack([i, j, signs]),
        rng.random(count),
    )


@pytest.mark.parametrize("seed", range(8))
def test_constraints_hold_for_every_partition(seed):
    """So 4 cuts cost at least x'Zx + value, whatever the multipliers and the leaf."""
    rng = np.random.default_rng(seed)
    problem = random_problem(rng)
    signs = rng.choice([-1, 0, 0, 1], problem.nodes)
    dual = Dual(problem, signs, random_constraints(rng, problem.nodes, 6))
    matrix, value = dual.matrix(dual.pack()), dual.value(dual.pack())
    for sides in partitions(problem):
        x = 1 - 2 * sides
        if not (x * signs >= 0).all():
            continue
        of_columns = np.linalg.lstsq(dual.columns, x, rcond=None)[0]
        assert dual.columns @ of_columns == pytest.approx(x)
        least = of_columns @ matrix @ of_columns + value
        assert 4 * problem.cut(sides) >= least - 1e-9


def test_multipliers_pack_and_unpack():
    rng = np.random.default_rng(0)
    problem = random_problem(rng)
    point = random_constraints(rng, problem.nodes, 5)
    dual = Dual(problem, np.zeros(problem.nodes, int), point)
    again = dual.unpack(dual.pack())
    for name in ("nodes", "balance", "on_triangles", "on_products"):
        assert getattr(again, name) == pytest.approx(getattr(point, name))


@pytest.mark.parametrize("seed", range(3))
def test_gradient_is_that_of_the_penalized_value(seed):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng)
    signs = np.zeros(problem.nodes, int)
    signs[:2] = 1, -1
    dual = Dual(problem, signs, random_constraints(rng, problem.nodes, 4))
    point, steepness = dual.pack() + 3.0, 0.7
    _, factors, _ = dual.penalized(point, steepness)
    gradient = dual.gradient(factors)
    for at in range(len(point)):
        step = np.zeros(len(point))
        step[at] = 1e-5
        up, down = (dual.penalized(point + s * step, steepness)[0] for s in (1, -1))
        assert gradient[at] == pytest.approx((up - down) / 2e-5, rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("seed", range(6))
def test_bound_of_a_leaf_is_below_its_partitions(seed):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, nodes=8)
    best = best_sides(problem)
    signs = np.zeros(8, int)
    signs[:3] = rng.choice([-1, 1], 3)
    leaf = Leaf.root(8).child(signs)
    improve(leaf, problem, problem.cut(best), np.inf, steps=400)
    agree = [s for s in partitions(problem) if ((1 - 2 * s)[:3] == signs[:3]).all()]
    if agree:
        assert leaf.bound <= min(map(problem.cut, agree)) + 1e-6
    assert leaf.steps < 400 + 2 * bisection.STEPS


def test_more_constraints_raise_the_bound(monkeypatch):
    problem = weak_problem()
    found = problem.cut(best_sides(problem))
    bounds = []
    for triangles, products in ((0, 0), (4, 0), (4, 2)):
        monkeypatch.setattr(bisection, "TRIANGLES_PER_NODE", triangles)
        monkeypatch.setattr(bisection, "PRODUCTS_PER_NODE", products)
        leaf = Leaf.root(9)
        improve(leaf, problem, found, np.inf, steps=2000)
        bounds.append(leaf.bound)
    assert bounds[0] < bounds[1] - 0.1
    assert bounds[1] <= bounds[2] + 0.05
    assert bounds[2] <= found + 1e-6


def test_violated_constraints_are_found_and_not_twice():
    together = np.array([[1, -0.9, -0.9], [-0.9, 1, -0.9], [-0.9, -0.9, 1]])
    rows = bisection.violated_triangles(together, 5)
    assert rows.tolist() == [[0, 1, 2, 1, 1]]
    start = Multipliers(np.zeros(3)).including(rows, np.zeros((0, 4), int))
    assert len(start.including(rows, np.zeros((0, 4), int)).triangles) == 1
    assert not len(start.without(0.0, 1).triangles)
    kept = replace(start, on_triangles=np.ones(1)).without(0.5, 1)
    assert len(kept.triangles) == 1
    everything_together = np.ones((6, 6))
    products = bisection.violated_products(everything_together, 2, 100)
    assert len(products)
    assert (products[:, 2:] == 1).all()
    assert not len(bisection.violated_products(everything_together, 0, 100))
