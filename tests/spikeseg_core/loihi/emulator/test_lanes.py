import numpy as np
from numba import njit

from spikeseg_core.loihi.emulator.lanes import step_lanes
from spikeseg_core.loihi.emulator.vectors import LANES
from spikeseg_core.testing.reference import Reference

N = 64 * LANES


@njit
def step(  # noqa: PLR0917  # numba takes arguments by position
    total, current, voltage, resting, bias, vth, keep_u, keep_v, vmin, vmax, refract, words
):
    for i in range(words.size):
        words[i] = step_lanes(
            total, current, voltage, resting, bias, vth, keep_u, keep_v, vmin, vmax, refract,
            LANES * i,
        )  # fmt: skip


def numbers(rng, limit, n=N):
    """Random integers below a limit, half of them near it or near 0, of either sign."""
    near = rng.choice([0, limit], n) + rng.integers(-3, 3, n)
    size = np.where(rng.random(n) < 0.5, near, rng.integers(0, limit + 1, n))
    return np.clip(size, -limit, limit) * rng.choice([-1, 1], n)


def test_one_step_over_the_whole_range_is_the_references():
    rng = np.random.default_rng(5)
    network = {
        "block_start": np.array([0, N]),
        "block_vmin": np.array([-(2**23) + 1]),
        "block_vmax": np.array([2**23 - 1]),
        "vth": np.abs(numbers(rng, 2**17 - 1)) * 64,
        "bias": numbers(rng, 2**23 - 1),
        "decay_u": rng.integers(0, 4096, N),
        "decay_v": rng.integers(0, 4096, N),
        "refract": rng.integers(1, 64, N),
        "voltage": numbers(rng, 2**23 - 1),
    }
    plain = Reference(network)
    plain.current, plain.resting = numbers(rng, 2**23 - 1), rng.integers(0, 3, N)
    total = numbers(rng, 2**23)
    state = [x.astype(np.int32) for x in (total, plain.current, plain.voltage, plain.resting)]
    constants = [network["bias"], network["vth"]]
    constants += [plain.kept_of_current(), plain.kept_of_voltage()]
    constants += [np.full(N, network[name][0]) for name in ("block_vmin", "block_vmax")]
    words = np.zeros(N // LANES, np.uint64)
    step(*state, *(x.astype(np.int32) for x in (*constants, network["refract"])), words)

    raw_u = plain.decay(plain.current, plain.kept_of_current()) + plain.wrap_input(total)
    raw_drive = plain.wrap_current(raw_u) + network["bias"]
    spiked = plain.step(total)
    expected = [
        spiked,
        plain.wrap_input(total) != total,
        plain.wrap_current(raw_u) != raw_u,
        plain.wrap_drive(raw_drive) != raw_drive,
    ]
    for k, bits in enumerate(expected):
        assert bits.any()
        found = (words[:, None] >> np.arange(LANES * k, LANES * (k + 1), dtype=np.uint64)) & 1
        np.testing.assert_array_equal(found.ravel(), bits)
    assert not state[0].any()
    np.testing.assert_array_equal(state[1], plain.current)
    np.testing.assert_array_equal(state[2], plain.voltage)
    np.testing.assert_array_equal(state[3], plain.resting)
