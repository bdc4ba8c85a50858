from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np
import pytest

from spikeseg_core.config.presets import preset
from spikeseg_core.errors import ConfigError
from spikeseg_core.stages.base import StageResult
from tasks import folder as stage_folder
from tasks.folder import content_digest, locked, outcome_of, read_record, stage_key
from tasks.references import StageRef


def ref(stage: str, sha256: str = "1", **inputs: str) -> StageRef:
    return StageRef(stage=stage, key=f"{stage}-key", uri="file:///x", sha256=sha256, inputs=inputs)


def test_the_key_follows_settings_and_inputs() -> None:
    quick = preset("quick")
    longer = quick.model_copy(update={"tune": quick.tune.model_copy(update={"epochs": 99})})
    prepare = ref("prepare")
    train = ref("train")
    assert stage_key("train", quick, [prepare]) == stage_key("train", longer, [prepare])
    assert stage_key("tune", quick, [prepare, train]) != stage_key("tune", longer, [prepare, train])
    assert stage_key("train", quick, [prepare]) != stage_key("train", quick, [ref("prepare", "2")])


def test_auto_is_isbi_where_isbi_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def key(source: str) -> str:
        quick = preset("quick")
        data = quick.dataset.model_copy(update={"source": source})
        return stage_key("prepare", quick.model_copy(update={"dataset": data}), [])

    monkeypatch.delenv("SPIKESEG_ISBI2012_DIR", raising=False)
    monkeypatch.setenv("SPIKESEG_CACHE_DIR", str(tmp_path))
    assert key("auto") != key("isbi2012")
    monkeypatch.setenv("SPIKESEG_ISBI2012_DIR", str(tmp_path))
    assert key("auto") == key("isbi2012") != key("synthetic")


def test_changed_files_of_a_folder_are_prepared_anew(tmp_path: Path) -> None:
    quick = preset("quick")
    data = quick.dataset.model_copy(update={"source": "folder", "path": str(tmp_path)})
    config = quick.model_copy(update={"dataset": data})
    empty = stage_key("prepare", config, [])
    (tmp_path / "0.png").write_bytes(b"x")
    one = stage_key("prepare", config, [])
    os.utime(tmp_path / "0.png", (1, 1))
    assert len({empty, one, stage_key("prepare", config, [])}) == 3


def test_the_content_is_what_later_stages_read(tmp_path: Path) -> None:
    (tmp_path / "weights.npz").write_bytes(b"1")
    before = content_digest(tmp_path)
    (tmp_path / "checkpoints").mkdir()
    for name in ("curve.png", "curve.svg", "stage.json", "history.parquet", "checkpoints/1.npz"):
        (tmp_path / name).write_bytes(b"x")
    assert content_digest(tmp_path) == before
    (tmp_path / "weights.npz").write_bytes(b"2")
    assert content_digest(tmp_path) != before


def test_a_result_becomes_json(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    result = StageResult(
        metrics={"ann": {"good": np.float32(0.5), "bad": float("nan")}},
        facts={"shape": (1, np.int64(2)), "where": Path("x"), "far": np.inf, "by": {1: True}},
    )
    outcome = outcome_of(result, tmp_path, (tmp_path / "a.png", Path("b.png")))
    assert outcome.metrics == {"ann": {"good": 0.5, "bad": None}}
    assert outcome.figures == ["a.png", "b.png"]
    assert outcome.facts == {"shape": [1, 2], "where": "x", "far": None, "by": {"1": True}}


def test_a_folder_without_its_record_is_not_finished(tmp_path: Path) -> None:
    assert not stage_folder.is_finished(tmp_path)
    with pytest.raises(ConfigError, match="no finished stage"):
        read_record(tmp_path)
    (tmp_path / "stage.json").write_text("{")
    with pytest.raises(ConfigError, match="delete the folder and run again"):
        read_record(tmp_path)


def test_the_second_run_waits(tmp_path: Path) -> None:
    waited: list[str] = []
    held, let_go = threading.Event(), threading.Event()

    def first() -> None:
        with locked(tmp_path, lambda: waited.append("first")):
            held.set()
            let_go.wait(10)

    def on_wait() -> None:
        waited.append("second")
        let_go.set()

    other = threading.Thread(target=first)
    other.start()
    assert held.wait(10)
    with locked(tmp_path, on_wait):
        pass
    other.join()
    assert waited == ["second"]
