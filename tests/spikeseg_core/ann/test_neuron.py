import numpy as np
import pytest

from spikeseg_core.ann.neuron import counted, loihi_rate
from spikeseg_core.network import DT, RATE_HZ_PER_UNIT
from spikeseg_core.stack import nengo_loihi, tf


def nengo_loihi_rate(x: np.ndarray) -> np.ndarray:
    """Rates in units, for float32 inputs in units, as nengo-loihi computes them."""
    neurons = nengo_loihi.neurons.LoihiSpikingRectifiedLinear()
    inputs = x.astype(np.float64)[:, np.newaxis]
    rates = nengo_loihi.neurons.loihi_rates(neurons, inputs, [RATE_HZ_PER_UNIT], [0.0], DT)
    return rates[:, 0] / RATE_HZ_PER_UNIT


def grid_with_boundaries() -> np.ndarray:
    """A dense grid, and every current at which the interval changes, with its neighbours."""
    exact = (1000.0 / np.arange(1, 400) / RATE_HZ_PER_UNIT).astype(np.float32)
    around = [exact]
    for towards in (np.inf, -np.inf):
        neighbour = exact
        for _ in range(3):
            neighbour = np.nextafter(neighbour, np.float32(towards))
            around.append(neighbour)
    dense = np.linspace(-2, 12, 50_001, dtype=np.float32)
    tiny = np.array([0.0, -0.0, 1e-30, 1e-6, -1e-6], np.float32)
    return np.concatenate([*around, dense, tiny])


def test_interspike_interval_is_nengo_loihis() -> None:
    x = grid_with_boundaries()
    expected = nengo_loihi_rate(x)
    found = loihi_rate(tf.constant(x)).numpy()
    np.testing.assert_array_equal(found, expected.astype(np.float32))


def test_rate_of_a_current_is_the_rate_of_the_simulated_neuron() -> None:
    current = np.linspace(0.03, 6, 97).astype(np.float32)
    neurons = nengo_loihi.neurons.LoihiSpikingRectifiedLinear()
    steps = 2000
    voltage, output, spikes = (np.zeros(len(current)) for _ in range(3))
    for _ in range(steps):
        neurons.step(DT, current.astype(float) * RATE_HZ_PER_UNIT, output, voltage)
        spikes += output > 0
    rate = spikes / (steps * DT) / RATE_HZ_PER_UNIT
    expected = loihi_rate(tf.constant(current)).numpy()
    # A count over a finite time is short of at most one spike, or one interval on a boundary.
    assert np.all(np.abs(rate - expected) <= 0.01 + 0.1 * expected)
    assert np.median(np.abs(rate - expected)) < 0.005


@pytest.mark.parametrize(
    ("current", "slope"), [(-1.0, 0.0), (0.0, 0.0), (1.0, 1 / 1.05**2), (2.0, 1 / 1.1**2)]
)
def test_gradient_is_that_of_the_smooth_curve(current: float, slope: float) -> None:
    x = tf.Variable([current])
    with tf.GradientTape() as tape:
        y = 3.0 * loihi_rate(x)
    np.testing.assert_allclose(tape.gradient(y, x).numpy(), [3.0 * slope], rtol=1e-6)


def test_counted_rates_are_right_on_average_and_never_a_spike_off() -> None:
    rate = np.random.default_rng(0).uniform(0, 3, 200).astype(np.float32)
    draws = np.stack([counted(tf.constant(rate), 50, tf.constant([3, i])) for i in range(2000)])
    spikes = draws * 100 * 0.001 * 50
    np.testing.assert_allclose(spikes, np.round(spikes), atol=1e-4)
    assert np.abs(draws - rate).max() < 1 / (100 * 0.001 * 50) + 1e-6
    np.testing.assert_allclose(draws.mean(axis=0), rate, atol=0.02)
    assert not counted(tf.zeros(100), 50, tf.constant([0, 0])).numpy().any()


def test_the_gradient_of_counted_rates_is_that_of_the_rates() -> None:
    rate = tf.Variable([0.3, 1.2])
    with tf.GradientTape() as tape:
        noisy = tf.reduce_sum(counted(rate, 20, tf.constant([1, 2])) * [2.0, 3.0])
    np.testing.assert_array_equal(tape.gradient(noisy, rate), [2, 3])
