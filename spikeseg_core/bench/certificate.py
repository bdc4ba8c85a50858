"""A certificate of how far the messages between two chips are from the fewest, for given tiles.

The partitions are split into leaves by the chips of single cores, each bounded by
:mod:`spikeseg_core.bench.bisection`. The file holds integers only, and what it proves is checked by
:mod:`spikeseg_core.bench.check_certificate`, which also describes it.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from spikeseg_core.bench.bisection import Bisection, Dual, Leaf, Multipliers, improve
from spikeseg_core.bench.check_certificate import check
from spikeseg_core.loihi.chip import Board
from spikeseg_core.loihi.mapping.traffic import Traffic
from spikeseg_core.storage import save_arrays

CLAIM = "the cut, for the given tiles"

FRACTIONS = 1024
"""Messages at measured rates are counted in this fraction of a message, rounded down."""

FINEST, LARGEST = 2**20, 2**51
"""Multipliers are counted in a fraction of 1 / 2^20, or less fine to keep sums below 2^51."""

CLOSE = 0.002
"""A leaf is closed when it is this close to the cut that was found, as a fraction of it."""

STEPS, LEAF_STEPS = 20_000, 5_000
"""Most eigenvalue decompositions of a certificate, and of a leaf; the search is bounded by work."""


def certify(
    messages: Traffic, board: Board, chips: np.ndarray, file: Path, steps: int = STEPS
) -> dict[str, Any]:
    """Bound the messages between two chips from below, and write the proof.

    Parameters
    ----------
    messages : Traffic
        Between the cores of the given tiles. A spike sends one message to every core that it
        reaches, so the messages that cross are the cut of a plain weighted graph.
    board : Board
        Of two chips.
    chips : ndarray of int
        The best partition known: 0 or 1 for every core, ``(cores,)``.
    steps : int
        Most eigenvalue decompositions.

    Returns
    -------
    dict
        ``what`` is claimed, ``found`` and ``lower_bound`` in messages, ``gap`` (``found`` over
        ``lower_bound``, less 1; None if that is 0), ``leaves``, and ``checked``: whether the
        checker accepts the file.
    """
    fractions = 1 if (messages.between.data % 1 == 0).all() else FRACTIONS
    graph = (messages.between + messages.between.T).toarray()
    problem = Bisection(np.floor(graph * fractions).astype(np.int64), board.cores_per_chip)
    # Its matrices are so small that a second thread of BLAS waits more than it works.
    with threadpool_limits(1):
        leaves = search(problem, problem.cut(chips), steps)
    save_arrays(file, written(problem, leaves, chips))
    found = messages.interchip(chips)
    result: dict[str, Any] = {"what": CLAIM, "found": found, "leaves": len(leaves)}
    try:
        bound = check(file)["lower_bound"] / fractions
    except ValueError as refusal:
        return result | {"lower_bound": 0.0, "gap": None, "checked": False, "refusal": str(refusal)}
    gap = found / bound - 1 if bound else None
    return result | {"lower_bound": bound, "gap": gap, "checked": True}


def search(problem: Bisection, found: float, steps: int = STEPS) -> list[Leaf]:
    """Leaves that together hold all partitions, bounded as well as the steps allow.

    The leaf of least bound is split by the core whose chip is least decided, relative to the core
    whose relation to all others is most decided.
    """
    root = Leaf.root(problem.nodes)
    leaves = [root]
    if not found:
        return leaves
    target = found - max(1.0, CLOSE * found) + 1e-3
    improve(root, problem, found, target, min(steps, LEAF_STEPS))
    steps -= root.steps
    assert root.together is not None
    anchor = int(np.abs(root.together).sum(axis=0).argmax())
    while steps > 0:
        weakest = min(leaves, key=lambda leaf: leaf.bound)
        if weakest.bound > target:
            break
        assert weakest.together is not None
        signs = weakest.signs.copy()
        signs[anchor] = 1
        if signs.all():
            break
        decided = np.where(signs == 0, np.abs(weakest.together[anchor]), np.inf)
        leaves.remove(weakest)
        for side in (1, -1):
            signs[decided.argmin()] = side
            leaf = weakest.child(signs.copy())
            improve(leaf, problem, found, target, min(steps, LEAF_STEPS))
            steps -= leaf.steps
            leaves.append(leaf)
    return leaves


def written(problem: Bisection, leaves: list[Leaf], sides: np.ndarray) -> dict[str, np.ndarray]:
    """Arrays of the file; :mod:`spikeseg_core.bench.check_certificate` describes them."""
    first, second = np.nonzero(np.triu(problem.weights))
    scale = min(scale_of(problem, leaf.proof) for leaf in leaves)
    proofs = [in_integers(problem, leaf, scale) for leaf in leaves]

    def of_all(name: str) -> np.ndarray:
        return np.concatenate([getattr(proof, name) for proof in proofs]).astype(np.int64)

    def numbered(name: str) -> np.ndarray:
        rows = [np.insert(getattr(proof, name), 0, n, axis=1) for n, proof in enumerate(proofs)]
        return np.concatenate(rows).astype(np.int16)

    bounds = [bound_of(problem, proof) for proof in proofs]
    return {
        "edges": np.stack([first, second], axis=1).astype(np.int16),
        "weights": problem.weights[first, second],
        "capacity": np.array(problem.capacity),
        "sides": sides.astype(np.int8),
        "bound": np.array(max(0, -(-min(bounds) // (4 * scale)))),
        "scale": np.array(scale),
        "signs": np.stack([leaf.signs for leaf in leaves]).astype(np.int8),
        "leaf_bounds": np.array(bounds),
        "nodes": np.stack([proof.nodes for proof in proofs]).astype(np.int64),
        "balance": np.array([proof.balance for proof in proofs], np.int64),
        "triangles": numbered("triangles"),
        "on_triangles": of_all("on_triangles"),
        "products": numbered("products"),
        "on_products": of_all("on_products"),
    }


def scale_of(problem: Bisection, proof: Multipliers) -> int:
    """Return a power of two: the multipliers are counted in its inverse."""
    size, slack = problem.nodes, problem.slack
    largest = np.abs(problem.laplacian).sum() + np.abs(proof.nodes).sum()
    largest += proof.balance * max(size, slack) ** 2 + 6 * proof.on_triangles.sum()
    largest += (2 * slack + 4 * size) * proof.on_products.sum()
    scale = FINEST
    while scale > 1 and scale * largest > LARGEST:
        scale //= 2
    return scale


def in_integers(problem: Bisection, leaf: Leaf, scale: int) -> Multipliers:
    """Round a leaf's proof to integers over ``scale`` that make Z positive semidefinite."""
    proof = leaf.proof
    rounded = replace(
        proof,
        nodes=proof.nodes * scale,
        balance=float(np.rint(proof.balance * scale)),
        on_triangles=np.rint(proof.on_triangles * scale),
        on_products=np.rint(proof.on_products * scale),
    )
    dual = Dual(replace(problem, weights=problem.weights * scale), leaf.signs, rounded)
    matrix = dual.matrix(dual.pack())
    # Room for the rounding of the eigenvalue and of the nodes, and for the checker's own margin.
    fixed = max(1, int(np.abs(leaf.signs).sum()))
    room = 4 + fixed * abs(np.trace(matrix)) * problem.nodes / 2**48
    least = float(np.linalg.eigvalsh(matrix)[0]) - room
    return replace(rounded, nodes=np.floor(rounded.nodes + least))


def bound_of(problem: Bisection, integers: Multipliers) -> int:
    """4 x the scale x the least cut that these multipliers prove."""
    on_balance = problem.slack**2 * int(integers.balance)
    on_others = int(integers.on_triangles.sum()) + problem.slack * int(integers.on_products.sum())
    return int(integers.nodes.sum()) - on_balance - 2 * on_others
