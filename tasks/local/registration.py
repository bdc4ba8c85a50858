"""What Prefect has to know: work pool, deployments, and what to do about runs that fell silent."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from spikeseg_core.config.overrides import configured
from spikeseg_core.errors import SpikeSegError
from spikeseg_core.storage import write_text
from tasks.local import state

ROOT = Path(__file__).resolve().parents[2]
DEPLOYMENTS = ROOT / "deployments" / "prefect.yaml"
POOL = "spikeseg"
POOL_TYPE = "process"
RUNS_AT_ONCE = 1
"""Two trainings on one machine take longer than one after the other, and spoil measured times."""

SILENCE = "spikeseg: a run that fell silent has crashed"
SILENT_SECONDS = 120
"""Four heartbeats of the pools' ``PREFECT_FLOWS_HEARTBEAT_FREQUENCY``."""


def register(environment: Mapping[str, str]) -> None:
    """Register pool, deployments and automation with the Prefect server of the environment.

    What a user has changed on the page stays: limits of the pool, and which schedules are on.

    Raises
    ------
    SpikeSegError
        If Prefect refuses; the message quotes it.
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
    """``deployments/prefect.yaml`` for this checkout, with the presets' values filled in.

    Prefect's form then shows the preset's own values.
    """
    if not DEPLOYMENTS.is_file():
        raise SpikeSegError(
            f"{DEPLOYMENTS} is missing: `spikeseg up` registers the deployments of a checkout; "
            f"run it from one"
        )
    content: dict[str, Any] = yaml.safe_load(DEPLOYMENTS.read_text(encoding="utf-8"))
    for step in content["pull"]:
        step["prefect.deployments.steps.set_working_directory"]["directory"] = str(ROOT)
    for deployment in content["deployments"]:
        preset = deployment.get("parameters", {}).get("config", {}).get("preset")
        if preset is not None:
            deployment["parameters"]["config"] = configured(preset).model_dump(mode="json")
    return content


def pool_template(kind: str) -> dict[str, Any]:
    """Read the base job template of ``deployments/pools`` for workers of that kind."""
    path = DEPLOYMENTS.parent / "pools" / f"{kind}.json"
    template: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return template


def main() -> None:
    """Register what standard input says with the server that Prefect is set to."""
    from prefect.client.orchestration import get_client

    content = json.load(sys.stdin)
    with get_client(sync_client=True) as client:
        _make_pool(client)
        _watch_heartbeats(client)
        _keep_schedules(client, content["deployments"])
    file = state.current().home / "prefect.yaml"
    write_text(file, yaml.safe_dump(content, sort_keys=False))
    words = ["--no-prompt", "deploy", "--all", "--prefect-file", str(file)]
    os.execv(sys.executable, [sys.executable, "-m", "prefect", *words])


def _make_pool(client: Any) -> None:
    from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
    from prefect.exceptions import ObjectAlreadyExists

    template = pool_template(POOL_TYPE)
    about = "Runs of SpikeSeg, one after the other: each uses the whole machine."
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


def _watch_heartbeats(client: Any) -> None:
    """Have the server call a run crashed whose process or machine is gone without a word."""
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
        message=f"nothing was heard of the run for {SILENT_SECONDS} s: its worker or machine is "
        f"gone. Run it again: finished stages are used again, training goes on from its last "
        f"checkpoint.",
    )
    if not client.read_automations_by_name(SILENCE):
        client.create_automation(
            AutomationCore(name=SILENCE, trigger=trigger, actions=[crashed], enabled=True)
        )


def _keep_schedules(client: Any, wanted: list[dict[str, Any]]) -> None:
    """Let a schedule that a user has switched on stay on."""
    known = {
        (deployment.name, schedule.slug): schedule.active
        for deployment in client.read_deployments()
        for schedule in deployment.schedules
        if schedule.slug
    }
    for deployment in wanted:
        for schedule in deployment.get("schedules", ()):
            key = (deployment["name"], schedule["slug"])
            schedule["active"] = known.get(key, schedule["active"])


if __name__ == "__main__":
    main()
