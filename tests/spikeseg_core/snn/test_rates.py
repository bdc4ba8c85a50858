import numpy as np
import pandas as pd
import pytest

from spikeseg_core.config import TuneConfig
from spikeseg_core.snn.rates import neuron_table, rate_metrics, rate_table
from tests.spikeseg_core.ann.networks import TINY


def rates_of(stem: float, down: float, up: float) -> dict[str, np.ndarray]:
    values = {"stem": stem, "down": down, "up": up}
    return {k: np.full((3, *TINY.shape(k)), v, np.float32) for k, v in values.items()}


def layers(rates: dict[str, np.ndarray]) -> pd.DataFrame:
    return rate_table(neuron_table(TINY, rates, TuneConfig()))


def test_the_range_includes_its_ends() -> None:
    table = layers(rates_of(200.0, 50.0, 49.0))
    assert list(table.share_in_range) == [1.0, 1.0, 0.0]


def test_dead_and_saturated_neurons_are_counted() -> None:
    rates = rates_of(10.0, 0.0, 100.0)
    rates["up"][:, 0] = 500.0  # one of eight rows
    table = layers(rates).set_index("layer")
    assert table.dead.to_dict() == {"stem": 0.0, "down": 1.0, "up": 0.0}
    assert table.saturated["up"] == pytest.approx(1 / 8)


def test_metrics_weigh_layers_by_neurons_and_keep_the_host_apart() -> None:
    metrics = rate_metrics(layers(rates_of(40.0, 10.0, 100.0)))
    neurons = {name: TINY.neurons(name) for name in ("down", "up")}
    mean = (10 * neurons["down"] + 100 * neurons["up"]) / sum(neurons.values())
    assert metrics["spikes/mean_rate_hz"] == pytest.approx(mean)
    assert metrics["spikes/host_mean_rate_hz"] == pytest.approx(40)
    assert metrics["spikes/share_in_range"] == pytest.approx(neurons["up"] / sum(neurons.values()))


def test_every_neuron_has_its_row() -> None:
    rng = np.random.default_rng(0)
    rates = {
        name: rng.uniform(0, 600, (5, *TINY.shape(name))).astype(np.float32)
        for name in ("down", "up")
    }
    rates["up"][:, 1, 2, 3] = 0
    neurons = neuron_table(TINY, rates, TuneConfig(percentile=90))
    assert len(neurons) == TINY.neurons("down") + TINY.neurons("up")
    one = neurons[(neurons.layer == "up") & (neurons.row == 1) & (neurons.column == 2)]
    assert list(one.dead) == [False, False, False, True]
    np.testing.assert_allclose(one.mean_rate_hz, rates["up"][:, 1, 2].mean(axis=0), rtol=1e-6)
    p = np.percentile(rates["up"][:, 1, 2], 90, axis=0)
    np.testing.assert_allclose(one.percentile_rate_hz, p, rtol=1e-6)
    assert list(one.in_range) == list((p >= 50) & (p <= 200))
    assert list(one.saturated) == list(p >= 500)
