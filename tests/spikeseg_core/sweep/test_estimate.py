from __future__ import annotations

import pytest

from spikeseg_core.config import PipelineConfig, presets
from spikeseg_core.config.overrides import configured
from spikeseg_core.errors import MappingError
from spikeseg_core.network import catalogue
from spikeseg_core.sweep.estimate import estimate

LEAN = presets.preset("lean")


def changed(*changes: str) -> PipelineConfig:
    return configured("lean", changes=changes)


def test_it_is_near_to_what_trained_networks_take() -> None:
    """``lean`` takes 38 to 40 mJ for 9 tiles of 60 steps with resets, modelled from its events."""
    found = estimate(changed("dataset.tiles_per_axis=3", "presentation.steps=60"))
    assert 35 < found["estimate/loihi_total_mj"] < 44
    assert found["estimate/neurons_on_chip"] == 235_008
    assert found["estimate/multiply_adds"] == catalogue.network("lean").multiply_adds


def test_energy_is_of_all_tiles_and_steps() -> None:
    few, many = (
        estimate(changed("dataset.tiles_per_axis=2", f"presentation.steps={steps}"))
        for steps in (50, 100)
    )
    whole = estimate(changed("dataset.tiles_per_axis=4", "presentation.steps=50"))
    for name in ("estimate/loihi_total_mj", "estimate/loihi_dynamic_mj"):
        assert whole[name] == pytest.approx(4 * few[name])
        # Resets come once in a presentation, however long.
        assert 1.8 * few[name] < many[name] < 2 * few[name]
    assert few["estimate/loihi_dynamic_mj"] < few["estimate/loihi_total_mj"]


def test_a_leaner_network_takes_less() -> None:
    whole, narrow, shallow, small_kernels = (
        estimate(changed(f"train.network={name}"))["estimate/loihi_total_mj"]
        for name in ("lean", "lean(fine=0.5)", "lean(row=1)", "lean(up=2)")
    )
    assert max(narrow, shallow, small_kernels) < whole


def test_a_network_that_does_not_fit_is_refused() -> None:
    with pytest.raises(MappingError, match="use at least 3 chips"):
        estimate(changed("train.network=lean(fine=1.5)"))
