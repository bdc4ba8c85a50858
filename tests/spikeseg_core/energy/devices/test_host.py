import numpy as np
import pytest

from spikeseg_core.ann.unet import build_model, weights_of
from spikeseg_core.energy.devices import meter
from spikeseg_core.energy.devices.host import measure_host_spikes
from spikeseg_core.energy.devices.meter import StatedPower, Timer
from tests.spikeseg_core.loihi.cost.networks import small_network


def test_spikes_are_timed_for_two_presentations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meter, "TIMED_SECONDS", 0.0)
    network = small_network()
    weights = weights_of(network, build_model(network))
    tiles = np.random.default_rng(0).normal(size=(3, network.tile, network.tile))
    found = measure_host_spikes(
        network, weights, tiles, 60, repeats=3, power=StatedPower(10, 28, "test"), timer=Timer(1.0)
    )
    assert found.steps == (30, 60)
    for dynamic, static, total in found.timed:
        seconds = total.seconds_per_section
        assert 0 < seconds < 1
        assert dynamic.mj_per_section == pytest.approx(1e3 * 10 * seconds)
        assert static.mj_per_section == pytest.approx(1e3 * 18 * seconds)
        assert (total.basis, total.time_basis) == ("modelled", "measured")
    assert "60 steps" in found.figures[2].note
