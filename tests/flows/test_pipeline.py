from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from flows.pipeline import pipeline
from spikeseg_core.config import PipelineConfig
from spikeseg_core.config.presets import preset
from spikeseg_core.errors import ConfigError
from spikeseg_core.stages import table as registry
from tasks.local import state
from tests.fakes import FakeStages
from tests.flows.pages import task_states

pytestmark = pytest.mark.usefixtures("prefect_server")


class TestAgain:
    def test_every_stage_is_cached_in_prefect(
        self, first: dict[str, Any], fakes: FakeStages
    ) -> None:
        again = pipeline(preset("quick"))
        assert task_states(again["prefect"]["flow_run_id"]) == {"Cached": 8}
        assert again["reused"] == list(registry.STAGES)
        assert again["mlflow"]["run_ids"] == first["mlflow"]["run_ids"]
        assert not fakes.calls

    def test_a_vanished_folder_is_computed_again(
        self, first: dict[str, Any], fakes: FakeStages
    ) -> None:
        (folder,) = state.current().stages.glob("deploy-*")
        shutil.rmtree(folder)
        again = pipeline(preset("quick"))
        assert fakes.calls == {"deploy": 1}
        assert set(registry.STAGES) - set(again["reused"]) == {"deploy"}


def test_a_network_failure_is_tried_again(home: Path, fakes: FakeStages) -> None:
    fakes.fail_once["prepare"] = ConnectionResetError("the mirror hung up")
    summary = pipeline(preset("quick"))
    assert fakes.calls["prepare"] == 2
    assert summary["stages"]["ann"]


def test_a_users_mistake_is_not(home: Path, fakes: FakeStages) -> None:
    fakes.fail_once["prepare"] = ConfigError("no such thing")
    with pytest.raises(ConfigError, match="no such thing"):
        pipeline(preset("quick"))
    assert fakes.calls == {"prepare": 1}


def test_a_killed_run_goes_on(home: Path, fakes: FakeStages) -> None:
    fakes.fail_once["train"] = RuntimeError("out of memory")
    with pytest.raises(RuntimeError):
        pipeline(preset("quick"))
    pipeline(preset("quick"))
    assert fakes.calls == Counter(list(registry.STAGES)) + Counter(["train"])


def test_a_preset_by_name_is_the_whole_preset(home: Path, fakes: FakeStages) -> None:
    summary = pipeline(PipelineConfig.model_validate({"preset": "paper"}))
    assert summary["config"] == preset("paper").model_dump(mode="json")


def test_values_out_of_bounds_never_start(home: Path, fakes: FakeStages) -> None:
    from prefect.exceptions import ParameterTypeError

    with pytest.raises(ParameterTypeError):
        pipeline({"train": {"epochs": 0}})  # type: ignore[arg-type]
    assert not fakes.calls
