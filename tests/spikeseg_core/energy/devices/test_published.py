import pytest

from spikeseg_core.energy.devices.published import (
    KEYWORD_SPOTTER,
    PUBLISHED_DEVICES,
    published_figures,
)
from spikeseg_core.energy.figure import check_parts, find


def test_published_joules_follow_from_published_watts() -> None:
    published_j = {"gpu": 0.0298, "cpu": 0.0063, "jetson": 0.0056, "movidius": 0.0015}
    for device, joules in published_j.items():
        assert PUBLISHED_DEVICES[device].dynamic_mj == pytest.approx(1e3 * joules, rel=0.04)
    assert PUBLISHED_DEVICES["loihi"].dynamic_mj == pytest.approx(0.27, rel=0.02)


def test_published_devices_say_that_they_ran_another_network() -> None:
    figures = published_figures(16, multiply_adds=40_000_000)
    check_parts(figures)
    gpu = find(figures, family="gpu", variant=KEYWORD_SPOTTER, component="dynamic")
    assert gpu.mj_per_section == pytest.approx(16 * 29.8, rel=0.01)
    assert all(f.basis == "published" and "ANOTHER network" in f.note for f in figures)
