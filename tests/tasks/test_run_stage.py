from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from spikeseg_core.errors import ConfigError, DataError
from spikeseg_core.stages import table as registry
from tasks import key
from tasks.folder import read_record
from tasks.local import state
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
