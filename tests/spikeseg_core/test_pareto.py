from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from spikeseg_core.pareto import front

COSTS = arrays(
    float,
    st.tuples(st.integers(0, 12), st.integers(1, 4)),
    elements=st.sampled_from([0.0, 1.0, 2.0, 3.0, np.nan]),
)


@given(COSTS)
def test_a_front_is_what_brute_force_finds(costs: np.ndarray) -> None:
    def dominates(a: np.ndarray, b: np.ndarray) -> bool:
        return bool(np.isfinite(a).all() and (a <= b).all() and (a < b).any())

    expected = [
        bool(np.isfinite(each).all()) and not any(dominates(other, each) for other in costs)
        for each in costs
    ]
    assert front(costs).tolist() == expected


@pytest.mark.parametrize("strange", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_on_no_front_and_beats_nothing(strange: float) -> None:
    assert front(np.array([[1.0, strange], [2.0, 2.0]])).tolist() == [False, True]
