from __future__ import annotations

import importlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from prefect.cli.deploy._schedules import _schedule_config_to_deployment_schedule
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule, RRuleSchedule

from flows import stages
from flows.pipeline import pipeline
from spikeseg_core.errors import SpikeSegError
from spikeseg_core.stages import table as registry
from tasks.local import registration
from tasks.prefect import alert

FILE = registration.DEPLOYMENTS
STAGES = {"benchmark-stage" if name == "benchmark" else name for name in registry.STAGES}


def by_name(content: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {deployment["name"]: deployment for deployment in content["deployments"]}


def test_every_flow_can_be_started_and_says_what_it_does() -> None:
    found = by_name(yaml.safe_load(FILE.read_text()))
    assert set(found) >= {"quick", "paper", "lean", "benchmark", "sweep", "segment", *STAGES}
    for name, deployment in found.items():
        path, _, function = deployment["entrypoint"].partition(":")
        assert (registration.ROOT / path).is_file()
        assert len(deployment["description"]) > 20
        assert deployment["tags"]
        if name in STAGES:
            assert hasattr(stages, function)
    (weekly,) = found["benchmark"]["schedules"]
    assert (weekly["slug"], weekly["active"]) == ("weekly", False)


def test_registered_forms_name_their_preset_only() -> None:
    content = registration.deployments()
    for name in ("quick", "paper", "lean"):
        parameters = by_name(content)[name]["parameters"]
        assert parameters == {"preset": name}
        pipeline.validate_parameters(parameters)
    (step,) = content["pull"]
    directory = step["prefect.deployments.steps.set_working_directory"]["directory"]
    assert directory == str(registration.ROOT)


@pytest.mark.parametrize("name", by_name(yaml.safe_load(FILE.read_text())))
def test_every_parameter_of_a_form_has_a_title_and_says_what_it_is(name: str) -> None:
    deployment = by_name(yaml.safe_load(FILE.read_text()))[name]
    path, _, function = deployment["entrypoint"].partition(":")
    module = importlib.import_module(path.removesuffix(".py").replace("/", "."))
    form = getattr(module, function).parameters.model_dump()
    untold = list(unexplained(form["properties"], form["definitions"]))
    assert not untold, f"{', '.join(untold)} of {name} are not explained"


@pytest.mark.parametrize("name", by_name(yaml.safe_load(FILE.read_text())))
def test_a_name_given_on_the_page_stays(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    deployment = by_name(yaml.safe_load(FILE.read_text()))[name]
    path, _, function = deployment["entrypoint"].partition(":")
    module = importlib.import_module(path.removesuffix(".py").replace("/", "."))
    monkeypatch.setattr("tasks.prefect.names.flow_run", SimpleNamespace(name="before the deadline"))
    named = getattr(module, function).flow_run_name
    assert callable(named)
    assert named() == "before the deadline"


def unexplained(
    properties: dict[str, Any], definitions: dict[str, Any], within: str = ""
) -> Iterator[str]:
    """Name the settings without a title or description, including nested ones."""
    for name, setting in properties.items():
        kinds = [setting, *setting.get("anyOf", []), *setting.get("allOf", [])]
        references = [kind["$ref"].rpartition("/")[2] for kind in kinds if "$ref" in kind]
        nested = [definitions[reference] for reference in references]
        for key in ("title", "description"):
            if not any(text.get(key) for text in (setting, *nested)):
                yield f"{within}{name} ({key})"
        for text in nested:
            yield from unexplained(text.get("properties", {}), definitions, f"{within}{name}.")


def test_no_machine_is_named_in_the_file() -> None:
    assert str(registration.ROOT) not in FILE.read_text()


def test_outside_of_a_checkout_there_is_nothing_to_register(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(registration, "DEPLOYMENTS", tmp_path / "prefect.yaml")
    with pytest.raises(SpikeSegError, match=r"prefect\.yaml is missing"):
        registration.deployments()


@pytest.mark.parametrize("kind", ["process", "docker", "kubernetes"])
def test_pool_templates_have_a_variable_for_every_placeholder(kind: str) -> None:
    template = registration.pool_template(kind)
    WorkPoolCreate(name=kind, type=kind, base_job_template=template)  # Prefect checks it, too
    environment = template["variables"]["properties"]["env"]["default"]
    silent = 4 * int(environment["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"])
    assert silent == registration.SILENT_SECONDS


WEEKLY = CronSchedule(cron="0 3 * * 1", timezone="UTC")
CHANGED = CronSchedule(cron="5 4 * * *", timezone="Europe/Vienna")
HOURLY = IntervalSchedule(interval=timedelta(hours=1), timezone="UTC")
RULED = RRuleSchedule(rrule="FREQ=DAILY", timezone="UTC")


@pytest.mark.parametrize(
    ("there", "slugs"),
    [
        ([("weekly", WEEKLY, True, {})], ["weekly"]),
        ([("weekly", CHANGED, False, {})], ["weekly"]),
        ([], ["weekly"]),
        ([(None, HOURLY, True, {})], ["weekly", None]),
        (
            [("weekly", WEEKLY, True, {}), ("mine", HOURLY, True, {"model": "x"})],
            ["weekly", "mine"],
        ),
        ([("weekly", WEEKLY, False, {}), (None, RULED, False, {})], ["weekly", None]),
    ],
)
def test_schedules_stay_as_they_are_on_the_page(
    there: list[tuple[str | None, Any, bool, dict[str, Any]]], slugs: list[str | None]
) -> None:
    names = ("slug", "schedule", "active", "parameters")
    known = [SimpleNamespace(**dict(zip(names, each, strict=True))) for each in there]
    client = SimpleNamespace(
        read_deployments=lambda: [SimpleNamespace(name="benchmark", schedules=known)]
    )
    content = registration.deployments()
    registration._keep_schedules(client, content["deployments"])
    written = yaml.safe_load(yaml.safe_dump(content))  # as Prefect reads it
    kept = by_name(written)["benchmark"]["schedules"]
    assert [each.get("slug") for each in kept] == slugs
    again = [_schedule_config_to_deployment_schedule(each) for each in kept]
    for slug, schedule, active, parameters in there:
        (own,) = (each for each in again if each.get("slug") == slug)
        assert own["schedule"] == schedule
        assert own["active"] is active
        assert own.get("parameters", {}) == parameters
    assert "schedules" not in by_name(written)["quick"]


@pytest.mark.parametrize("there", [set(), {registration.SILENCE}])
def test_automations_are_registered_once(there: set[str]) -> None:
    made: list[str] = []
    client = SimpleNamespace(
        read_automations_by_name=lambda name: [name] if name in there else [],
        create_automation=lambda automation: made.append(automation.name),
    )
    registration._automate(client)
    assert {*made} == {registration.SILENCE, alert.NAME} - there
