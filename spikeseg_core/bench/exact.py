"""Proven optima of small mappings, and a lower bound for large ones.

Small: every choice of tiles is partitioned by a mixed-integer program (HiGHS, through SciPy) that
must improve on the best so far. Large: for given tiles, the spectral bound of Donath and Hoffman
(IBM J. Res. Dev. 17, 1973): cutting a graph of Laplacian L into parts of m1 >= m2 >= ... nodes
costs at least half the sum of m_i times the i-th smallest eigenvalue of L.
"""

from __future__ import annotations

import itertools

import numpy as np
import scipy.sparse as sp
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse.linalg import eigsh

from spikeseg_core.loihi.chip import Board
from spikeseg_core.loihi.mapping.problem import INTERCHIP_WEIGHT, Problem, Solution
from spikeseg_core.loihi.mapping.traffic import Traffic

DENSE_NODES = 1500
"""With up to this many cores all eigenvalues are computed; with more, only the smallest."""


def exact_chips(messages: Traffic, board: Board, below: float = np.inf) -> np.ndarray | None:
    """Partition with the fewest messages between chips.

    Parameters
    ----------
    below : float
        Only look for partitions with fewer messages between chips.

    Returns
    -------
    ndarray of int, or None
        Chip of every core; None if no partition has fewer than ``below``.
    """
    graph = sp.triu(messages.between + messages.between.T, k=1).tocoo()
    nodes, edges, chips = messages.cores, graph.nnz, board.chips
    placed = nodes * chips  # variables: node on chip (node-major), then edge is cut
    size = placed + edges
    rows: list[LinearConstraint] = []

    def constraint(
        entries: tuple[np.ndarray, np.ndarray, np.ndarray], low: object, high: object
    ) -> None:
        values, at, columns = entries
        matrix = sp.csr_array((values, (at, columns)), shape=(int(at.max()) + 1, size))
        rows.append(LinearConstraint(matrix, low, high))

    node = np.repeat(np.arange(nodes), chips)
    chip = np.tile(np.arange(chips), nodes)
    ones = np.ones(placed)
    constraint((ones, node, np.arange(placed)), 1, 1)
    constraint((ones, chip, np.arange(placed)), 0, board.cores_per_chip)
    if edges:
        # For every chip: an edge with only one end on it is cut.
        edge = np.repeat(np.arange(edges), chips)
        on = np.tile(np.arange(chips), edges)
        u, v = np.repeat(graph.row, chips) * chips + on, np.repeat(graph.col, chips) * chips + on
        at = np.arange(edges * chips)
        values = np.concatenate([np.ones(at.size), -np.ones(at.size), np.ones(at.size)])
        constraint((values, np.tile(at, 3), np.concatenate([placed + edge, u, v])), 0, np.inf)
    upper = np.ones(size)
    upper[1:chips] = 0  # the first core is on the first chip, because chips are interchangeable
    if edges and np.isfinite(below):
        constraint((graph.data, np.zeros(edges, int), placed + np.arange(edges)), -np.inf, below)
    found = milp(
        np.concatenate([np.zeros(placed), graph.data]),
        constraints=rows,
        bounds=Bounds(np.zeros(size), upper),
        integrality=np.concatenate([np.ones(placed), np.zeros(edges)]),
        options={"mip_rel_gap": 1e-6},
    )
    if found.x is None:
        return None
    return np.asarray(found.x[:placed].reshape(nodes, chips).argmax(axis=1))


def exact_mapping(problem: Problem, incumbent: Solution | None = None) -> Solution | None:
    """Try every choice of tiles on the problem's menu and prove the best mapping.

    Parameters
    ----------
    problem : Problem
        Its menu must be short: the work grows with the product of the numbers of tiles.

    Returns
    -------
    Solution or None
        A mapping of least cost; None if no choice of tiles fits the board.
    """
    names = [layer.name for layer in problem.network.chip_layers()]
    trials = []
    for choice in itertools.product(*(problem.tiles_of(name) for name in names)):
        tiles = dict(zip(names, choice, strict=True))
        if problem.cores(tiles) <= problem.board.cores and problem.output_axons_fit(tiles):
            messages = problem.traffic(tiles)
            trials.append((messages.total, choice, messages))
    best = incumbent
    for total, choice, messages in sorted(trials, key=lambda trial: trial[:2]):
        room = np.inf if best is None else (best.cost - total) / INTERCHIP_WEIGHT
        if room <= 0:
            break
        chips = exact_chips(messages, problem.board, below=room - 1e-9)
        if chips is None:
            continue
        found = Solution(dict(zip(names, choice, strict=True)), messages, chips)
        if best is None or found.cost < best.cost:
            best = found
    return best


def spectral_bound(messages: Traffic, board: Board) -> float:
    """Lower bound of the messages between chips over all partitions of these cores."""
    chips = -(-messages.cores // board.cores_per_chip)
    if chips <= 1:
        return 0.0
    graph = (messages.between + messages.between.T).tocsr()
    laplacian = sp.diags_array(np.asarray(graph.sum(axis=1)).ravel()) - graph
    if messages.cores <= DENSE_NODES:
        smallest = np.linalg.eigvalsh(laplacian.toarray())[: board.chips]
    else:
        start = np.random.default_rng(0).normal(size=messages.cores)
        shifted = laplacian + 1e-6 * sp.eye_array(messages.cores)
        smallest = np.sort(
            eigsh(shifted.tocsc(), k=board.chips, sigma=0, v0=start, return_eigenvectors=False)
        )
    sizes = np.full(board.chips, board.cores_per_chip)
    sizes = np.clip(messages.cores - np.concatenate([[0], np.cumsum(sizes)[:-1]]), 0, sizes)
    return max(0.0, float(0.5 * (np.maximum(smallest, 0) * sizes).sum()))
