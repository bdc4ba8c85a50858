from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from spikeseg_core.energy.devices.loihi import Presented, loihi_figures
from spikeseg_core.energy.figure import EnergyFigure
from spikeseg_core.energy.host import Host
from spikeseg_core.energy.sensitivity import (
    Sensitivity,
    sensitivity,
    with_active,
    with_neurons,
    with_spikes,
    with_steps,
)
from spikeseg_core.loihi.cost.model import LoihiModel, loihi_energy
from tests.spikeseg_core.energy.test_comparison import HOST, cpu_figures
from tests.spikeseg_core.loihi.cost.networks import events_of, small_network


def charged(shown: Presented, cpu: Sequence[EnergyFigure], **how: Any) -> Sensitivity:
    return sensitivity(shown, Host(small_network(), cpu, HOST), **how)


def test_every_swing_holds_the_headline_and_the_widest_is_first() -> None:
    found = charged(Presented(events_of(chips=2), 4), cpu_figures(), fastest=0.9)
    widths = [swing.high / swing.low for swing in found.swings]
    assert widths == sorted(widths, reverse=True)
    assert len(found.swings) == 13
    for swing in found.swings:
        assert swing.low <= found.headline * 1.0001, swing
        assert swing.high >= found.headline * 0.9999, swing


def test_the_headline_is_the_reports_ratio() -> None:
    events = events_of()
    found = charged(Presented(events, 4), cpu_figures())
    loihi = loihi_figures(events, 4)[2].mj_per_section
    assert found.headline == pytest.approx(1.2 / loihi)
    assert found.by_idle["total over chips and x86"] == pytest.approx(found.headline)
    dynamic = loihi_energy(events, LoihiModel(idle="none")).total_mj
    assert found.by_idle["dynamic over dynamic"] == pytest.approx(0.5 / 4 / dynamic)


def test_sparse_synapses_are_an_unknown_of_sparse_networks() -> None:
    model = LoihiModel(sparse=True)
    found = charged(Presented(events_of(), 4), cpu_figures(), model=model)
    (swing,) = [swing for swing in found.swings if swing.unknown == "sparse synapses"]
    assert (swing.low_case, swing.high_case) == ("dearer", "as a convolution's")
    assert swing.low == pytest.approx(found.headline)


def test_twice_the_steps_are_twice_the_energy_but_for_the_resets() -> None:
    events, no_resets = events_of(), LoihiModel(reset_messages=0)
    one, two = (loihi_energy(e, no_resets) for e in (events, with_steps(events, 20)))
    assert two.total_mj == pytest.approx(2 * one.total_mj)
    assert two.seconds == pytest.approx(2 * one.seconds)


def test_more_spikes_leave_neuron_updates_as_they_are() -> None:
    more = with_spikes(events_of(), 2).per_presentation()
    assert more["synaptic_ops"] == 6000
    assert more["messages_in"] == 480
    assert more["neuron_active"] == 1500


def test_idle_updates_cost_less() -> None:
    events = events_of()
    idle = with_active(events, False)
    assert idle.per_presentation()["neuron_idle"] == 2100
    assert loihi_energy(idle).dynamic_mj < loihi_energy(with_active(events, True)).dynamic_mj


def test_the_headline_is_the_best_way_to_feed_the_cpu() -> None:
    cpu = cpu_figures()
    whole = [
        replace(f, feed="sections", mj_per_section=f.mj_per_section / 2)
        for f in cpu
        if f.batch == 1
    ]
    one = charged(Presented(events_of(), 4), cpu)
    both = charged(Presented(events_of(), 4), [*cpu, *whole])
    assert both.headline == pytest.approx(one.headline / 2)
    (fed,) = [swing for swing in both.swings if swing.unknown == "input of the CPU"]
    assert (fed.low_case, fed.high_case) == ("CPU, whole sections", "CPU")


def test_the_host_is_charged_with_its_spikes_as_timed() -> None:
    shown, host = Presented(events_of(), 4), Host(small_network(), cpu_figures(), HOST)
    found = sensitivity(shown, host)
    (swing,) = [swing for swing in found.swings if swing.unknown == "host's share"]
    assert (swing.low_case, swing.high_case) == ("charged", "not charged")
    work = host.work(shown)[2].mj_per_section / 4
    assert swing.low == pytest.approx(1.2 / 4 / (loihi_energy(shown.events).total_mj + work))


def test_the_hosts_neurons_on_the_chip_take_updates_and_static_power() -> None:
    events = events_of(cores=3, chips=2)
    grown = with_neurons(events, 130_000)
    assert (grown.cores, grown.chips) == (3 + 127, 3)
    assert with_neurons(events, 132_000).chips == 4
    more = grown.per_presentation()["neuron_active"] - events.per_presentation()["neuron_active"]
    assert more == 130_000 * events.steps
    assert loihi_energy(grown).static_mj > 1.49 * loihi_energy(events).static_mj
    found = charged(Presented(events, 4), cpu_figures())
    (swing,) = [s for s in found.swings if s.unknown == "spikes of the host's layers"]
    assert (swing.low_case, swing.high_case) == ("made on the chip", "made by the host")
    assert swing.high == pytest.approx(found.headline)
