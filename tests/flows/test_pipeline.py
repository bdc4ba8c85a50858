from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.results import ResultRecord, ResultRecordMetadata
from prefect.serializers import PickleSerializer
from prefect.settings import PREFECT_LOCAL_STORAGE_PATH

from flows.pipeline import pipeline
from spikeseg_core.config import PipelineConfig
from spikeseg_core.config.overrides import configured
from spikeseg_core.config.presets import changes
from spikeseg_core.errors import ConfigError
from spikeseg_core.stages import table as registry
from tasks.folder import read_record
from tasks.local import state
from tasks.mlflow.store import store
from tests.fakes import FakeStages
from tests.flows.pages import task_states

pytestmark = pytest.mark.usefixtures("prefect_server")


class TestAgain:
    def test_every_stage_is_cached_in_prefect(
        self, first: dict[str, Any], fakes: FakeStages
    ) -> None:
        again = pipeline(preset="quick")
        assert task_states(again["prefect"]["flow_run_id"]) == {"Cached": 8}
        assert again["reused"] == list(registry.STAGES)
        assert again["mlflow"]["run_ids"] == first["mlflow"]["run_ids"]
        assert not fakes.calls

    def test_a_planted_result_of_prefect_is_not_even_read(
        self, first: dict[str, Any], fakes: FakeStages, tmp_path: Path
    ) -> None:
        proof = tmp_path / "executed"
        for folder in state.current().stages.glob("*/"):
            record = read_record(folder)
            plant(f"{record.stage}-{record.key}", proof)
        again = pipeline(preset="quick")
        assert again["reused"] == list(registry.STAGES)
        assert not proof.exists()

    def test_a_vanished_folder_is_computed_again(
        self, first: dict[str, Any], fakes: FakeStages
    ) -> None:
        (folder,) = state.current().stages.glob("deploy-*")
        shutil.rmtree(folder)
        again = pipeline(preset="quick")
        assert fakes.calls == {"deploy": 1}
        assert set(registry.STAGES) - set(again["reused"]) == {"deploy"}


class _Touch:
    """A pickle that makes a file when it is read."""

    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.proof,)


def plant(key: str, proof: Path) -> None:
    """Put a pickle where Prefect would look for the result of a task with that cache key."""
    metadata = ResultRecordMetadata(serializer=PickleSerializer(), storage_key=key)
    record = ResultRecord(result=_Touch(proof), metadata=metadata)
    file = PREFECT_LOCAL_STORAGE_PATH.value() / key
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(record.serialize())


def test_a_network_failure_is_tried_again_and_a_killed_run_goes_on(
    home: Path, fakes: FakeStages
) -> None:
    fakes.fail_once["prepare"] = ConnectionResetError("the mirror hung up")
    fakes.fail_once["train"] = RuntimeError("out of memory")
    with pytest.raises(RuntimeError):
        pipeline(preset="quick")
    assert fakes.calls == {"prepare": 2, "train": 1}
    pipeline(preset="quick")
    assert fakes.calls == Counter(list(registry.STAGES)) + Counter(["prepare", "train"])


def test_a_users_mistake_is_not(home: Path, fakes: FakeStages) -> None:
    fakes.fail_once["prepare"] = ConfigError("no such thing")
    with pytest.raises(ConfigError, match="no such thing"):
        pipeline(preset="quick")
    assert fakes.calls == {"prepare": 1}


def test_a_preset_by_name_is_the_whole_preset(home: Path, fakes: FakeStages) -> None:
    summary = pipeline(preset="paper", dataset="isbi2012", seed=3)
    expected = configured("paper", "isbi2012", ["train.seed=3", "tune.seed=3"])
    assert summary["config"] == expected.model_dump(mode="json")
    names = {name_in_prefect(summary), name_in_mlflow(summary)}
    assert names == {"paper-isbi2012-seed3"}
    # The page shows what differs from the preset, not eighty fields.
    assert parameters(summary)["config"] == {}


def test_the_name_of_a_fold_says_which(home: Path, fakes: FakeStages) -> None:
    summary = pipeline(dataset="synthetic", config={"dataset.folds": 6, "dataset.fold": 2})
    assert name_in_mlflow(summary) == "quick-synthetic-fold2of6-seed0"


def test_a_name_that_was_given_stays(
    first: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.prefect.names.invented", lambda name: False)
    summary = pipeline(preset="quick")
    given = name_in_prefect(summary)
    assert name_in_mlflow(summary) == given
    assert not given.startswith("quick")


def test_the_short_form_of_a_whole_configuration(home: Path, fakes: FakeStages) -> None:
    asked = configured("paper", "synthetic", ["tune.epochs=2"])
    summary = pipeline(config=changes(asked))
    assert summary["config"] == asked.model_dump(mode="json")
    assert parameters(summary)["config"] == {
        "preset": "paper",
        "tune.epochs": 2,
        "dataset.source": "synthetic",
    }


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"config": {"train": {"epochs": 0}}}, r"train\.epochs: .*greater than or equal to 1"),
        ({"preset": "paper", "config": {"preset": "quick"}}, "choose one of them"),
        ({"preset": "paper", "config": {"train.network": "quick"}}, "choose the preset 'quick'"),
        (
            {"epochs": 3, "config": {"train": {"epochs": 4}}},
            "epochs is given twice: 3 by the field Training epochs and 4 by the settings",
        ),
    ],
)
def test_what_contradicts_itself_never_starts(
    given: dict[str, Any], says: str, home: Path, fakes: FakeStages
) -> None:
    with pytest.raises(ConfigError, match=says):
        pipeline(**given)
    assert not fakes.calls
    assert not store().client.search_runs([store().experiment])


def test_values_out_of_bounds_never_start(home: Path, fakes: FakeStages) -> None:
    from prefect.exceptions import ParameterTypeError

    with pytest.raises(ParameterTypeError):
        pipeline(epochs=0)
    assert not fakes.calls


def test_a_model_to_start_from_leaves_what_was_chosen_in_the_form(
    home: Path, fakes: FakeStages, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gentler(model: str, config: PipelineConfig, given: Collection[str]) -> PipelineConfig:
        assert (model, sorted(given)) == ("quick@champion", ["train.epochs", "tune.epochs"])
        return configured("quick", "auto", ["train.epochs=7", "train.learning_rate=0.0005"])

    monkeypatch.setattr("flows.pipeline.starting_from", gentler)
    asked = {"start_from": "quick@champion", "epochs": 7, "config": {"tune.epochs": 2}}
    summary = pipeline(**asked)
    assert summary["config"]["train"]["learning_rate"] == 0.0005
    assert name_in_prefect(summary).startswith("quick-")


def test_the_form_is_short_and_starts_with_what_is_changed_often() -> None:
    form = pipeline.parameters.model_dump()["properties"]
    by_position = sorted(form, key=lambda name: form[name]["position"])
    assert by_position == ["dataset", "preset", "seed", "epochs", "steps", "start_from", "config"]
    kinds = {name: form[name]["type"] for name in by_position}
    assert kinds == {
        "dataset": "string",
        "preset": "string",
        **dict.fromkeys(("seed", "epochs", "steps"), "integer"),
        "start_from": "string",
        "config": "object",
    }
    assert form["preset"]["enum"] == ["quick", "paper", "lean"]
    assert "quick 45, paper 75" in form["epochs"]["description"]


def name_in_mlflow(summary: dict[str, Any]) -> str:
    return str(store().client.get_run(summary["mlflow"]["run_id"]).info.run_name)


def name_in_prefect(summary: dict[str, Any]) -> str:
    return str(flow_run(summary).name)


def parameters(summary: dict[str, Any]) -> dict[str, Any]:
    return dict(flow_run(summary).parameters)


def flow_run(summary: dict[str, Any]) -> Any:
    with get_client(sync_client=True) as client:
        return client.read_flow_run(summary["prefect"]["flow_run_id"])
