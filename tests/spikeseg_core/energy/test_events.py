from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from spikeseg_core.energy.events import PER_CORE, EventCounts
from spikeseg_core.errors import DataError
from tests.spikeseg_core.energy.networks import events_of


def test_saved_counts_come_back(tmp_path: Path) -> None:
    events = events_of(cores=5, rows=10, chips=2)
    events.save(tmp_path / "events.npz")
    back = EventCounts.load(tmp_path / "events.npz")
    assert back.per_presentation() == events.per_presentation()
    assert back.synaptic_ops_by_connection == events.synaptic_ops_by_connection
    for name in (*PER_CORE, "chip_of_core"):
        np.testing.assert_array_equal(getattr(back, name), getattr(events, name))


def test_counts_are_means_over_presentations() -> None:
    events = events_of(cores=3, presentations=4)
    assert events.per_presentation()["synaptic_ops"] == 750
    assert events.per_presentation()["injected"] == 7.5


def test_cores_fill_mesh_tiles_of_four() -> None:
    events = events_of(cores=9, chips=2)  # 5 cores on one chip, 4 on the other
    assert (events.chips, events.mesh_tiles) == (2, 3)


def test_breakdown_must_add_up() -> None:
    with pytest.raises(DataError, match=r"3000 by core and 2999 by connection"):
        events_of(synaptic_ops_by_connection={"a/b": 2999.0})


def test_shapes_must_agree() -> None:
    with pytest.raises(DataError, match=r"spikes has shape \(1, 2\), expected .* \(1, 3\)"):
        events_of(spikes=np.ones((1, 2)))


def test_negative_counts_are_refused() -> None:
    with pytest.raises(DataError, match="neuron_idle holds negative"):
        events_of(neuron_idle=-np.ones((1, 3)))


def test_interchip_messages_are_messages() -> None:
    with pytest.raises(DataError, match="more messages to other chips than in all"):
        events_of(messages_interchip=1000 * np.ones((1, 3)))


def test_other_files_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", steps=3)
    with pytest.raises(DataError, match=r"holds no 'presentations'.*deploy"):
        EventCounts.load(tmp_path / "other.npz")
