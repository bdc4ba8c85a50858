from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mlflow.tracking import MlflowClient

from spikeseg_core.errors import ConfigError, DataError
from spikeseg_core.figures import stages as pictures
from spikeseg_core.stages import table as registry
from tasks import key
from tasks.folder import read_record
from tasks.local import state
from tasks.lookup import inputs_after
from tasks.references import StageRef
from tasks.run_stage import run_stage
from tests.fakes import FakeStages
from tests.tasks.runs import QUICK, changed, run_up_to, statuses


def test_a_finished_stage_is_used_again(home: Path, fakes: FakeStages) -> None:
    first = run_up_to("benchmark")
    assert run_up_to("benchmark") == first
    assert set(fakes.calls) == set(registry.STAGES)
    assert set(fakes.calls.values()) == {1}


def test_changed_settings_rerun_only_what_depends_on_them(home: Path, fakes: FakeStages) -> None:
    run_up_to("benchmark")
    run_up_to("benchmark", changed(partition={"strategy": "greedy"}))
    again = {name for name, count in fakes.calls.items() if count == 2}
    assert again == {"partition", "deploy", "benchmark"}


def test_the_same_sections_from_another_source_are_the_same_data(
    home: Path, fakes: FakeStages
) -> None:
    run_up_to("train")
    run_up_to("train", changed(dataset={"source": "synthetic"}))
    assert fakes.calls == {"prepare": 2, "train": 1}


def test_a_vanished_folder_is_made_again(home: Path, fakes: FakeStages) -> None:
    refs = run_up_to("tune")
    shutil.rmtree(refs["train"].folder)
    assert run_up_to("tune")["train"].sha256 == refs["train"].sha256
    assert fakes.calls == {"prepare": 1, "train": 2, "tune": 1}


def test_changed_drawing_is_drawn_again_and_nothing_is_run(
    home: Path, fakes: FakeStages, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = run_up_to("train")["train"]
    before = read_record(ref.folder)
    code_digest = key.code_digest

    def changed_style(module: str) -> str:
        return code_digest(module) + ("x" if ".figures." in module else "")

    monkeypatch.setattr(key, "code_digest", changed_style)
    assert run_up_to("train")["train"] == ref
    assert fakes.calls == {"prepare": 1, "train": 1}
    assert fakes.drawn == {"prepare": 2, "train": 2}
    after = read_record(ref.folder)
    assert after.drawing != before.drawing
    assert after.outcome == before.outcome
    run_up_to("train")
    assert fakes.drawn["train"] == 2


def test_a_killed_stage_goes_on_where_it_was(home: Path, fakes: FakeStages) -> None:
    fakes.fail_once["train"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        run_up_to("train")
    ref = run_up_to("train")["train"]
    record = read_record(ref.folder)
    assert record.outcome.facts["resumed_at"] == 2
    assert not (ref.folder / "checkpoints").exists()
    client = MlflowClient(state.tracking_uri())
    history = client.get_metric_history(str(ref.mlflow_run_id), "train/loss")
    assert [(point.step, point.value) for point in history] == [(0, 1.0), (1, 0.5), (2, 1 / 3)]
    assert statuses("train") == ["FINISHED", "KILLED"]


def test_what_the_core_raises_comes_out_and_ends_the_run(home: Path, fakes: FakeStages) -> None:
    fakes.fail_once["prepare"] = DataError("no sections")
    with pytest.raises(DataError, match="no sections"):
        run_up_to("prepare")
    (run,) = MlflowClient(state.tracking_uri()).search_runs(["1"])
    assert run.info.status == "FAILED"
    assert run.data.tags["error"] == "DataError: no sections"


def test_a_missing_input_is_named(home: Path, fakes: FakeStages) -> None:
    with pytest.raises(ConfigError, match="stage 'train' reads 'prepare', which was not given"):
        run_stage("train", QUICK)


def test_an_input_that_is_nowhere(home: Path, fakes: FakeStages) -> None:
    lost = StageRef(stage="prepare", key="k", uri=(home / "gone").as_uri(), sha256="s")
    with pytest.raises(ConfigError, match=r"'prepare' is gone .* run the pipeline again"):
        run_stage("train", QUICK, lost)


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def edit(record: Path) -> None:
    record.write_text(record.read_text().replace("0.91", "0.9999"))


DAMAGE: dict[str, tuple[str, Callable[[Path], object]]] = {
    "a flipped bit": ("made.npz", flip),
    "truncated": ("made.npz", lambda path: os.truncate(path, 10)),
    "emptied": ("made.npz", lambda path: os.truncate(path, 0)),
    "removed": ("made.npz", Path.unlink),
    "the scores removed": ("section_scores.parquet", Path.unlink),
    "an edited score": ("stage.json", edit),
    "a record of nothing": ("stage.json", lambda path: path.write_text("{}")),
    "a record that is no JSON": ("stage.json", lambda path: path.write_bytes(b"\xff\x00")),
    "deeply nested": ("stage.json", lambda path: path.write_text("[" * 100_000)),
    "an added input": ("events.npz", lambda path: path.write_bytes(b"x")),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_what_was_changed_is_made_again(
    home: Path, fakes: FakeStages, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    ref = run_up_to("tune")["train"]
    before = read_record(ref.folder)
    name, spoil = DAMAGE[kind]
    spoil(ref.folder / name)
    assert run_up_to("tune")["train"].sha256 == ref.sha256
    assert fakes.calls == {"prepare": 1, "train": 2, "tune": 1}
    assert read_record(ref.folder).outcome == before.outcome
    assert f"{ref.folder.name} is made again: {name}" in caplog.text


def test_the_record_of_another_stage_is_not_taken(home: Path, fakes: FakeStages) -> None:
    refs = run_up_to("tune")
    for name in ("stage.json", "made.npz", "made.json"):
        shutil.copy2(refs["train"].folder / name, refs["tune"].folder / name)
    run_up_to("tune")
    assert fakes.calls == {"prepare": 1, "train": 1, "tune": 2}


def test_a_lost_picture_is_drawn_again(home: Path, fakes: FakeStages) -> None:
    ref = run_up_to("train")["train"]
    (ref.folder / "train-picture.png").write_bytes(b"")
    run_up_to("train")
    assert fakes.calls == {"prepare": 1, "train": 1}
    assert fakes.drawn == {"prepare": 1, "train": 2}


def test_what_a_kill_left_half_written_is_no_content(home: Path, fakes: FakeStages) -> None:
    whole = run_up_to("train")["train"]
    shutil.rmtree(whole.folder)
    whole.folder.mkdir()
    (whole.folder / ".weights-x7f3.npz").write_bytes(b"half")
    (whole.folder / "events.npz").write_bytes(b"of an attempt that was killed")
    again = run_up_to("train")["train"]
    assert again.sha256 == whole.sha256
    assert not (whole.folder / "events.npz").exists()


def test_a_changed_input_comes_from_mlflow(home: Path, fakes: FakeStages) -> None:
    refs = run_up_to("train")
    flip(refs["train"].folder / "made.npz")
    run_stage("tune", QUICK, refs["prepare"], refs["train"])
    assert fakes.calls == {"prepare": 1, "train": 1, "tune": 1}
    flip(refs["prepare"].folder / "made.npz")
    without = refs["prepare"].model_copy(update={"mlflow_run_id": None})
    with pytest.raises(ConfigError, match=r"'prepare' was changed .*made.npz.* run the pipeline"):
        run_stage("train", QUICK, without)


@pytest.mark.parametrize("content", ["[]", "{", "null", '{"embedded": 5}', "\x00" * 9])
def test_damaged_notes_of_mlflow_are_as_none(home: Path, fakes: FakeStages, content: str) -> None:
    ref = run_up_to("prepare")["prepare"]
    (ref.folder / "tracking.json").write_text(content)
    (ref.folder / "curves.jsonl").write_text('["a", {}, "x", []]\n7\n{"a": 1}\n[[]]')
    assert run_up_to("prepare")["prepare"].mlflow_run_id is not None
    assert inputs_after("train")[0].key == ref.key


@pytest.mark.parametrize("jump", [86_400.0, -86_400.0])
def test_a_clock_that_jumps_does_not_count(
    jump: float, home: Path, fakes: FakeStages, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, draw = time.time, fakes.draw

    def jumped(*stage: Any) -> Any:
        monkeypatch.setattr(time, "time", lambda: real() + jump)
        return draw(*stage)

    monkeypatch.setattr(pictures, "draw", jumped)
    ref = run_stage("prepare", QUICK)
    assert 0 <= read_record(ref.folder).seconds < 600
