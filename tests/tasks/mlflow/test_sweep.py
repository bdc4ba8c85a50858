from __future__ import annotations

from pathlib import Path

import pytest

from spikeseg_core.errors import ConfigError
from spikeseg_core.sweep.definition import Sweep
from tasks.mlflow import sweep as tracked
from tasks.mlflow.reader import Reader
from tasks.mlflow.store import Store, store
from tests.spikeseg_core.sweep.test_cross_validation import study

BITS = Sweep(title="Bits", grid={"quantize.weight_bits": (4, 8)}, until="train")


def test_a_failed_point_is_a_failed_run_below_the_sweep(home: Path) -> None:
    sweep = tracked.start(BITS)
    assert sweep is not None
    tracked.log_point(sweep, "4 bits", 0, {"quantize.weight_bits": 4}, "failed: the disk is full")
    (home / "sweep.md").touch()
    tracked.finish(sweep, [home / "sweep.md"], {"sweep/failed": 1.0}, "a note", "FINISHED")
    reader = Reader(store())
    (point,) = reader.search(f"tags.`mlflow.parentRunId` = '{sweep.id}'")
    assert (point.info.status, point.data.tags["error"]) == ("FAILED", "failed: the disk is full")
    assert point.data.params == {"quantize.weight_bits": "4", "seed": "0"}
    ended = reader.get(sweep.id)
    assert (ended.info.status, ended.data.metrics) == ("FINISHED", {"sweep/failed": 1.0})
    assert ended.data.tags["mlflow.note.content"] == "a note"
    assert ended.data.params["until"] == "train"


def test_two_cross_validations_are_read_back(home: Path) -> None:
    tested = study()
    whole, killed = (tracked.start(Sweep(title="Folds", folds=3)) for _ in range(2))
    other = tracked.start(BITS)
    assert whole and killed and other
    tracked.finish(whole, tested.save(home / "files"), tested.metrics(), "a note", "FINISHED")
    reader = Reader(store())
    found = tracked.cross_validations(reader, [whole.id, whole.id])
    assert found is not None
    assert [each.to_json() for each in found] == [tested.to_json()] * 2
    assert tracked.cross_validations(reader, [whole.id, other.id]) is None
    assert tracked.cross_validations(reader, [whole.id] * 3) is None
    with pytest.raises(ConfigError, match=rf"{killed.id} \(running\) has no result"):
        tracked.cross_validations(reader, [whole.id, killed.id])


def test_without_mlflow_there_is_nothing_to_log(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Store, "client", property(lambda self: 1 / 0))
    sweep = tracked.start(BITS)
    assert sweep is None
    tracked.log_point(sweep, "4 bits", 0, {}, "failed: no reason")
    tracked.finish(sweep, [], {}, "", "FAILED")
