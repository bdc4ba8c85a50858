from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flows import plan
from spikeseg_core.config.overrides import configured
from spikeseg_core.errors import ConfigError
from tasks import plan as planning
from tests.fakes import FakeStages

pytestmark = pytest.mark.usefixtures("prefect_server")


@pytest.fixture(autouse=True)
def forget_past_runs() -> None:
    planning._records.cache_clear()


def test_a_finished_run_is_cached_and_nothing_is_started(
    first: dict[str, Any], fakes: FakeStages, capsys: pytest.CaptureFixture[str]
) -> None:
    found = plan.plan_run(configured("quick"))
    assert [step["cached"] for step in found["stages"]] == 8 * [True]
    assert found["seconds"] == 0
    assert not fakes.calls
    said = capsys.readouterr().out
    assert "every stage is finished" in said
    assert "Train the ANN" in said


def test_a_changed_setting_runs_what_depends_on_it_as_long_as_past_runs_took(
    first: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    found = plan.plan_run(configured("quick", "auto", ["tune.epochs=12", "tune.spiking_epochs=4"]))
    cached = {step["stage"]: step["cached"] for step in found["stages"]}
    assert cached == {"prepare": True, "train": True} | dict.fromkeys(list(cached)[2:], False)
    seconds = {step["stage"]: step["seconds"] for step in found["stages"]}
    basis = {step["stage"]: step["basis"] for step in found["stages"]}
    assert basis["tune"] == "1 run with other settings, scaled by the work"
    past = next(r for r, _ in planning._past() if r.stage == "tune")
    assert seconds["tune"] == pytest.approx(2 * past.seconds)  # 16 epochs instead of 8
    assert found["seconds"] == pytest.approx(sum(seconds.values()))
    assert "on this machine" in capsys.readouterr().out


def test_without_a_past_run_the_time_is_not_known(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = plan.plan_run(configured("quick", "synthetic"))
    assert found["seconds"] is None
    said = capsys.readouterr().out
    assert "not known" in said
    assert "SYNTHETIC" in said
    assert not (home / "stages").exists()


def test_a_sweep_runs_what_its_points_have_in_common_once(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = plan.plan_sweep("ablation-bits", "synthetic", [0], [])
    stages = [step["stage"] for step in found["stages"]]
    assert stages.count("prepare") == stages.count("train") == 1
    assert stages.count("quantize") > 1
    assert "times)" in capsys.readouterr().out


def test_a_report_says_which_runs_are_missing(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = plan.plan_report("quick", "0,3", [])
    assert found["missing"] == [0, 3]
    assert "--run-missing" in capsys.readouterr().out
    with pytest.raises(ConfigError, match="cannot read the seeds"):
        plan.plan_report("quick", "a", [])
