from __future__ import annotations

from pathlib import Path

import pytest

from spikeseg_core.sweep.definition import Sweep
from tasks.mlflow import sweep as tracked
from tasks.mlflow.reader import Reader
from tasks.mlflow.store import Store, store

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


def test_without_mlflow_there_is_nothing_to_log(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Store, "client", property(lambda self: 1 / 0))
    sweep = tracked.start(BITS)
    assert sweep is None
    tracked.log_point(sweep, "4 bits", 0, {}, "failed: no reason")
    tracked.finish(sweep, [], {}, "", "FAILED")
