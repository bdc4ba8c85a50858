from dataclasses import replace

import pytest

from spikeseg_core.energy.devices.loihi import board_figures, loihi_figures, with_host
from spikeseg_core.energy.figure import check_parts, figures_of
from spikeseg_core.loihi.cost.model import loihi_energy
from spikeseg_core.loihi.run.energy_probe import BoardEnergy
from tests.spikeseg_core.loihi.cost.networks import events_of


def test_a_section_is_its_tiles_one_after_the_other() -> None:
    events = events_of()
    tile = loihi_energy(events)
    dynamic, static, total = figures = loihi_figures(events, 16)
    check_parts(figures)
    assert total.mj_per_section == pytest.approx(16 * tile.total_mj)
    assert dynamic.seconds_per_section == pytest.approx(16 * tile.seconds)
    assert static.basis == "modelled"
    assert "SANA-FE" in total.source


def test_a_board_is_measured_per_section() -> None:
    figures = board_figures([BoardEnergy(1, 2, 0.01, 50), BoardEnergy(3, 2, 0.03, 50)], 16)
    check_parts(figures)
    assert [f.mj_per_section for f in figures] == [32, 32, 64]
    assert figures[0].seconds_per_section == pytest.approx(0.32)
    assert {f.basis for f in figures} == {"measured"}


def test_the_hosts_work_is_added() -> None:
    chip = loihi_figures(events_of(), 4)
    work = figures_of(
        family="cpu", precision="int8", dynamic_mj=10, static_mj=20, seconds=0.1,
        basis="modelled", time_basis="modelled", source="test",
    )  # fmt: skip
    figures = with_host(chip, work)
    check_parts(figures)
    for component, added in zip(range(3), (10, 20, 30), strict=True):
        assert figures[component].mj_per_section == pytest.approx(
            chip[component].mj_per_section + added
        )
    assert figures[0].seconds_per_section == pytest.approx(chip[0].seconds_per_section + 0.1)
    assert figures[0].label == "Loihi, deployed, with host"
    assert not figures[2].busy
    disturbed = with_host(chip, (work[0], work[1], replace(work[2], busy=True)))
    assert all(f.busy for f in disturbed)
