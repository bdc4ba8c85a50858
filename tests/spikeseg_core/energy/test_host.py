from dataclasses import replace

import pytest

from spikeseg_core.energy.devices.loihi import Presented
from spikeseg_core.energy.figure import Figures, check_parts, figures_of
from spikeseg_core.energy.host import Host, HostSpikes
from tests.spikeseg_core.energy.test_comparison import HOST, SPIKES, cpu_figures
from tests.spikeseg_core.loihi.cost.networks import events_of, small_network


def test_spikes_of_any_presentation_follow_from_two() -> None:
    assert SPIKES.values(5) == pytest.approx((0.1, 0.2, 1e-4))
    assert SPIKES.values(10) == pytest.approx((0.15, 0.3, 1.5e-4))
    assert SPIKES.values(20) == pytest.approx((0.25, 0.5, 2.5e-4))


def test_a_presentation_too_short_to_tell_takes_nothing_less() -> None:
    def timed(mj: float) -> Figures:
        return figures_of(
            family="cpu", precision="fp32", dynamic_mj=mj, static_mj=mj, seconds=mj,
            basis="modelled", time_basis="measured", source="test",
        )  # fmt: skip

    assert HostSpikes((50, 100), (timed(1), timed(3))).values(20) == (0, 0, 0)
    assert HostSpikes((50, 100), (timed(3), timed(2))).values(200) == (3, 3, 3)


def test_the_work_is_as_timed_by_tile_and_every_read_out_is_charged() -> None:
    host = Host(small_network(), cpu_figures(), HOST)
    for extra, readouts in ((0.0, 1.0), (0.25, 1.25)):
        shown = Presented(events_of(), 8, extra_readouts=extra)
        figures = host.work(shown)
        check_parts(figures)
        # A presentation has 10 steps.
        for figure, layers, readout, blending, spikes in (
            (figures[0], 0.01, 0.02, 0.005, 0.15),
            (figures[1], 0.02, 0.04, 0.01, 0.3),
        ):
            expected = 8 * (layers + readouts * readout + blending + spikes)
            assert figure.mj_per_section == pytest.approx(expected)
        seconds = 8e-3 * (0.01 + readouts * 0.02 + 0.005 + 0.15)
        assert figures[2].seconds_per_section == pytest.approx(seconds)
        assert (figures[2].basis, figures[2].busy) == ("modelled", False)
        assert "layers 10 us, spikes 150 us, read-out" in figures[2].note


def test_one_disturbed_part_makes_the_work_busy() -> None:
    for i in range(len(HOST.groups)):
        groups = [
            [replace(figure, busy=figure.busy or n == i) for figure in group]
            for n, group in enumerate(HOST.groups)
        ]
        host = Host(small_network(), cpu_figures(), HOST.with_groups(groups))
        assert host.work(Presented(events_of(), 8))[2].busy
