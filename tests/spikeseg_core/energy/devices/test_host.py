import pytest

from spikeseg_core.data.tiles import TileGrid
from spikeseg_core.energy.devices import meter
from spikeseg_core.energy.devices.host import measure_host
from spikeseg_core.energy.devices.meter import StatedPower, Timer
from spikeseg_core.errors import DeploymentError
from tests.spikeseg_core.energy.devices.models import TILE, small_ann, tiles

GRID = TileGrid((TILE + 4, TILE), TILE, 2)


def test_every_part_is_timed_and_spikes_for_two_presentations(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(meter, "TIMED_SECONDS", 0.0)
    monkeypatch.setattr("spikeseg_core.energy.devices.cpu.SECONDS_OF_CHOICE", 0.0)
    found = measure_host(
        *small_ann(),
        tiles(3),
        GRID,
        60,
        repeats=3,
        power=StatedPower(10, 28, "test"),
        timer=Timer(1.0),
    )  # fmt: skip
    assert found.spikes.steps == (30, 60)
    for dynamic, static, total in found.groups:
        seconds = total.seconds_per_section
        assert 0 < seconds < 1
        assert dynamic.mj_per_section == pytest.approx(1e3 * 10 * seconds)
        assert static.mj_per_section == pytest.approx(1e3 * 18 * seconds)
        assert (total.basis, total.time_basis) == ("modelled", "measured")
    assert "60 steps" in found.spikes.figures[2].note
    assert "ONNX Runtime" in found.layers[2].note
    assert "blending" in found.blending[2].note


def test_layers_that_the_image_does_not_feed_are_one_message() -> None:
    from dataclasses import replace

    network, weights = small_ann()
    layers = [replace(layer, on_chip=False) for layer in network.layers]
    with pytest.raises(DeploymentError, match="fed by the image"):
        measure_host(
            replace(network, layers=tuple(layers)), weights, tiles(2), GRID, 10,
            repeats=1, power=StatedPower(10, 28, "test"), timer=Timer(1.0),
        )  # fmt: skip
