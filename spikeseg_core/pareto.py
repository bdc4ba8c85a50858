"""The Pareto front: points that no other point beats."""

from __future__ import annotations

import numpy as np


def front(costs: np.ndarray) -> np.ndarray:
    """Mark the points that no other point dominates.

    A point dominates another if it costs no more by every criterion and less by at least one.

    Parameters
    ----------
    costs : array (points, criteria)
        All criteria are minimised; negate those to be maximised. A point with a cost that is not
        finite is not on the front and dominates nothing.

    Returns
    -------
    bool array (points,)
        True on the front; equal points are on it together.
    """
    costs = np.asarray(costs, float)
    on_front = np.zeros(len(costs), dtype=bool)
    # In lexicographic order a point is dominated by an earlier one of the front or not at all.
    for i in np.lexsort(costs.T[::-1]):
        best = costs[on_front]
        dominated = ((best <= costs[i]).all(axis=1) & (best < costs[i]).any(axis=1)).any()
        on_front[i] = np.isfinite(costs[i]).all() and not dominated
    return on_front
