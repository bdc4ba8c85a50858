"""The Prefect side of a stage: its name, cache, retries and links, the same for all eight."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

import prefect
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State, TaskRun
from prefect.context import FlowRunContext

from spikeseg_core.config import PipelineConfig
from spikeseg_core.errors import SpikeSegError
from spikeseg_core.stages import table as registry
from tasks.folder import is_drawn, is_finished, read_record, reference, stage_key
from tasks.local import state
from tasks.mlflow import tracking
from tasks.mlflow.store import Run, store
from tasks.references import StageRef

StageCall = TypeVar("StageCall", bound=Callable[..., StageRef])


def stage_task(name: str) -> Callable[[StageCall], StageCall]:
    """Make a Prefect task of a function of (config, *references) that runs the stage.

    The task's cache key is the stage's key, so a stage that is finished shows as ``Cached`` in
    Prefect; one whose folder is gone is computed again. The function keeps its signature, and
    outside of a flow it simply runs.
    """
    one = registry.stage(name)

    def key_of(config: PipelineConfig, *upstream: StageRef) -> str:
        return stage_key(name, config, upstream)

    def decorate(run: StageCall) -> StageCall:
        task: prefect.Task[..., StageRef] = prefect.task(
            name=one.title,
            cache_key_fn=lambda context, parameters: f"{name}-{key_of(*parameters.values())}",
            persist_result=True,
            result_serializer="json",
            retries=one.retries,
            retry_delay_seconds=[2.0, 10.0][: one.retries],
            retry_condition_fn=_worth_another_try,
        )(run)

        @functools.wraps(run)
        def call(*parameters: Any) -> StageRef:
            if FlowRunContext.get() is None:
                return run(*parameters)
            key = key_of(*parameters)
            folder = state.current().stage_folder(name, key)
            this_time = task.with_options(
                task_run_name=f"{name}-{parameters[0].preset}-{key[:8]}",
                refresh_cache=not (is_finished(folder) and is_drawn(folder)),
            )
            this_time(*parameters)
            # Not what Prefect kept: the state folder may have moved, MLflow may have caught up.
            ref = reference(folder, tracking.tracked_run_id(folder))
            _link(ref)
            return ref

        return cast(StageCall, call)

    return decorate


def _worth_another_try(task: Any, run: TaskRun, ended: State[Any]) -> bool:
    """Networks and disks may do better the second time; a user's mistake does not."""
    error = ended.data
    return isinstance(error, OSError) and not isinstance(error, SpikeSegError)


def _link(ref: StageRef) -> None:
    """Put the stage's metrics and its MLflow run on Prefect's page, of a stage used again too."""
    record = read_record(ref.folder)
    rows = [
        f"| {tag} | {name} | {value:.4g} |"
        for tag, values in record.outcome.metrics.items()
        for name, value in values.items()
        if value is not None
    ]
    run_id = ref.mlflow_run_id
    page = store().attempt("be linked to", lambda: Run(store(), run_id).page) if run_id else None
    lines = [
        f"**{registry.stage(ref.stage).title}**, {record.seconds / 60:.1f} min",
        f"MLflow run: {page or 'not logged yet, MLflow did not answer'}",
        f"Files: `{ref.folder}`",
        "",
        *(["| segmentation | metric | value |", "|---|---|---|", *rows] if rows else []),
    ]
    create_markdown_artifact(
        "\n\n".join(lines[:3]) + "\n" + "\n".join(lines[3:]), f"stage-{ref.stage}"
    )
