"""The alert that a benchmark moved: how its run ends on the page, an event, and an automation.

The run ends as :data:`STATE`, which Prefect's list of runs shows. The event names the run; what
the automation does about it, such as a notification by mail or chat, is added on its page.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prefect.events.schemas.automations import AutomationCore

EVENT = "spikeseg.benchmark.moved"
NAME = "spikeseg: a benchmark moved beyond its tolerance"
STATE = "Moved"


def raise_alert(result: Mapping[str, Any]) -> None:
    """Send the event if a figure of a benchmark moved beyond its tolerance.

    ``result`` is what the flow ``benchmark`` returns. Without a flow run, nothing is sent.
    """
    from prefect.events import emit_event
    from prefect.runtime import flow_run

    moved = _moved(result)
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
            "moved": {change["what"]: change["own"] for change in moved},
            "mlflow_run_id": result["mlflow_run_id"],
        },
    )


def ended(result: Mapping[str, Any]) -> Any:
    """Return what the flow returns: the result, in a state with the name :data:`STATE` if it moved.

    The state is the run's own, so that it also shows while Prefect's automations lag behind.
    """
    from prefect.runtime import flow_run
    from prefect.states import Completed

    if not _moved(result) or flow_run.id is None:
        return result
    return Completed(name=STATE, message=result["verdict"], data=result)


def _moved(result: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [change for change in result["changes"] if change["moved"]]


def automation() -> AutomationCore:
    """Return the automation that `spikeseg up` registers."""
    from prefect.events.actions import DoNothing
    from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture

    return AutomationCore(
        name=NAME,
        description="A benchmark's figures moved. Add a notification here to hear of it.",
        trigger=EventTrigger(
            expect={EVENT},
            match={"prefect.resource.id": "prefect.flow-run.*"},
            for_each={"prefect.resource.id"},
            posture=Posture.Reactive,
            threshold=1,
        ),
        actions=[DoNothing()],
        enabled=True,
    )
