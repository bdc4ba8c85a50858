import numpy as np
import pytest

from spikeseg_core.energy.devices import meter
from spikeseg_core.energy.devices.host import Currents, ReadOut, measure_host
from spikeseg_core.energy.devices.meter import StatedPower, Timer
from spikeseg_core.errors import DeploymentError
from spikeseg_core.loihi.run.base import host_currents, read_out, steady_input
from spikeseg_core.network import DT, RATE_HZ_PER_UNIT
from tests.spikeseg_core.energy.devices.models import small_ann, tiles


def test_currents_are_those_that_are_deployed() -> None:
    (network, weights), x = small_ann(), tiles(3)
    (name,) = [layer.name for layer in network.layers if not layer.on_chip]
    rise = steady_input(network, name, host_currents(network, weights, name, x)).rise
    (found,) = Currents(network, weights, x, threads=1)()
    assert found.dtype == np.float64
    np.testing.assert_allclose(found.transpose(0, 2, 3, 1), rise, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("shuffled", [False, True])
def test_the_read_out_is_the_one_that_is_deployed(shuffled: bool) -> None:
    network, weights = small_ann()
    counts = np.random.default_rng(1).integers(0, 9, (2, *network.shape(network.readout.source)))
    wanted = read_out(network, weights, counts, 20)
    units = counts.transpose(0, 3, 1, 2) / (20 * DT * RATE_HZ_PER_UNIT)
    found = ReadOut(network, weights, units, threads=2, shuffled=shuffled)()
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_every_part_is_timed_and_spikes_for_two_presentations(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(meter, "TIMED_SECONDS", 0.0)
    monkeypatch.setattr("spikeseg_core.energy.devices.cpu.SECONDS_OF_CHOICE", 0.0)
    found = measure_host(
        *small_ann(), tiles(3), 60, repeats=3, power=StatedPower(10, 28, "test"), timer=Timer(1.0)
    )
    assert found.spikes.steps == (30, 60)
    for dynamic, static, total in found.groups:
        seconds = total.seconds_per_section
        assert 0 < seconds < 1
        assert dynamic.mj_per_section == pytest.approx(1e3 * 10 * seconds)
        assert static.mj_per_section == pytest.approx(1e3 * 18 * seconds)
        assert (total.basis, total.time_basis) == ("modelled", "measured")
    assert "60 steps" in found.spikes.figures[2].note
    assert "ONNX Runtime" in found.layers[2].note


def test_layers_that_the_image_does_not_feed_are_one_message() -> None:
    from dataclasses import replace

    network, weights = small_ann()
    layers = [replace(layer, on_chip=False) for layer in network.layers]
    with pytest.raises(DeploymentError, match="fed by the image"):
        measure_host(
            replace(network, layers=tuple(layers)), weights, tiles(2), 10,
            repeats=1, power=StatedPower(10, 28, "test"), timer=Timer(1.0),
        )  # fmt: skip
