"""Check a certificate of a bisection; it needs numpy and shares no code with what made the file.

    python check_certificate.py FILE

The file (npz, integers) holds a graph, ``edges (E, 2)`` and ``weights (E,)``; the most nodes of a
side, ``capacity``; a partition, ``sides (nodes,)`` of 0 and 1; and the claim that every partition
cuts at least ``bound``. With x of +1 and -1 for the sides, s = 2 capacity - nodes and L the graph's
Laplacian, a cut is x'Lx / 4, and |e'x| <= s. The proof has leaves, each for the partitions that
agree with its row of ``signs (leaves, nodes)``, where 0 is open. A leaf's multipliers, over
``scale``, make

    Z = L - Diag(nodes) + balance ee' - sum(on_triangles T) - sum(on_products R)

positive semidefinite where the leaf leaves x free. For every x, and p, q of +1 and -1,

    x'Tx = 2 (p x_i x_j + q x_i x_k + pq x_j x_k) >= -2   (``triangles``: leaf, i, j, k, p, q)
    x'Rx = 2 (s p x_i x_j - q (x_i + p x_j) e'x) >= -2s   (``products``: leaf, i, j, p, q)

(the second is (s - q x_i e'x) (1 + p x_i x_j) >= 0), so 4 cuts of the leaf cost at least
``sum(nodes) - s^2 balance - 2 sum(on_triangles) - 2s sum(on_products)``. That Z is semidefinite
follows from a Cholesky factorization of Z - c that runs to its end, where c is above its rounding
errors (Rump, BIT 46, 2006: at most about (n + 1) 2^-53 trace; 32 times that is taken).
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np


def check(file: Path) -> dict[str, int]:
    """Return ``lower_bound`` and ``found``, the cut of the file's partition, in units of weight.

    Raises
    ------
    ValueError
        If the certificate does not prove its claim.
    """
    with np.load(file, allow_pickle=False) as stored:
        data = {name: stored[name] for name in stored.files}
    require(all(values.dtype.kind == "i" for values in data.values()), "not all are integers")
    data = {name: values.astype(np.int64) for name, values in data.items()}
    (i, j), weights, sides, signs = data["edges"].T, data["weights"], data["sides"], data["signs"]
    size, capacity, scale = len(sides), int(data["capacity"]), int(data["scale"])
    sound = (weights > 0).all() and weights.astype(float).sum() < 2**52 and (i != j).all()
    require(sound and scale > 0, "not a graph")
    fits = np.isin(sides, (0, 1)).all() and max(sides.sum(), size - sides.sum()) <= capacity
    require(fits, "not a partition")
    laplacian = np.zeros((size, size), np.int64)
    for row, column, sign in ((i, j, -1), (j, i, -1), (i, i, 1), (j, j, 1)):
        np.add.at(laplacian, (row, column), sign * weights)
    require(np.isin(signs, (-1, 0, 1)).all(), "signs other than -1, 0 and 1")
    for number, leaf in enumerate(signs):
        require((signs[:number] * leaf == -1).any(axis=1).all(), "leaves overlap")
    # Leaves that exclude each other hold all partitions if their shares of 2^-depth add up; x and
    # -x are the same partition, so one node may be fixed everywhere.
    shares = sum(2 ** (size - int(depth)) for depth in np.abs(signs).sum(axis=1))
    one_fixed = bool((signs == 1).all(axis=0).any())
    require(shares == 2 ** (size - one_fixed), "the leaves miss partitions")
    bounds = [leaf_bound(data, leaf, laplacian, 2 * capacity - size) for leaf in range(len(signs))]
    require(bounds == data["leaf_bounds"].tolist(), "a leaf's multipliers give another bound")
    proven = max(0, -(-min(bounds) // (4 * scale)))  # a cut is an integer
    require(data["bound"] <= proven, f"claimed {data['bound']}, proven {proven}")
    return {"lower_bound": int(data["bound"]), "found": int(weights[sides[i] != sides[j]].sum())}


def leaf_bound(data: dict[str, np.ndarray], leaf: int, laplacian: np.ndarray, s: int) -> int:
    """4 x scale x the least cut of a leaf, as its multipliers prove it."""
    size, scale, signs = len(laplacian), int(data["scale"]), data["signs"][leaf]
    nodes, balance = data["nodes"][leaf], int(data["balance"][leaf])
    of_leaf, *columns = data["triangles"].T
    i, j, k, p, q, on_t = (x[of_leaf == leaf] for x in (*columns, data["on_triangles"]))
    of_leaf, *columns = data["products"].T
    a, b, u, v, on_r = (x[of_leaf == leaf] for x in (*columns, data["on_products"]))
    require(all((x**2 == 1).all() for x in (p, q, u, v)), "factors other than -1 and 1")
    require(balance >= 0 and (on_t >= 0).all() and (on_r >= 0).all(), "sign of a multiplier")
    sums = [np.abs(x.astype(float)).sum() for x in (laplacian, nodes, on_t, on_r)]
    largest = np.dot(sums, (scale, 1, 6, 2 * s + 4 * size)) + float(balance) * max(size, s) ** 2
    require(largest < 2**52, "numbers too large to be exact")
    half = np.zeros((size, size), np.int64)
    for row, column, values in ((i, j, p * on_t), (i, k, q * on_t), (j, k, p * q * on_t)):
        np.add.at(half, (row, column), values)
    np.add.at(half, (a, b), s * u * on_r)
    for row, values in ((a, v * on_r), (b, v * u * on_r)):
        np.subtract.at(half, row, values[:, None])
    z = scale * laplacian - np.diag(nodes) + balance - half - half.T
    free = np.eye(size, dtype=np.int64)[:, signs == 0]
    span = np.column_stack([signs, free]) if signs.any() else free
    z = span.T @ z @ span
    margin = 1 + int(np.trace(z)) * size // 2**48
    try:
        np.linalg.cholesky((z - margin * np.eye(len(z), dtype=np.int64)).astype(float))
    except np.linalg.LinAlgError:
        raise ValueError(f"leaf {leaf}: Z is not shown to be positive semidefinite") from None
    spent = s**2 * balance + 2 * int(on_t.sum()) + 2 * s * int(on_r.sum())
    return int(nodes.sum()) - spent


def require(holds: bool | np.bool_, complaint: str) -> None:
    """Refuse the certificate unless a condition holds."""
    if not holds:
        raise ValueError(complaint)


if __name__ == "__main__":
    print(check(Path(sys.argv[1])))
