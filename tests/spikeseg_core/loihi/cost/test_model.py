from dataclasses import replace

import numpy as np
import pytest

from spikeseg_core.loihi.cost.constants import PRE_SILICON, SILICON_FITTED
from spikeseg_core.loihi.cost.model import (
    IDLE_DEFINITIONS,
    LoihiModel,
    energy_range,
    loihi_energy,
    nanoseconds,
)
from tests.spikeseg_core.loihi.cost.networks import events_of


def test_energy_by_hand() -> None:
    """Three cores: 3000 operations, 1500 + 600 updates, 150 spikes, 180 + 240 messages."""
    tile = loihi_energy(events_of(), LoihiModel(interchip_pj=100))
    parts = {
        "synaptic operations": 3000 * 24.0,
        "neuron updates, active": 1500 * 72.8,
        "neuron updates, idle": 600 * 51.2,
        "spikes": 150 * 69.3,
        "messages": 180 * 111.0,
        "hops": 40 * 3.0 + 20 * 4.2,
        "links between chips": 0,
        "input": 30 * 211.0,
        "read-out": 15 * 211.0,
        "resets": 210 * 211.0,  # 2100 updates in 10 steps
    }
    assert tile.parts_mj == pytest.approx({n: pj * 1e-12 * 1e3 for n, pj in parts.items()})
    assert tile.dynamic_mj == pytest.approx(sum(parts.values()) * 1e-9)


def test_a_step_is_its_busiest_core_and_a_barrier() -> None:
    events = events_of(rows=10, busy={"synaptic_ops": np.full((10, 3), 1e6)})
    busy = 1e6 * 3.1 + 500 * 9.7 + 200 * 6.0 + 50 * 30 + 60 * 5.1 + 80 * 16
    tile = loihi_energy(events, LoihiModel(interchip_ns=0))  # resets take no time either
    assert tile.seconds == pytest.approx(10 * (busy + 600) * 1e-9)


def test_links_and_cores_work_at_the_same_time() -> None:
    events = events_of(totals={"injected": 1e5})
    slow = loihi_energy(events, LoihiModel(interchip_ns=100))
    assert slow.seconds == pytest.approx(((1e5 + 15 + 210) * 100 + 10 * 600) * 1e-9)
    free = LoihiModel(interchip_ns=1e-3)
    cores_wait = loihi_energy(events, free)
    assert cores_wait.seconds == pytest.approx(loihi_energy(events_of(), free).seconds)


def test_cores_that_take_turns_wait_for_each_other() -> None:
    work = np.zeros((2, 2))
    work[0, 0] = work[1, 1] = 1e7
    turns = loihi_energy(events_of(cores=2, rows=2, busy={"synaptic_ops": work}))
    even = loihi_energy(events_of(cores=2, rows=2, busy={"synaptic_ops": np.full((2, 2), 5e6)}))
    assert turns.seconds == pytest.approx(2 * even.seconds, rel=0.01)


@pytest.mark.parametrize(("chips", "seen"), [(1, 125e3), (2, 65e3)])
def test_no_step_is_faster_than_seen_on_hardware(chips: int, seen: float) -> None:
    assert loihi_energy(events_of(chips=chips)).steps_per_second == pytest.approx(seen)


def test_static_energy_follows_the_idle_definition() -> None:
    events = events_of(cores=32, chips=2)
    watts = [LoihiModel(idle=idle).static_watts(events) for idle in IDLE_DEFINITIONS]
    assert watts == pytest.approx([0, 0.104 * 32 / 128, 2 * 0.104, 2 * 0.169])
    tile = loihi_energy(events)
    assert tile.static_mj == pytest.approx(1e3 * 0.338 * tile.seconds)


def test_messages_between_chips_pay_for_the_link() -> None:
    events = events_of(chips=2)
    free, dear = (loihi_energy(events, LoihiModel(interchip_pj=pj)) for pj in (0, 1000))
    assert dear.total_mj - free.total_mj == pytest.approx((30 + 30 + 15 + 210) * 1000 * 1e-9)


def test_resets_take_time_and_energy_before_the_steps() -> None:
    events = events_of(chips=2)
    none, one, two = (loihi_energy(events, LoihiModel(reset_messages=n)) for n in (0, 1, 2))
    assert one.seconds - none.seconds == pytest.approx(210 * 6.5e-9 / 2)
    assert two.parts_mj["resets"] == pytest.approx(2 * 210 * 751e-9)
    assert two.steps_per_second == pytest.approx(none.steps_per_second)


def test_synapses_of_rows_with_targets_of_their_own_cost_more() -> None:
    events = events_of()
    dense, sparse = (loihi_energy(events, LoihiModel(sparse=s)) for s in (False, True))
    assert sparse.dynamic_mj - dense.dynamic_mj == pytest.approx(3000 * 9.6e-9)


@pytest.mark.parametrize("sparse", [False, True])
def test_synapses_of_fully_connected_layers_have_costs_of_their_own(sparse: bool) -> None:
    model = LoihiModel(sparse=sparse)
    none = events_of()
    some = events_of(busy={"dense_synaptic_ops": np.full((1, 3), 1e6)})
    before, after = (loihi_energy(events, model) for events in (none, some))
    assert after.dynamic_mj - before.dynamic_mj == pytest.approx(3e6 * 35.5e-9)
    work = [nanoseconds(events.busy, model.costs) for events in (none, some)]
    np.testing.assert_allclose(work[1] - work[0], 1e6 * 3.8)
    pre = [loihi_energy(events, LoihiModel(PRE_SILICON)).dynamic_mj for events in (none, some)]
    assert pre[1] - pre[0] == pytest.approx(3e6 * 23.6e-9)


def test_a_core_may_receive_while_it_updates_and_sends() -> None:
    events = events_of()
    costs = LoihiModel().costs
    both = nanoseconds(events.busy, costs)
    longer = nanoseconds(events.busy, costs, overlapped=True)
    receives = {**events.busy} | {
        name: 0 * events.busy[name]
        for name in ("neuron_active", "neuron_idle", "spikes", "messages_out")
    }
    received = nanoseconds(receives, costs)
    np.testing.assert_allclose(longer, np.maximum(received, both - received))
    assert (longer < both).any()
    one, other = (loihi_energy(events, LoihiModel(overlapped=o)) for o in (False, True))
    assert other.seconds <= one.seconds
    assert other.dynamic_mj == one.dynamic_mj


def test_stated_errors_give_a_range() -> None:
    events = events_of()
    low, high = energy_range(events, LoihiModel(SILICON_FITTED))
    tile = loihi_energy(events)
    assert high - low == pytest.approx(2 * (0.117 * tile.dynamic_mj + 0.243 * tile.static_mj))
    pre = energy_range(events, LoihiModel(PRE_SILICON))
    assert pre[0] == pre[1]


def test_presentations_are_averaged() -> None:
    events = events_of(cores=2, busy={"synaptic_ops": np.full((1, 2), 1e7)})
    doubled = replace(
        events,
        presentations=2,
        totals={name: 2 * n for name, n in events.totals.items()},
        busy={name: np.vstack([n, n]) for name, n in events.busy.items()},
        synaptic_ops_by_connection={"a/b": 4e7},
    )
    assert loihi_energy(doubled).total_mj == pytest.approx(loihi_energy(events).total_mj)


def test_chips_send_and_receive_at_the_same_time() -> None:
    def link(chips: int) -> float:
        events = events_of(totals={"injected": 1e7}, chips=chips)
        return loihi_energy(events, LoihiModel(interchip_ns=100)).seconds

    assert link(1) == pytest.approx(1, rel=0.01)
    assert link(2) == pytest.approx(0.5, rel=0.01)


def test_the_range_is_that_of_the_models_own_constants() -> None:
    model = LoihiModel(constants=PRE_SILICON, interchip_pj=1e6)
    tile = loihi_energy(events_of(), model)
    low, high = energy_range(events_of(), model)
    assert (low + high) / 2 == pytest.approx(tile.dynamic_mj + tile.static_mj)
    assert (low + high) / 2 != pytest.approx(sum(energy_range(events_of(), LoihiModel())) / 2)
