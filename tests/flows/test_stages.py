from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from flows import stages
from spikeseg_core.config import TrainConfig, TuneConfig
from spikeseg_core.stages.table import STAGES
from tasks.folder import read_record
from tasks.local.registration import DEPLOYMENTS
from tests.fakes import FakeStages


@pytest.mark.parametrize("name", list(STAGES)[1:])
def test_the_form_has_the_sections_that_the_stage_adds(name: str) -> None:
    flow = stages.FLOWS[name]
    assert flow.description == STAGES[name].description
    assert list(flow.parameters.properties) == [*STAGES[name].sections, "after", "again"]


def test_the_first_stage_takes_the_networks_name_alone() -> None:
    assert list(stages.prepare.parameters.properties) == ["dataset", "network", "again"]


def test_a_flow_that_is_not_there_is_named_with_those_there_are() -> None:
    with pytest.raises(AttributeError, match="no paint; its flows are prepare, train"):
        _ = stages.paint


def test_every_stage_can_be_started_from_prefects_page() -> None:
    found = [
        d for d in yaml.safe_load(DEPLOYMENTS.read_text())["deployments"] if "stage" in d["tags"]
    ]
    assert [d["name"] for d in found] == [flow.name for flow in stages.FLOWS.values()]
    for number, (name, deployment) in enumerate(zip(STAGES, found, strict=True), start=1):
        assert deployment["entrypoint"] == f"flows/stages.py:{name}"
        assert deployment["description"].startswith(f"Stage {number} alone.")


@pytest.mark.usefixtures("prefect_server")
def test_it_takes_the_newest_and_the_settings_of_those_before(
    first: dict[str, Any], fakes: FakeStages
) -> None:
    ref = stages.tune(TuneConfig(epochs=2))
    assert fakes.calls == {"tune": 1}
    assert ref.inputs.keys() == {"prepare", "train"}
    after = stages.convert(after=ref.mlflow_run_id)
    assert after.inputs["tune"] == ref.key
    assert fakes.calls == {"tune": 1, "convert": 1}


@pytest.mark.usefixtures("prefect_server")
def test_a_benchmark_is_measured_again_if_asked(first: dict[str, Any], fakes: FakeStages) -> None:
    ref = stages.benchmark(again=True)
    assert fakes.calls == {"benchmark": 1}
    assert ref.mlflow_run_id not in (None, first["mlflow"]["run_ids"]["benchmark"])


@pytest.mark.usefixtures("prefect_server")
def test_with_the_same_settings_nothing_is_done(first: dict[str, Any], fakes: FakeStages) -> None:
    stages.prepare()
    stages.benchmark()
    assert not fakes.calls


@pytest.mark.usefixtures("prefect_server")
def test_a_network_is_trained_under_its_own_presets_name(home: Path, fakes: FakeStages) -> None:
    prepared = stages.prepare(network="paper")
    trained = stages.train(TrainConfig(network="paper"))
    assert [read_record(ref.folder).preset for ref in (prepared, trained)] == ["paper", "paper"]
