import numpy as np
import pytest

from spikeseg_core.config import TuneConfig
from spikeseg_core.snn.rates import neuron_percentiles, rate_metrics, rate_table
from tests.spikeseg_core.ann.networks import TINY


def rates_of(stem: float, down: float, up: float) -> dict[str, np.ndarray]:
    values = {"stem": stem, "down": down, "up": up}
    return {k: np.full((3, *TINY.shape(k)), v, np.float32) for k, v in values.items()}


def test_the_range_includes_its_ends() -> None:
    table = rate_table(TINY, rates_of(200.0, 50.0, 49.0), TuneConfig())
    assert list(table.share_in_range) == [1.0, 1.0, 0.0]


def test_dead_and_saturated_neurons_are_counted() -> None:
    rates = rates_of(10.0, 0.0, 100.0)
    rates["up"][:, 0] = 500.0  # one of eight rows
    table = rate_table(TINY, rates, TuneConfig()).set_index("layer")
    assert table.dead.to_dict() == {"stem": 0.0, "down": 1.0, "up": 0.0}
    assert table.saturated["up"] == pytest.approx(1 / 8)


def test_metrics_weigh_layers_by_neurons_and_keep_the_host_apart() -> None:
    metrics = rate_metrics(rate_table(TINY, rates_of(40.0, 10.0, 100.0), TuneConfig()))
    neurons = {name: TINY.neurons(name) for name in ("down", "up")}
    mean = (10 * neurons["down"] + 100 * neurons["up"]) / sum(neurons.values())
    assert metrics["spikes/mean_rate_hz"] == pytest.approx(mean)
    assert metrics["spikes/host_mean_rate_hz"] == pytest.approx(40)
    assert metrics["spikes/share_in_range"] == pytest.approx(neurons["up"] / sum(neurons.values()))


def test_percentile_is_over_tiles() -> None:
    rates = {"up": np.arange(5.0).reshape(5, 1, 1, 1) * np.ones((1, 2, 2, 1))}
    np.testing.assert_array_equal(neuron_percentiles(rates, 50)["up"], np.full((2, 2, 1), 2.0))
