"""Coverage, pairing and exactness of the intervals over sections."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from spikeseg_core.errors import DataError
from spikeseg_core.metrics.intervals import Interval, bounds, difference, interval

SCORES = st.floats(-1, 1, allow_nan=False)


@pytest.mark.parametrize("sections", [6, 30])
def test_the_interval_has_the_true_mean_in_it_95_times_out_of_100(sections):
    """Sections differ, and each is seen through the noise of two seeds."""
    rng = np.random.default_rng(1)
    true = 0.9 + rng.normal(0, 0.03, (1000, sections, 1))
    scores = (true + rng.normal(0, 0.02, (1000, sections, 2))).mean(axis=-1)
    low, high = bounds(scores, resamples=500)
    assert 0.92 < np.mean((low <= 0.9) & (high >= 0.9)) < 0.98


@pytest.mark.parametrize("sections", [16, 30])
def test_the_interval_is_as_wide_as_students(sections):
    """Of normal scores it is that of t with one degree of freedom less than sections, at 95 %."""
    scores = np.random.default_rng(4).normal(0.9, 0.03, (200, sections))
    low, high = bounds(scores, resamples=2000)
    error = scores.std(axis=-1, ddof=1) / np.sqrt(sections)
    students = stats.t.ppf(0.975, sections - 1)
    assert np.median((high - low) / 2 / error) == pytest.approx(students, rel=0.04)


def test_pairing_is_tighter_than_two_separate_intervals():
    rng = np.random.default_rng(2)
    sections = rng.normal(0.9, 0.05, (30, 1))
    before = sections + rng.normal(0, 0.002, (30, 3))
    after = sections + 0.003 + rng.normal(0, 0.002, (30, 2))
    paired = difference(before, after)
    alone = interval(after)
    assert paired.without_zero
    assert paired.low < 0.003 < paired.high
    assert paired.high - paired.low < (alone.high - alone.low) / 10
    assert paired.mean == pytest.approx(after.mean() - before.mean())


def test_more_seeds_do_not_make_more_sections():
    scores = np.random.default_rng(3).normal(0.9, 0.03, 12)
    assert interval(np.repeat(scores[:, None], 4, axis=1)) == interval(scores)


@settings(max_examples=20, deadline=None)
@given(arrays(float, st.tuples(st.integers(2, 12), st.integers(1, 3)), elements=SCORES))
def test_identical_methods_differ_by_exactly_nothing(scores):
    assert difference(scores, scores) == Interval(0.0, 0.0, 0.0)
    assert not difference(scores, scores).without_zero


@settings(max_examples=20, deadline=None)
@given(arrays(float, st.integers(2, 12), elements=SCORES))
def test_the_interval_is_around_the_mean_within_the_scores_and_repeatable(scores):
    found = interval(scores)
    assert found == interval(scores)
    assert found.low <= found.mean <= found.high
    assert scores.min() - 1e-12 <= found.low
    assert found.high <= scores.max() + 1e-12
    turned = difference(scores, np.zeros_like(scores))
    assert turned.mean == pytest.approx(-found.mean)


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(DataError, match="3 sections cannot be paired with 4"):
        difference(np.zeros(3), np.zeros(4))
    with pytest.raises(DataError, match="at least 2 sections, these are 1 sections"):
        interval(np.zeros(1))
    with pytest.raises(DataError, match="1 missing scores"):
        interval(np.array([0.5, np.nan]))
