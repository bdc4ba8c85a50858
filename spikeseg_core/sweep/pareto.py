"""The Pareto front of a sweep, and the choice of a point."""

from __future__ import annotations

import numpy as np

from spikeseg_core.pareto import front
from spikeseg_core.sweep.definition import Choice, Goal


def pareto_front(values: np.ndarray, goals: tuple[Goal, ...]) -> np.ndarray:
    """Mark the points ``(points, goals)`` that no other dominates.

    Equal points are on the front together; a row with NaN is on no front.
    """
    signs = [1 if g.goal == "minimize" else -1 for g in goals]
    return front(np.asarray(values, float) * signs)


def choose(best: np.ndarray, then: np.ndarray | None, choice: Choice) -> int | None:
    """Choose the best point, or of those nearly as good the one that ``choice.then`` prefers.

    Parameters
    ----------
    best : array (points,)
        Values of ``choice.best``; NaN where a point failed.
    then : array (points,) or None
        Values of ``choice.then``.

    Returns
    -------
    int or None
        Position of the point; None if every point failed. If several tie, the first.
    """
    cost = _cost(best, choice.best)
    if not np.isfinite(cost).any():
        return None
    if choice.then is None or then is None:
        return int(np.nanargmin(cost))
    good = cost <= np.nanmin(cost) + choice.within
    second = np.where(good, _cost(then, choice.then), np.nan)
    return int(np.nanargmin(second if np.isfinite(second).any() else cost))


def _cost(values: np.ndarray, goal: Goal) -> np.ndarray:
    return np.asarray(values, float) * (1 if goal.goal == "minimize" else -1)
