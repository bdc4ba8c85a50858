"""Registration with Prefect: work pool, deployments, and automations."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml  # type: ignore[import-untyped]

from spikeseg_core.errors import SpikeSegError
from spikeseg_core.storage import write_text
from tasks.local import state

if TYPE_CHECKING:
    from prefect.events.schemas.automations import AutomationCore

ROOT = Path(__file__).resolve().parents[2]
DEPLOYMENTS = ROOT / "deployments" / "prefect.yaml"
POOL = "spikeseg"
POOL_TYPE = "process"
RUNS_AT_ONCE = 1
"""Two trainings at once take longer than one after the other, and spoil measured times."""

SILENCE = "spikeseg: a run that fell silent has crashed"
SILENT_SECONDS = 120
"""Four times the pools' ``PREFECT_FLOWS_HEARTBEAT_FREQUENCY``."""


def register(environment: Mapping[str, str]) -> None:
    """Register pool, deployments and automation with the Prefect server of the environment.

    The pool's limit and the schedules that a user has changed or added on the page are kept. Raises
    SpikeSegError with Prefect's message if it refuses.
    """
    content = deployments()
    done = subprocess.run(
        [sys.executable, "-m", "tasks.local.registration"],
        env={**os.environ, **environment},
        input=json.dumps(content),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SpikeSegError(f"Prefect did not accept the deployments:\n{done.stdout}{done.stderr}")


def deployments() -> dict[str, Any]:
    """``deployments/prefect.yaml`` for this checkout."""
    if not DEPLOYMENTS.is_file():
        raise SpikeSegError(
            f"{DEPLOYMENTS} is missing: `spikeseg up` registers the deployments of a checkout, so "
            f"run it in one"
        )
    content: dict[str, Any] = yaml.safe_load(DEPLOYMENTS.read_text(encoding="utf-8"))
    for step in content["pull"]:
        step["prefect.deployments.steps.set_working_directory"]["directory"] = str(ROOT)
    return content


def pool_template(kind: str) -> dict[str, Any]:
    """Read the base job template of ``deployments/pools`` for workers of that kind."""
    path = DEPLOYMENTS.parent / "pools" / f"{kind}.json"
    template: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return template


def main() -> None:
    """Register the deployments given on standard input with Prefect's server."""
    from prefect.client.orchestration import get_client

    content = json.load(sys.stdin)
    with get_client(sync_client=True) as client:
        _make_pool(client)
        _automate(client)
        _keep_schedules(client, content["deployments"])
    file = state.current().home / "prefect.yaml"
    write_text(file, yaml.safe_dump(content, sort_keys=False))
    words = ["--no-prompt", "deploy", "--all", "--prefect-file", str(file)]
    os.execv(sys.executable, [sys.executable, "-m", "prefect", *words])


def _make_pool(client: Any) -> None:
    from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
    from prefect.exceptions import ObjectAlreadyExists

    template = pool_template(POOL_TYPE)
    about = "Runs of SpikeSeg, one at a time: each uses the whole machine."
    try:
        client.create_work_pool(
            WorkPoolCreate(
                name=POOL,
                type=POOL_TYPE,
                description=about,
                base_job_template=template,
                concurrency_limit=RUNS_AT_ONCE,
            )
        )
    except ObjectAlreadyExists:
        client.update_work_pool(POOL, WorkPoolUpdate(base_job_template=template))


def _automate(client: Any) -> None:
    """Register the automations that the server does not have; changed ones are kept."""
    from tasks.prefect import alert

    for automation in (_silence(), alert.automation()):
        if not client.read_automations_by_name(automation.name):
            client.create_automation(automation)


def _silence() -> AutomationCore:
    """Return the automation that marks a run as crashed when its heartbeats stop."""
    from prefect.client.schemas.objects import StateType
    from prefect.events.actions import ChangeFlowRunState
    from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture

    beat, ended = "prefect.flow-run.heartbeat", ("Completed", "Failed", "Cancelled", "Crashed")
    trigger = EventTrigger(
        after={beat},
        expect={beat, *(f"prefect.flow-run.{name}" for name in ended)},
        match={"prefect.resource.id": "prefect.flow-run.*"},
        for_each={"prefect.resource.id"},
        posture=Posture.Proactive,
        threshold=1,
        within=SILENT_SECONDS,
    )
    crashed = ChangeFlowRunState(
        state=StateType.CRASHED,
        message=f"the run sent no heartbeat for {SILENT_SECONDS} s: its worker or machine is gone. "
        f"Run it again: finished stages are reused, and training continues from its last "
        f"checkpoint.",
    )
    return AutomationCore(name=SILENCE, trigger=trigger, actions=[crashed], enabled=True)


def _keep_schedules(client: Any, wanted: list[dict[str, Any]]) -> None:
    """Keep schedules as they are on the page, those that were added there, too.

    Prefect replaces all schedules of a deployment by those that are registered.
    """
    known = {each.name: each.schedules for each in client.read_deployments() if each.schedules}
    for deployment in wanted:
        if "schedules" not in deployment:
            continue  # Prefect leaves them alone
        there = [_as_registered(schedule) for schedule in known.get(deployment["name"], ())]
        slugs = {schedule.get("slug") for schedule in there}
        new = [each for each in deployment["schedules"] if each["slug"] not in slugs]
        deployment["schedules"] = new + there


def _as_registered(schedule: Any) -> dict[str, Any]:
    """Write a schedule as ``prefect.yaml`` does."""
    when = schedule.schedule.model_dump(mode="json", exclude_none=True)
    if "interval" in when:
        when["interval"] = schedule.schedule.interval.total_seconds()
    own = {"slug": schedule.slug, "parameters": schedule.parameters}
    return {**when, "active": schedule.active, **{k: v for k, v in own.items() if v}}


if __name__ == "__main__":
    main()
