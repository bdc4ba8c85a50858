from __future__ import annotations

import gc
import weakref
from contextvars import copy_context
from pathlib import Path

import pytest
from prefect.states import Completed

from spikeseg_core.config.presets import preset
from spikeseg_core.stages.table import STAGES
from tasks import stage as stage_module
from tasks.stage import STAGE_TASKS
from tests.fakes import FakeStages


def test_every_stage_is_a_task_in_the_order_of_the_pipeline() -> None:
    assert list(STAGE_TASKS) == list(STAGES)


def test_outside_of_a_flow_it_simply_runs(home: Path, fakes: FakeStages) -> None:
    dataset = STAGE_TASKS["prepare"](preset("quick"))
    ann = STAGE_TASKS["train"](preset("quick"), dataset)
    assert ann.inputs == {"prepare": dataset.key}
    assert fakes.calls == {"prepare": 1, "train": 1}


class Part(dict[str, str]):
    """A part of a result whose life can be watched."""


def test_results_live_as_long_as_their_flow(monkeypatch: pytest.MonkeyPatch) -> None:
    def end(stage: str) -> weakref.ref[Part]:
        part = Part(stage=stage)
        stage_module._Before.note(Completed(data=[part]))
        return weakref.ref(part)

    def run() -> None:
        monkeypatch.setattr(stage_module, "_flow_run_id", lambda: "first")
        before = [end("prepare"), end("train")]
        gc.collect()
        assert [part() for part in before] == [{"stage": "prepare"}, {"stage": "train"}]
        assert [state.data for state in stage_module._Before.of_this_flow()] == ["ended"]
        monkeypatch.setattr(stage_module, "_flow_run_id", lambda: "second")
        assert stage_module._Before.of_this_flow() == []
        end("prepare")
        gc.collect()
        assert [part() for part in before] == [None, None]

    copy_context().run(run)
