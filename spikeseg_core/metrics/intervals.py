"""Means over sections with a 95 % interval: a bootstrap over sections.

A section is drawn together with the scores of all its seeds, which are averaged first: more seeds
measure a section better, but are no more sections. Two methods are compared by their difference in
each section, so what makes a section difficult for both cancels.

The interval is the percentile interval of the mean, widened for few sections as Student's t is
(expanded percentile interval: Hesterberg 2015, doi:10.1080/00031305.2015.1089789). The draws are
seeded: the same scores give the same interval.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from scipy import stats

from spikeseg_core.errors import DataError

LEVEL = 0.95
RESAMPLES = 10_000
_SEED = 0


@dataclass(frozen=True)
class Interval:
    """A mean over sections, and the ends of its 95 % interval."""

    mean: float
    low: float
    high: float

    @property
    def without_zero(self) -> bool:
        """Whether zero is outside, so that a difference is one."""
        return self.low > 0 or self.high < 0

    def __format__(self, form: str) -> str:
        """Write mean and interval, each with this format: ``+0.0042 [-0.0010, +0.0094]``."""
        return f"{self.mean:{form}} [{self.low:{form}}, {self.high:{form}}]"

    def to_json(self) -> dict[str, float]:
        """Return ``mean``, ``low`` and ``high``."""
        return asdict(self)


def interval(scores: np.ndarray) -> Interval:
    """Average scores over sections, with the interval.

    Parameters
    ----------
    scores : array (sections,) or (sections, seeds)
        At least two sections.

    Raises
    ------
    DataError
        If there are fewer, or a score is not finite.
    """
    scores = np.asarray(scores, float)
    if len(scores) < 2 or not np.isfinite(scores).all():
        raise DataError(
            f"an interval over sections needs finite scores of at least 2 sections, these are "
            f"{len(scores)} sections with {np.count_nonzero(~np.isfinite(scores))} missing scores"
        )
    by_section = scores.reshape(len(scores), -1).mean(axis=1)
    low, high = bounds(by_section)
    mean = float(by_section.mean())
    return Interval(mean, min(float(low), mean), max(float(high), mean))


def difference(before: np.ndarray, after: np.ndarray) -> Interval:
    """Average the change from one method to another over sections, paired by section.

    Parameters
    ----------
    before, after : array (sections,) or (sections, seeds)
        The same sections in the same order; the methods may have different numbers of seeds.

    Raises
    ------
    DataError
        If the numbers of sections differ, or as :func:`interval`.
    """
    if len(before) != len(after):
        raise DataError(f"{len(before)} sections cannot be paired with {len(after)}")
    first, second = (np.asarray(s, float).reshape(len(s), -1).mean(axis=1) for s in (before, after))
    return interval(second - first)


def bounds(values: np.ndarray, resamples: int = RESAMPLES) -> np.ndarray:
    """Return the ends of the interval of the mean over the last axis.

    Parameters
    ----------
    values : array (..., sections)

    Returns
    -------
    array (2, ...)
    """
    count = values.shape[-1]
    quantile = -stats.t.ppf((1 - LEVEL) / 2, count - 1) * np.sqrt(count / (count - 1))
    found = stats.bootstrap(
        (values,),
        np.mean,
        n_resamples=resamples,
        batch=max(1, 10_000_000 // values.size),
        axis=-1,
        confidence_level=1 - 2 * stats.norm.cdf(-quantile),
        method="percentile",
        rng=np.random.default_rng(_SEED),
    ).confidence_interval
    return np.stack([found.low, found.high])
