from __future__ import annotations

from pathlib import Path

from spikeseg_core.config.presets import preset
from spikeseg_core.stages.table import STAGES
from tasks.stage import STAGE_TASKS
from tests.fakes import FakeStages


def test_every_stage_is_a_task_in_the_order_of_the_pipeline() -> None:
    assert list(STAGE_TASKS) == list(STAGES)


def test_outside_of_a_flow_it_simply_runs(home: Path, fakes: FakeStages) -> None:
    dataset = STAGE_TASKS["prepare"](preset("quick"))
    ann = STAGE_TASKS["train"](preset("quick"), dataset)
    assert ann.inputs == {"prepare": dataset.key}
    assert fakes.calls == {"prepare": 1, "train": 1}
