from dataclasses import replace

import pytest

from spikeseg_core.energy.devices.loihi import Presented
from spikeseg_core.energy.figure import Figures, check_parts, figures_of
from spikeseg_core.energy.host import Host, HostSpikes, host_operations
from tests.spikeseg_core.energy.test_comparison import SPIKES, cpu_figures
from tests.spikeseg_core.loihi.cost.networks import events_of, small_network


def test_host_does_its_layers_and_the_readout() -> None:
    network = small_network(8)  # stem 16 -> 8, 2x2 stride 2, 2 channels; read-out 8 -> 16
    stem = 8 * 8 * 2 * 2 * 1 * 2
    readout = 8 * 8 * 2 * 2 * 3 * 1
    assert host_operations(network) == stem + readout


def test_host_operations_are_part_of_the_networks() -> None:
    network = small_network()
    on_chip = 8 * 8 * 9 * 2 * 3 + 4 * 4 * 9 * 3 * 4 + (4 * 4 * 16 * 4 * 3 + 8 * 8 * 9 * 3 * 3)
    assert host_operations(network) + on_chip == network.multiply_adds


def test_every_further_read_out_is_charged() -> None:
    network = small_network(8)
    readout = 8 * 8 * 2 * 2 * 3 * 1
    more = host_operations(network, extra_readouts=0.25) - host_operations(network)
    assert more == 4 * readout / 16


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


def test_the_work_is_a_share_of_the_cpus_and_the_spikes_as_timed() -> None:
    network, shown = small_network(), Presented(events_of(), 8)
    host = Host(network, cpu_figures(dynamic=0.5, static=0.7), SPIKES)
    figures = host.work(shown)
    check_parts(figures)
    share = host_operations(network) / network.multiply_adds
    # The CPU was timed on 4 tiles; a presentation has 10 steps.
    assert figures[0].mj_per_section == pytest.approx(2 * share * 0.5 + 8 * 0.15)
    assert figures[1].mj_per_section == pytest.approx(2 * share * 0.7 + 8 * 0.3)
    assert figures[2].seconds_per_section == pytest.approx(2 * share * 0.02 + 8 * 1.5e-4)
    assert (figures[2].basis, figures[2].busy) == ("modelled", False)
    busy = replace(SPIKES.figures[2], busy=True)
    disturbed = replace(SPIKES, timed=(SPIKES.timed[0], [*SPIKES.figures[:2], busy]))
    assert Host(network, host.cpu, disturbed).work(shown)[2].busy
