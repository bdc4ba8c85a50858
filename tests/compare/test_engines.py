from itertools import pairwise

import numpy as np
import pytest

from . import engines


def test_time_of_a_step_leaves_out_what_comes_before_the_first() -> None:
    assert engines.per_step(lambda n: 5.0 + 0.002 * n, 40) == pytest.approx(2.0)


def test_a_dense_network_on_two_emulators_that_are_here() -> None:
    given = engines.dense(0)
    theirs, ms = engines.on_nengo_loihi(given)
    ours, _ = engines.on_this(given)
    np.testing.assert_array_equal(theirs.astype(bool), ours)
    starts = given.network.block_start
    rates = [ours[:, first:last].mean() for first, last in pairwise(starts)]
    assert min(rates) > 0.01
    assert max(rates) < 0.4
    assert ms > 0
