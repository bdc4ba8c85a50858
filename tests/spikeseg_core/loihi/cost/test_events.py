from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from spikeseg_core.errors import DataError
from spikeseg_core.loihi.cost.events import EVENTS, OF_A_CORE, EventCounts, StepEvents
from spikeseg_core.loihi.cost.model import loihi_energy
from spikeseg_core.storage import load_arrays, save_arrays
from tests.spikeseg_core.loihi.cost.networks import events_of


def test_saved_counts_come_back(tmp_path: Path) -> None:
    events = events_of(cores=5, rows=10, chips=2)
    events.save(tmp_path / "events.npz")
    back = EventCounts.load(tmp_path / "events.npz")
    assert back.per_presentation() == events.per_presentation()
    assert back.synaptic_ops_by_connection == events.synaptic_ops_by_connection
    np.testing.assert_array_equal(back.chip_of_core, events.chip_of_core)
    for name in OF_A_CORE:
        np.testing.assert_array_equal(back.busy[name], events.busy[name])


def test_files_from_before_dense_synapses_had_costs_of_their_own_are_read(tmp_path: Path) -> None:
    events, now, before = events_of(), tmp_path / "now.npz", tmp_path / "before.npz"
    events.save(now)
    arrays = load_arrays(now)
    assert not arrays.pop("busy_dense_synaptic_ops").any()
    assert EVENTS[1] == "dense_synaptic_ops"
    save_arrays(before, arrays | {"totals": np.delete(arrays["totals"], 1)})
    assert EventCounts.load(before).totals == EventCounts.load(now).totals == events.totals
    assert loihi_energy(EventCounts.load(before)) == loihi_energy(events)

    steps = steps_of()
    dense = dict.fromkeys(("totals/dense_synaptic_ops", "busy/dense_synaptic_ops"))
    now_only = {*dense, "reset"}
    back = StepEvents.from_arrays({n: x for n, x in steps.arrays().items() if n not in now_only})
    assert back.reset.all()
    assert not back.totals["dense_synaptic_ops"].any()
    assert back.busy["dense_synaptic_ops"].shape == (2, 4, 2)
    np.testing.assert_array_equal(back.totals["spikes"], steps.totals["spikes"])


def test_counts_are_means_over_presentations() -> None:
    events = events_of(cores=3, presentations=4)
    assert events.per_presentation()["synaptic_ops"] == 750
    assert events.per_presentation()["injected"] == 7.5


def test_cores_fill_mesh_tiles_of_four() -> None:
    events = events_of(cores=9, chips=2)  # 5 cores on one chip, 4 on the other
    assert (events.chips, events.mesh_tiles) == (2, 3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"synaptic_ops_by_connection": {"a/b": 2999.0}}, "3000 by core and 2999 by connection"),
        (
            {"busy": {"spikes": np.ones((1, 2))}},
            r"spikes of .* has shape \(1, 2\), expected .* \(1, 3\)",
        ),
        ({"totals": {"neuron_idle": -3.0}}, "neuron_idle is -3"),
        (
            {"totals": {"messages_interchip": 1000.0}},
            "more messages between chips than in total",
        ),
    ],
)
def test_counts_that_contradict_each_other_are_refused(changes: dict, message: str) -> None:
    with pytest.raises(DataError, match=message):
        events_of(**changes)


def test_other_files_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", steps=3)
    with pytest.raises(DataError, match=r"holds no 'presentations'.*deploy"):
        EventCounts.load(tmp_path / "other.npz")


def steps_of(presentations: int = 2, steps: int = 4) -> StepEvents:
    """As many events of every kind as the number of the step, from 1; two candidates."""
    number = np.broadcast_to(np.arange(1.0, steps + 1), (presentations, steps))
    return StepEvents(
        np.zeros(3, dtype=int),
        dict.fromkeys(EVENTS, number),
        {name: np.stack([number, 2 * number], axis=2) for name in OF_A_CORE},
        {"up/down": 2 * number},  # of either kind
        np.ones(presentations, bool),
    )


def test_presentations_may_end_at_different_steps() -> None:
    events = steps_of().until(np.array([1, 3]))
    assert (events.steps, events.presentations) == (2.0, 2)
    assert events.totals["spikes"] == 1 + (1 + 2 + 3)
    assert events.busy["spikes"].tolist() == [[1, 2], [1, 2], [2, 4], [3, 6]]
    assert events.per_presentation()["barriers"] == 2


def test_parts_of_a_run_are_joined() -> None:
    joined = StepEvents.join([steps_of(2), steps_of(1)])
    assert (joined.presentations, joined.steps) == (3, 4)
    assert joined.until(4).totals["readout"] == 30


@pytest.mark.parametrize("steps", [0, 5])
def test_no_more_steps_than_were_counted(steps: int) -> None:
    with pytest.raises(DataError, match=f"presentations of {steps} to {steps} steps"):
        steps_of().until(steps)


def test_presentations_go_on_with_the_start_of_others() -> None:
    first = steps_of()
    then = replace(first, busy=dict.fromkeys(OF_A_CORE, np.ones((2, 4, 3))))
    longer = first.then(then, 3)
    assert longer.steps == 7
    assert longer.until(4).totals == first.until(4).totals
    found = longer.until(np.array([4, 7])).totals["spikes"]
    assert found == (1 + 2 + 3 + 4) * 2 + (1 + 2 + 3)
    np.testing.assert_array_equal(longer.busy["spikes"][0, 4:], np.ones((3, 3)))
    np.testing.assert_array_equal(longer.busy["spikes"][:, :4, :2], first.busy["spikes"])


def test_only_tiles_that_are_reset_cost_resets() -> None:
    every, half = (replace(steps_of(), reset=np.array([True, last])) for last in (True, False))
    assert StepEvents.from_arrays(half.arrays()).until(4).reset == 0.5
    parts = [loihi_energy(events.until(4)).parts_mj for events in (every, half)]
    assert parts[1].pop("resets") == parts[0].pop("resets") / 2 > 0
    assert parts[0] == parts[1]
