"""Small random graphs whose best bisection is found by trying all."""

import itertools

import numpy as np

from spikeseg_core.bench.bisection import Bisection


def random_problem(rng, nodes=None):
    nodes = nodes or int(rng.integers(4, 10))
    present = np.triu(rng.random((nodes, nodes)) < 0.6, 1)
    weights = present * rng.integers(1, 20, (nodes, nodes))
    return Bisection(weights + weights.T, int(rng.integers((nodes + 1) // 2, nodes)))


def weak_problem():
    """A cycle with chords: without triangles and products its bound is far from the cut."""
    weights = np.zeros((9, 9), int)
    for i in range(9):
        weights[i, (i + 1) % 9] = weights[i, (i + 2) % 9] = 1
    return Bisection(weights + weights.T, 5)


def partitions(problem):
    for sides in itertools.product([0, 1], repeat=problem.nodes):
        if max(sum(sides), problem.nodes - sum(sides)) <= problem.capacity:
            yield np.array(sides)


def best_sides(problem):
    return min(partitions(problem), key=problem.cut)
