from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from flows import cli
from spikeseg_core.config import PipelineConfig
from spikeseg_core.config.overrides import configured
from spikeseg_core.errors import ConfigError
from spikeseg_core.network import catalogue, save_network
from spikeseg_core.network.kept import kept
from tasks import start_from
from tasks.references import StageRef
from tests.spikeseg_core.network.test_description import random_weights

QUICK = catalogue.network("quick")
WEIGHTS = random_weights(QUICK)


@pytest.fixture(autouse=True)
def model(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A registered model ``quick`` whose ANN has these weights."""
    save_network(tmp_path / "train", QUICK, WEIGHTS)
    uri = (tmp_path / "train").as_uri()
    ref = StageRef(
        stage="train", key="ab" * 32, uri=uri, sha256="", mlflow_run_id="0abc", inputs={}
    )
    monkeypatch.setattr(start_from, "run_of_model", {"quick": "0abc"}.__getitem__)
    monkeypatch.setattr(
        start_from, "stage_behind", lambda run, stage: {("0abc", "train"): ref}[run, stage]
    )


def test_it_trains_for_less_and_more_gently() -> None:
    config = start_from.starting_from("quick", configured("quick"))
    assert (config.train.epochs, config.train.learning_rate) == (15, 5e-4)
    assert config.train.initial_weights is not None
    assert kept(config.train.initial_weights, QUICK).sha256 == WEIGHTS.sha256


def test_what_the_user_chose_stays() -> None:
    asked = configured("quick", "auto", ["train.epochs=40"])
    config = start_from.starting_from("quick", asked, {"train.epochs"})
    assert (config.train.epochs, config.train.learning_rate) == (40, 5e-4)


def test_another_network_is_refused_before_anything_runs() -> None:
    with pytest.raises(ConfigError, match="start from a network 'quick', but trains 'paper'"):
        start_from.starting_from("quick", configured("paper"))


def test_the_command_line_hands_it_to_the_pipeline(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[PipelineConfig] = []

    def plan(config: PipelineConfig) -> dict[str, Any]:
        asked.append(config)
        return {}

    monkeypatch.setattr("flows.plan.plan_run", plan)
    words = ["run", "--from", "quick", "--dry-run", "--set", "train.learning_rate=0.001"]
    result = CliRunner().invoke(cli.app, words)
    assert result.exit_code == 0, result.output
    assert "starting from quick: 15 epochs at a peak learning rate of 0.001" in result.output
    assert asked[0].train.initial_weights == WEIGHTS.sha256
