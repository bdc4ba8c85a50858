"""The alert that a benchmark moved: an event, and an automation that marks its run on the page.

The event names the flow run. Once that has completed, the automation changes its state to
:data:`STATE`, which Prefect's list of runs shows. Other actions, such as a notification by mail or
chat, can be added to the automation on its page.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prefect.events.schemas.automations import AutomationCore

EVENT = "spikeseg.benchmark.moved"
NAME = "spikeseg: a benchmark moved beyond its tolerance"
STATE = "Moved"
LONGEST_SECONDS = 3600
"""How long a run may go on after its event."""


def raise_alert(result: Mapping[str, Any]) -> None:
    """Send the event if a figure of a benchmark moved beyond its tolerance.

    ``result`` is what the flow ``benchmark`` returns. Without a flow run, nothing is sent.
    """
    from prefect.events import emit_event
    from prefect.runtime import flow_run

    moved = [change for change in result["changes"] if change["moved"]]
    if not moved or flow_run.id is None:
        return
    emit_event(
        EVENT,
        resource={
            "prefect.resource.id": f"prefect.flow-run.{flow_run.id}",
            "prefect.resource.name": str(flow_run.name),
        },
        payload={
            "verdict": result["verdict"],
            "moved": {change["what"]: change["ratio"] for change in moved},
            "mlflow_run_id": result["mlflow_run_id"],
        },
    )


def automation() -> AutomationCore:
    """Return the automation that `spikeseg up` registers."""
    from prefect.client.schemas.objects import StateType
    from prefect.events.actions import ChangeFlowRunState
    from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture

    return AutomationCore(
        name=NAME,
        description="Marks the run of a benchmark whose figures moved. Add a notification here to "
        "hear of it.",
        trigger=EventTrigger(
            after={EVENT},
            expect={"prefect.flow-run.Completed"},
            match={"prefect.resource.id": "prefect.flow-run.*"},
            for_each={"prefect.resource.id"},
            posture=Posture.Reactive,
            threshold=1,
            within=LONGEST_SECONDS,
        ),
        actions=[
            ChangeFlowRunState(
                state=StateType.COMPLETED,
                name=STATE,
                message="figures moved beyond their tolerance since the last benchmark: the "
                "artifact benchmark-moved lists them",
                force=True,
            )
        ],
        enabled=True,
    )
