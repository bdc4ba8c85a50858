"""One core in numpy against the same core in TensorFlow, which is tested against NengoLoihi."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spikeseg_core.errors import MappingError
from spikeseg_core.loihi.quantization.fixed_point import fixed_point
from spikeseg_core.loihi.quantization.rounding import (
    BIAS_MAX,
    THRESHOLD_MAX,
    as_built,
    round_core,
)
from spikeseg_core.stack import tf


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    sizes=st.lists(st.floats(1e-3, 3), min_size=1, max_size=3),
    bias=st.floats(0, 4),
    bits=st.sampled_from([4, 6, 8]),
)
def test_integers_are_those_that_tuning_sees(
    seed: int, sizes: list[float], bias: float, bits: int
) -> None:
    rng = np.random.default_rng(seed)
    kernels = [rng.normal(0, size, (3, 3, 2, 4)).astype(np.float32) for size in sizes]
    biases = rng.normal(0, bias, 4).astype(np.float32)
    expected = fixed_point(
        [tf.constant(k) for k in kernels], tf.constant(biases), np.zeros(4, int), bits
    )
    if not np.all(expected.fits):
        with pytest.raises(MappingError, match="'conv'"):
            round_core("conv", [[as_built(k)] for k in kernels], biases, bits)
        return
    found = round_core("conv", [[as_built(k)] for k in kernels], biases, bits)
    for (whole,), wanted in zip(found.weights, expected.kernels, strict=True):
        np.testing.assert_array_equal(whole, wanted)
    np.testing.assert_array_equal(found.biases, expected.biases)
    assert set(np.asarray(expected.thresholds)) == {found.threshold}
    assert found.threshold <= THRESHOLD_MAX and np.abs(found.biases).max() <= BIAS_MAX
    assert found.exponents == [int(e[0]) for e in expected.exponents]


def test_a_core_without_weights_has_biases_alone() -> None:
    found = round_core("conv", [[np.zeros((1, 1), np.float32)]], np.array([0.5, -1], np.float32))
    assert not found.weights[0][0].any()
    assert found.biases[1] == pytest.approx(-2 * found.biases[0], rel=1e-3)
    assert found.biases[0] * 20 == pytest.approx(found.threshold, rel=1e-3)  # 50 Hz


def test_a_core_of_nothing_never_spikes() -> None:
    found = round_core("conv", [], np.zeros(3, np.float32))
    assert not found.biases.any() and found.threshold > 0


def test_biases_too_large_for_the_weights_are_refused_by_layer() -> None:
    weights = [[np.full((1, 1), 1e-6, np.float32)]]
    with pytest.raises(MappingError, match="layer 'deep': a core has biases of up to 1e"):
        round_core("deep", weights, np.array([1e4], np.float32))
