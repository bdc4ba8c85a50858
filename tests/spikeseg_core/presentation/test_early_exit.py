from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.special import logit

from spikeseg_core.errors import ConfigError
from spikeseg_core.presentation.early_exit import exit_early


def readouts(*probabilities: tuple[float, ...]) -> dict[int, np.ndarray]:
    """Uniform tiles, one probability per tile, after 10, 20, ... steps."""
    return {
        10 * (i + 1): logit(np.array(p))[:, None, None] * np.ones((1, 8, 8), np.float32)
        for i, p in enumerate(probabilities)
    }


def test_each_tile_stops_when_it_no_longer_changes() -> None:
    found = exit_early(readouts((0.5, 0.5), (0.51, 0.7), (0.9, 0.71)), threshold=0.05)
    assert found.steps.tolist() == [20, 30]
    assert found.checks.tolist() == [2, 3]
    np.testing.assert_allclose(1 / (1 + np.exp(-found.logits[:, 0, 0])), [0.51, 0.71])


def test_a_tile_that_always_changes_runs_to_the_end() -> None:
    assert exit_early(readouts((0.1,), (0.9,), (0.1,)), threshold=0.05).steps.tolist() == [30]
    assert exit_early(readouts((0.5,), (0.5,), (0.5,)), threshold=0).steps.tolist() == [30]


def test_a_larger_threshold_never_runs_longer() -> None:
    rng = np.random.default_rng(0)
    random = {end: rng.normal(size=(20, 8, 8)) / end for end in range(10, 100, 10)}
    runs = [exit_early(random, t).steps for t in (0.0, 0.001, 0.01, 0.1)]
    assert all((later <= earlier).all() for earlier, later in pairwise(runs))


def test_one_checkpoint_tells_nothing() -> None:
    with pytest.raises(ConfigError, match=r"read-outs after \[10\] steps"):
        exit_early(readouts((0.5,)), threshold=0.1)
