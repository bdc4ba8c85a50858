import numpy as np
import pytest

from spikeseg_core.ann.rate_loss import percentile_rates, rate_range_loss, synaptic_operations
from spikeseg_core.loihi.cost.expected import events_from_rates
from spikeseg_core.network import RATE_HZ_PER_UNIT, Network
from spikeseg_core.stack import tf
from tests.spikeseg_core.loihi.cost.networks import in_order, random_rates, small_network

RANGE = {"rate_min_hz": 50.0, "rate_max_hz": 200.0, "percentile": 99.9}


def constant(units: float, shape: tuple[int, ...] = (4, 8, 8, 3)) -> tf.Tensor:
    return tf.fill(shape, np.float32(units))


@pytest.mark.parametrize(
    ("current", "loss"),
    [
        (0.0, 0.5 * 0.5**2),  # silent: 50 Hz too low
        (-3.0, 0.5 * 0.5**2),  # silent however far below threshold
        (0.25, 0.5 * 0.25**2),  # 25 Hz
        (1.0, 0.0),
        (3.4, 0.5 * (10 / 3 - 2) ** 2),  # interval of 3 steps: 333 Hz
    ],
)
def test_loss_of_equal_neurons_by_hand(current: float, loss: float) -> None:
    assert float(rate_range_loss(constant(current), **RANGE)) == pytest.approx(loss, abs=1e-6)


def test_without_a_minimum_only_high_rates_are_penalised() -> None:
    limits = RANGE | {"rate_min_hz": 0.0}
    assert float(rate_range_loss(constant(-1.0), **limits)) == 0
    assert float(rate_range_loss(constant(4.0), **limits)) > 0


@pytest.mark.parametrize("percentile", [50.0, 90.0, 99.9, 100.0])
def test_percentile_is_numpys_over_batch_and_window(percentile: float) -> None:
    # Currents that are rates themselves (1000 / n Hz), so that the staircase changes nothing.
    rng = np.random.default_rng(0)
    rates = (10.0 / rng.integers(5, 40, size=(3, 8, 8, 2)) * (1 + 1e-6)).astype(np.float32)
    windows = rates.reshape(3, 2, 4, 2, 4, 2).transpose(1, 3, 5, 0, 2, 4).reshape(8, -1)
    expected = np.percentile(windows, percentile, axis=1)
    np.testing.assert_allclose(percentile_rates(rates, percentile), expected, rtol=1e-5)


def test_small_layers_get_the_window_that_fits() -> None:
    assert percentile_rates(constant(1.0, (2, 6, 6, 5)), 99.9).shape == (3 * 3 * 5,)
    assert percentile_rates(constant(1.0, (2, 5, 5, 1)), 99.9).shape == (25,)


def test_silent_neurons_are_pushed_up_and_fast_ones_down() -> None:
    for units, sign in [(-1.0, -1), (0.2, -1), (1.0, 0), (4.0, 1)]:
        currents = tf.Variable(constant(units))
        with tf.GradientTape() as tape:
            loss = rate_range_loss(currents, **RANGE)
        assert np.sign(np.sum(tape.gradient(loss, currents).numpy())) == sign


def test_loss_does_not_depend_on_the_layers_size() -> None:
    small = rate_range_loss(constant(0.2, (4, 8, 8, 3)), **RANGE)
    large = rate_range_loss(constant(0.2, (4, 16, 16, 9)), **RANGE)
    assert float(small) == pytest.approx(float(large))


def operations_two_ways(network: Network) -> tuple[float, float]:
    """As training counts them, and as the energy model does."""
    rates, steps = random_rates(network), 50
    tiles = {layer.name: (4, 4, 4) for layer in network.chip_layers()}
    events = events_from_rates(network, tiles, rates, steps, in_order(network, tiles))
    units = {name: tf.constant(rate[None] / RATE_HZ_PER_UNIT) for name, rate in rates.items()}
    counted = events.totals["synaptic_ops"] / steps / network.neurons_on_chip
    return float(synaptic_operations(network, units)), counted


def test_synaptic_operations_are_those_of_the_energy_model() -> None:
    # Kernels as wide as their strides: no synapse would reach over the edge of the tile.
    trained, counted = operations_two_ways(small_network(skip=1, down=2, up=2))
    assert trained == pytest.approx(counted, rel=1e-6)


def test_at_the_edges_of_the_tile_training_counts_too_many_synaptic_operations() -> None:
    trained, counted = operations_two_ways(small_network(size=16))
    assert counted < trained < 1.2 * counted
