from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from spikeseg_core.errors import ConfigError, DataError
from tasks import finished
from tasks.mlflow import models

RUN = "0123456789abcdef" * 2


def put_runs_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest stages, or those of a pipeline's run, instead of MLflow's."""

    def ref(stage: str, run: str | None) -> SimpleNamespace:
        return SimpleNamespace(stage=stage, key="ab" * 32, mlflow_run_id=run or f"newest {stage}")

    monkeypatch.setattr(finished, "stage_and_those_before", lambda stage: {stage: ref(stage, None)})
    monkeypatch.setattr(finished, "stage_of_run", lambda run: "pipeline")
    monkeypatch.setattr(finished, "stage_behind", lambda run, stage: ref(stage, run))


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> None:
    put_runs_in_place(monkeypatch)


@pytest.mark.usefixtures("runs")
def test_the_run_of_a_tuning_names_the_tuned_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finished, "stage_of_run", lambda run: "tune")
    kind, ref = finished.network_of(RUN, "ann")
    assert (kind, ref.stage) == ("rate_tuned", "tune")


@pytest.mark.usefixtures("runs")
def test_an_engine_that_the_model_cannot_serve(monkeypatch: pytest.MonkeyPatch) -> None:
    def behind(run: str, stage: str) -> None:
        raise ConfigError(f"run {run} is of 'train', and did not get to {stage!r}")

    monkeypatch.setattr(finished, "stage_behind", behind)
    says = r"engine 'loihi' needs a network of stage 'deploy', .* is of 'train'.*; name the run of"
    with pytest.raises(ConfigError, match=says):
        finished.network_of(RUN, "loihi")


def test_without_a_finished_run_it_says_what_to_do(home: Path) -> None:
    with pytest.raises(ConfigError, match=r"no finished stage 'deploy'.* run `spikeseg run`"):
        finished.network_of(None, "loihi")


@pytest.mark.parametrize("damage", [DataError("weights.npz is cut"), FileNotFoundError(2, "gone")])
def test_a_damaged_model_names_the_folder_to_delete(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, damage: Exception
) -> None:
    ref: Any = SimpleNamespace(folder=tmp_path / "tune-0123")

    def gather(*parts: object) -> None:
        raise damage

    monkeypatch.setattr(finished, "read_record", lambda folder: None)
    monkeypatch.setattr(models, "gather", gather)
    with pytest.raises(ConfigError, match=r"tune-0123, or .* is damaged .*; delete the folder"):
        finished.load("rate_tuned", ref)
