"""What Prefect's page shows of a flow run."""

from __future__ import annotations

from collections import Counter
from typing import Any
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    FlowRunFilter,
    FlowRunFilterId,
)
from prefect.client.schemas.objects import TaskRun
from prefect.client.schemas.sorting import TaskRunSort


def artifacts(flow_run_id: str) -> dict[str, Any]:
    """Artifacts of a flow run by key."""
    of_run = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[UUID(flow_run_id)]))
    with get_client(sync_client=True) as client:
        return {a.key: a for a in client.read_artifacts(artifact_filter=of_run, limit=100)}


def task_runs(flow_run_id: str) -> list[TaskRun]:
    """All task runs of a flow run."""
    of_run = FlowRunFilter(id=FlowRunFilterId(any_=[flow_run_id]))
    with get_client(sync_client=True) as client:
        return client.read_task_runs(
            flow_run_filter=of_run, sort=TaskRunSort.END_TIME_DESC, limit=50
        )


def task_states(flow_run_id: str) -> Counter[str]:
    """How many of its tasks ended in which state."""
    return Counter(str(run.state_name) for run in task_runs(flow_run_id))
