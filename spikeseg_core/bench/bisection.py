"""Lower bounds of a graph bisection by semidefinite programming.

With x of +1 and -1 for the two sides, s = 2 capacity - nodes and L the Laplacian, a cut is x'Lx / 4
and |e'x| <= s. The relaxation replaces xx' by a positive semidefinite X of unit diagonal (Poljak
and Rendl, SIAM J. Optim. 5, 1995; Karisch, Rendl and Clausen, INFORMS J. Comput. 12, 2000) with

* balance: e'Xe <= s^2;
* triangles: p X_ij + q X_ik + pq X_jk >= -1 for p, q of +1 and -1;
* products: s + s p X_ij - q (Xe)_i - pq (Xe)_j >= 0, which is (s - q x_i e'x) (1 + p x_i x_j) >= 0.

Triangles and products that X violates are added in rounds. The dual is solved as in BiqCrunch
(Krislock, Malick and Roupin, ACM TOMS 43, 2017): a penalty on the negative eigenvalues, made
steeper from round to round, by L-BFGS. Any multipliers give a bound, once their least eigenvalue
is made up for, so it holds whenever the search stops.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import scipy.sparse as sp
from scipy.linalg import eigh
from scipy.optimize import minimize

STEPS = 150
"""Steps of L-BFGS in a round."""

FIRST_PENALTY, LAST_PENALTY, STEEPER = 1.0, 0.004, 0.75
"""The penalty's loss as a fraction of the found cut: at first, at last, and from round to round."""

FINE = 0.05
"""Below this penalty products are added, which slow down a coarse search, and a slow one ends."""

STALLED = 0.003
"""The search ends when three rounds gain less than this fraction of the found cut."""

TRIANGLES_PER_NODE, PRODUCTS_PER_NODE = 4, 2
"""Most constraints that a round adds."""

NEGLIGIBLE = 1e-5
"""Constraints with smaller multipliers, as a fraction of the found cut per node, are dropped."""

VIOLATED = 1e-3


@dataclass(frozen=True, eq=False)
class Bisection:
    """A graph whose nodes go to two sides.

    Attributes
    ----------
    weights : ndarray
        Weight of every edge, symmetric with a zero diagonal, ``(nodes, nodes)``.
    capacity : int
        Most nodes of a side; at least half of all.
    """

    weights: np.ndarray
    capacity: int

    @property
    def nodes(self) -> int:
        """Number of nodes."""
        return len(self.weights)

    @property
    def slack(self) -> int:
        """Largest difference between the two sides' numbers of nodes."""
        return 2 * self.capacity - self.nodes

    @property
    def laplacian(self) -> np.ndarray:
        """Weighted degrees minus weights, ``(nodes, nodes)``."""
        return np.diag(self.weights.sum(axis=1)) - self.weights

    def cut(self, sides: np.ndarray) -> float:
        """Weight between the sides, given as one number per node."""
        return float(self.weights[sides[:, None] != sides].sum() / 2)


def _no_rows(columns: int) -> np.ndarray:
    return np.zeros((0, columns), np.int64)


@dataclass(frozen=True, eq=False)
class Multipliers:
    """A point of the dual, for 4 times the cut.

    Attributes
    ----------
    nodes : ndarray
        Of the unit diagonal, ``(nodes,)``.
    balance : float
        Of e'Xe <= s^2.
    triangles, products : ndarray of int
        The constraints: i, j, k, p, q, ``(triangles, 5)``, and i, j, p, q, ``(products, 4)``.
    on_triangles, on_products : ndarray
        Of twice these constraints, ``(triangles,)`` and ``(products,)``.
    """

    nodes: np.ndarray
    balance: float = 0.0
    triangles: np.ndarray = field(default_factory=lambda: _no_rows(5))
    on_triangles: np.ndarray = field(default_factory=lambda: np.zeros(0))
    products: np.ndarray = field(default_factory=lambda: _no_rows(4))
    on_products: np.ndarray = field(default_factory=lambda: np.zeros(0))

    def without(self, negligible: float, slack: int) -> Multipliers:
        """Drop constraints of small multipliers."""
        triangles = self.on_triangles > negligible
        products = self.on_products * slack > negligible
        return replace(
            self,
            triangles=self.triangles[triangles],
            on_triangles=self.on_triangles[triangles],
            products=self.products[products],
            on_products=self.on_products[products],
        )

    def including(self, triangles: np.ndarray, products: np.ndarray) -> Multipliers:
        """Add constraints that are not yet among them, with multipliers of zero."""
        triangles, products = _new(triangles, self.triangles), _new(products, self.products)
        return replace(
            self,
            triangles=np.concatenate([self.triangles, triangles]),
            on_triangles=np.concatenate([self.on_triangles, np.zeros(len(triangles))]),
            products=np.concatenate([self.products, products]),
            on_products=np.concatenate([self.on_products, np.zeros(len(products))]),
        )


def _new(rows: np.ndarray, known: np.ndarray) -> np.ndarray:
    have = set(map(tuple, known.tolist()))
    return rows[np.array([tuple(row) not in have for row in rows.tolist()], bool)]


@dataclass(eq=False)
class Leaf:
    """The partitions that agree with some nodes' sides, and what bounds their cuts.

    Attributes
    ----------
    signs : ndarray of int
        Sides that are fixed, +1 or -1; 0 is open, ``(nodes,)``.
    multipliers : Multipliers
        Where the search is.
    proof : Multipliers
        The best so far.
    bound : float
        Least cut that ``proof`` proves, up to rounding.
    together : ndarray, optional
        The relaxation's X: near 1 for nodes on one side, near -1 for others, ``(nodes, nodes)``.
    steps : int
        Eigenvalue decompositions so far.
    """

    signs: np.ndarray
    multipliers: Multipliers
    proof: Multipliers
    bound: float = -np.inf
    together: np.ndarray | None = None
    steps: int = 0

    @classmethod
    def root(cls, nodes: int) -> Leaf:
        """All partitions of a graph."""
        start = Multipliers(np.zeros(nodes))
        return cls(np.zeros(nodes, np.int64), start, start)

    def child(self, signs: np.ndarray) -> Leaf:
        """Those of this leaf's partitions that agree with more signs."""
        return replace(self, signs=signs, steps=0)


def contraction(signs: np.ndarray) -> np.ndarray:
    """Orthonormal columns that span all x that agree with the signs: the fixed nodes are one."""
    free = np.eye(len(signs))[:, signs == 0]
    fixed = np.abs(signs).sum()
    return np.column_stack([signs / np.sqrt(fixed), free]) if fixed else free


class Dual:
    """The dual function of a leaf over one set of constraints; products are divided by s."""

    def __init__(self, problem: Bisection, signs: np.ndarray, constraints: Multipliers) -> None:
        size = self.size = problem.nodes
        self.slack, self.constraints = problem.slack, constraints
        self.columns = contraction(signs)
        self.cost = self.columns.T @ problem.laplacian @ self.columns
        sums = self.columns.sum(axis=0)
        self.balance = np.outer(sums, sums)
        i, j, k, p, q = constraints.triangles.T
        a, b, u, v = constraints.products.T
        self.split = size + 1 + len(i)
        self.variables = self.split + len(a)
        # Entries of X that each constraint reads, and those of Xe that each product reads.
        at = np.concatenate([i * size + j, i * size + k, j * size + k, a * size + b])
        column = np.concatenate([np.tile(np.arange(len(i)), 3), len(i) + np.arange(len(a))])
        values = np.concatenate([p, q, p * q, u]).astype(float)
        self.reads = sp.csr_array((values, (at, column)), shape=(size**2, len(i) + len(a)))
        values = np.concatenate([v, u * v]) / max(self.slack, 1)
        at, column = np.concatenate([a, b]), np.tile(np.arange(len(a)), 2)
        self.sums = sp.csr_array((values, (at, column)), shape=(size, len(a)))
        self.read_by, self.summed_by = self.reads.T.tocsr(), self.sums.T.tocsr()

    def pack(self) -> np.ndarray:
        """Return the multipliers as one vector, ``(variables,)``."""
        m = self.constraints
        products = m.on_products * max(self.slack, 1)
        return np.concatenate([m.nodes, [m.balance], m.on_triangles, products])

    def unpack(self, point: np.ndarray) -> Multipliers:
        """Return a vector as multipliers."""
        return replace(
            self.constraints,
            nodes=point[: self.size],
            balance=float(point[self.size]),
            on_triangles=point[self.size + 1 : self.split],
            on_products=point[self.split :] / max(self.slack, 1),
        )

    def matrix(self, point: np.ndarray) -> np.ndarray:
        """Z, which has to be positive semidefinite, for the leaf's columns."""
        half = (self.reads @ point[self.size + 1 :]).reshape(self.size, self.size)
        half -= (self.sums @ point[self.split :])[:, None]
        whole = half + half.T
        whole[np.diag_indices(self.size)] += point[: self.size]
        moved = self.columns.T @ whole @ self.columns
        return np.asarray(self.cost + point[self.size] * self.balance - moved)

    def value(self, point: np.ndarray) -> float:
        """Return what would be proven of 4 cuts if Z were positive semidefinite."""
        size = self.size
        spent = self.slack**2 * point[size] + 2 * point[size + 1 :].sum()
        return float(point[:size].sum() - spent)

    def penalized(self, point: np.ndarray, steepness: float) -> tuple[float, np.ndarray, float]:
        """Value less the penalty, X as factors, and the bound of the cut."""
        values, vectors = eigh(self.matrix(point), subset_by_value=(-np.inf, 0.0))
        value = self.value(point)
        factors = self.columns @ (vectors * np.sqrt(np.maximum(-values, 0) / steepness))
        least = min(values[0], 0.0) if len(values) else 0.0
        penalty = float(values @ values) / (2 * steepness)
        return value - penalty, factors, (value + self.size * least) / 4

    def gradient(self, factors: np.ndarray) -> np.ndarray:
        """Of the penalized value: how far X is from meeting each constraint."""
        together, total = factors @ factors.T, factors.sum(axis=0)
        met = self.read_by @ together.ravel()
        met[self.split - self.size - 1 :] -= self.summed_by @ (factors @ total)
        balance = total @ total - self.slack**2
        return np.concatenate([1 - np.diag(together), [balance], -2 - 2 * met])


def improve(leaf: Leaf, problem: Bisection, found: float, target: float, steps: int) -> None:
    """Raise a leaf's bound until it exceeds the target, stalls, or the steps are used up.

    Parameters
    ----------
    leaf : Leaf
        Changed in place; a child starts from its parent's multipliers.
    found : float
        The best cut known; above 0.
    target : float
        Bound at which to stop.
    steps : int
        Most eigenvalue decompositions, about.
    """
    size = problem.nodes
    penalty = FIRST_PENALTY if leaf.together is None else FINE
    history: list[float] = []
    while leaf.steps < steps:
        _round(leaf, problem, 8 * penalty * found / size**2, target)
        history.append(leaf.bound)
        fine = penalty < FINE
        if leaf.bound > target:
            break
        if fine and len(history) > 3 and history[-1] - history[-4] < STALLED * found:
            break
        assert leaf.together is not None
        kept = leaf.multipliers.without(NEGLIGIBLE * found / size, problem.slack)
        products = PRODUCTS_PER_NODE * size if fine else 0
        leaf.multipliers = kept.including(
            violated_triangles(leaf.together, TRIANGLES_PER_NODE * size),
            violated_products(leaf.together, problem.slack, products),
        )
        penalty = max(penalty * STEEPER, LAST_PENALTY)


def _round(leaf: Leaf, problem: Bisection, steepness: float, target: float) -> None:
    """Solve the dual over the leaf's constraints for one penalty."""
    dual = Dual(problem, leaf.signs, leaf.multipliers)

    def negative(point: np.ndarray) -> tuple[float, np.ndarray]:
        value, factors, bound = dual.penalized(point, steepness)
        leaf.steps += 1
        if bound > leaf.bound:
            leaf.bound, leaf.proof = bound, dual.unpack(point.copy())
        leaf.together = factors @ factors.T
        return -value, -dual.gradient(factors)

    def stop(_: np.ndarray) -> None:
        if leaf.bound > target:
            raise StopIteration

    free, positive = [(None, None)] * dual.size, [(0, None)] * (dual.variables - dual.size)
    options = {"maxiter": STEPS, "maxfun": 2 * STEPS, "maxcor": 20}
    solved = minimize(
        negative,
        dual.pack(),
        jac=True,
        method="L-BFGS-B",
        bounds=free + positive,
        callback=stop,
        options=options,
    )
    leaf.multipliers = dual.unpack(solved.x)


def violated_triangles(together: np.ndarray, most: int) -> np.ndarray:
    """Return the triangles that X violates most, ``(triangles, 5)`` as in :class:`Multipliers`."""
    found = []
    for i in range(len(together) - 2):
        right, below = together[i, i + 1 :], together[i + 1 :, i + 1 :]
        j, k = np.triu_indices(len(right), 1)
        for p in (1, -1):
            for q in (1, -1):
                left = (p * right[:, None] + q * right + p * q * below)[j, k]
                worst = np.flatnonzero(left < -1 - VIOLATED)
                if len(worst) > most:
                    worst = worst[np.argpartition(left[worst], most)[:most]]
                rows = np.zeros((len(worst), 6))
                rows[:, 0], rows[:, 1], rows[:, 4:] = left[worst], i, (p, q)
                rows[:, 2], rows[:, 3] = j[worst] + i + 1, k[worst] + i + 1
                found.append(rows)
    return _worst(found, 5, most)


def violated_products(together: np.ndarray, slack: int, most: int) -> np.ndarray:
    """Return the products that X violates most, ``(products, 4)`` as in :class:`Multipliers`.

    Without slack there are none: they follow from the balance.
    """
    if not slack or not most:
        return _no_rows(4)
    sums = together.sum(axis=1)
    i, j = np.triu_indices(len(together), 1)
    found = []
    for p in (1, -1):
        for q in (1, -1):
            left = 1 + p * together[i, j] - q * (sums[i] + p * sums[j]) / slack
            worst = np.flatnonzero(left < -VIOLATED)
            signs = np.tile([p, q], (len(worst), 1))
            found.append(np.column_stack([left[worst], i[worst], j[worst], signs]))
    return _worst(found, 4, most)


def _worst(found: list[np.ndarray], columns: int, most: int) -> np.ndarray:
    rows = np.concatenate([np.zeros((0, columns + 1)), *found])
    return rows[np.argsort(rows[:, 0], kind="stable")][:most, 1:].astype(np.int64)
