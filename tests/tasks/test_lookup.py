from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from spikeseg_core.errors import ConfigError
from tasks.lookup import inputs_after
from tasks.mlflow import tracking
from tests.fakes import FakeStages
from tests.tasks.runs import QUICK, changed, run_up_to


def test_the_newest_stage_before_it(home: Path, fakes: FakeStages) -> None:
    refs = run_up_to("partition")
    found = inputs_after("deploy")
    assert [ref.stage for ref in found] == ["prepare", "tune", "quantize", "partition"]
    assert [ref.key for ref in found] == [refs[ref.stage].key for ref in found]


def test_the_run_that_is_named(home: Path, fakes: FakeStages) -> None:
    old = run_up_to("train")
    run_up_to("train", changed(train={"epochs": 3}))
    found = inputs_after("tune", str(old["train"].mlflow_run_id))
    assert found[1].key == old["train"].key


def test_a_pipelines_run(home: Path, fakes: FakeStages) -> None:
    with tracking.pipeline_run(QUICK, "test") as pipeline:
        refs = run_up_to("train")
        pipeline.complete(refs.values())
    assert pipeline.run is not None
    assert inputs_after("tune", pipeline.run.id)[1].key == refs["train"].key


def test_folders_that_are_gone_come_from_mlflow(home: Path, fakes: FakeStages) -> None:
    refs = run_up_to("convert")
    shutil.rmtree(home / "stages")
    found = inputs_after("quantize", str(refs["convert"].mlflow_run_id))
    assert [ref.stage for ref in found] == ["tune", "convert"]
    assert (found[0].folder / "made.npz").is_file()
    assert found[0].sha256 == refs["tune"].sha256


def test_a_run_of_another_stage(home: Path, fakes: FakeStages) -> None:
    run_id = str(run_up_to("tune")["prepare"].mlflow_run_id)
    with pytest.raises(ConfigError, match=f"{run_id} is of 'prepare', not of 'partition'"):
        inputs_after("deploy", run_id)


def test_no_such_run(home: Path, fakes: FakeStages) -> None:
    with pytest.raises(ConfigError, match="there is no run 'nonsense'"):
        inputs_after("tune", "nonsense")


def test_nothing_finished_yet(home: Path) -> None:
    with pytest.raises(ConfigError, match="'train' follows 'prepare', but no finished stage"):
        inputs_after("train")
