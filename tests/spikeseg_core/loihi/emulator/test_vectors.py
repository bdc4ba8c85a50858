# ruff: noqa: PLR0917
import numpy as np
import pytest
from nengo_loihi.builder.discretize import Q_BITS, U_BITS, decay_int, overflow_signed
from numba import njit

from spikeseg_core.loihi.emulator.vectors import LANES, nonzero, update


@njit
def update_all(totals, u, v, resting, bias, vth, constants, spiked):
    for i in range(0, u.shape[0], LANES):
        bits = update(totals, i, u, v, resting, bias, vth, i, constants)
        for j in range(LANES):
            spiked[i + j] = (bits >> np.uint64(j)) & np.uint64(1)


def expected_update(q, u, v, ref_count, bias, vth, decay_u, decay_v, vmin, vmax, refract):
    """The words of NengoLoihi's ``CompartmentState.update``, with its own functions."""
    q, _ = overflow_signed(q, Q_BITS)
    u, _ = overflow_signed(decay_int(u, decay_u, offset=1) + q, U_BITS)
    drive, _ = overflow_signed(u + bias, U_BITS)
    v = np.clip(decay_int(v, decay_v) + drive, vmin, vmax)
    v[ref_count > 0] = 0
    spiked = v > vth
    v[spiked] = 0
    ref_count[spiked] = refract
    return u, v, np.clip(ref_count - 1, 0, None), spiked


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("dtype", "shift"), [(np.int16, 7), (np.int32, 0)])
@pytest.mark.parametrize("refract", [1, 5])
def test_one_step_over_the_whole_range(seed, dtype, shift, refract):
    rng = np.random.default_rng(seed)
    n = 64 * LANES
    # 4094, 0 and 4095 take short cuts.
    decay_u = 4094 if seed == 3 else int(rng.integers(0, 4095))
    decay_v = [0, 200, 4095, 0][seed]
    vmin, vmax = (0, 2**23 - 1) if seed % 2 else (-(2**20) + 1, 2**13 - 1)
    limit = 2**15 if dtype is np.int16 else 2**30
    totals = rng.integers(-limit, limit, n).astype(dtype)
    u, v, bias = (rng.integers(-(2**23), 2**23, n).astype(np.int32) for _ in range(3))
    v = np.clip(v, vmin, vmax)
    vth = rng.integers(1, 2**23, n).astype(np.int32)
    resting = rng.integers(0, refract, n).astype(np.int32)
    want_u, want_v, want_rest, want_spiked = expected_update(
        totals.astype(np.int32) << shift, u, v, resting.copy(), bias, vth,
        np.full(n, decay_u), np.full(n, decay_v), vmin, vmax, refract,
    )  # fmt: skip
    constants = tuple(
        np.int32(x) for x in (shift, 4095 - decay_u, 4096 - decay_v, vmin, vmax, refract)
    )
    spiked = np.zeros(n, bool)
    update_all(totals, u, v, resting if refract > 1 else None, bias, vth, constants, spiked)
    np.testing.assert_array_equal(u, want_u)
    np.testing.assert_array_equal(v, want_v)
    np.testing.assert_array_equal(spiked, want_spiked)
    if refract > 1:
        np.testing.assert_array_equal(resting, want_rest)
    assert not totals.any()


@njit
def bits_of(values, i):
    return nonzero(values, i)


def test_bytes_that_are_not_0_as_bits():
    values = np.array([0, 255, 1, 0] + 2 * LANES * [0] + [128] + (LANES - 1) * [0], np.uint8)
    assert bits_of(values, 0) == 0b0110
    assert bits_of(values, 1) == 0b0011
    assert bits_of(values, 4) == 0
    assert bits_of(values, 4 + 2 * LANES) == 1
