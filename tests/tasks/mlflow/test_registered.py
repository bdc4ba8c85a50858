from __future__ import annotations

from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from spikeseg_core.errors import ConfigError
from tasks.local import state
from tasks.mlflow.registered import run_of_model


@pytest.fixture
def model(home: Path) -> str:
    client = MlflowClient(state.tracking_uri())
    run = client.create_run(client.create_experiment("spikeseg"))
    client.create_registered_model("paper")
    for _ in range(2):
        client.create_model_version("paper", "somewhere", run_id=run.info.run_id)
    client.set_registered_model_alias("paper", "champion", "1")
    return str(run.info.run_id)


@pytest.mark.parametrize(
    "name", ["paper", "paper@champion", "paper/2", "models:/paper@champion", "models:/paper/1"]
)
def test_every_way_to_name_one(model: str, name: str) -> None:
    assert run_of_model(name) == model
    assert run_of_model(model) == model


@pytest.mark.parametrize("name", ["none", "paper@nobody", "paper/9", "paper/x"])
def test_an_unknown_one_is_told_with_those_there_are(model: str, name: str) -> None:
    with pytest.raises(ConfigError, match=r"registered: paper\); .* NAME@ALIAS"):
        run_of_model(name)
