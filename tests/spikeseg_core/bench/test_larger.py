import json

import numpy as np
import pytest

from spikeseg_core.bench import larger, limit
from tests.spikeseg_core.loihi.cost.networks import small_network


def test_one_million_and_four_million_neurons() -> None:
    found = larger.networks()
    assert [network.neurons_on_chip for network in found] == [235_008, 940_032, 3_760_128]
    assert [network.name for network in found] == ["paper, 238k", "paper, 1m", "paper, 4m"]


def test_this_emulator_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limit, "BANDWIDTH_BYTES", 2**20)
    network = small_network(16, (4, 8, 8, 4))
    found = larger.measure(network, n_steps=40, repeats=1)
    assert json.loads(json.dumps(found)) == found
    assert found["neurons"] == network.neurons_on_chip
    assert found["seconds_per_step"] > 0
    assert found["engine_peak_mib"] > 0
    assert found["input_mib"] == 40 * 32 * 32 * 4 / 2**20 / 4
    assert "not run" in found["nengo_loihi"]


def test_neurons_spike_at_some_20_hz() -> None:
    rng = np.random.default_rng(0)
    integers = larger._integers(small_network(16, (4, 8, 8, 4)), rng, larger.THRESHOLD // 50)
    for layer in integers.values():
        assert (layer.thresholds // layer.biases == 50).all()
        for weights in layer.kernels.values():
            assert abs(weights).max() <= 1280
            assert not (weights % 128).any()
