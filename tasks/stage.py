"""The eight stages as Prefect tasks, made from the core's table of stages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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
from tasks.run_stage import run_stage


def stage_task(one: registry.Stage) -> Callable[..., StageRef]:
    """Make a function of (config, *references) that runs the stage as a Prefect task.

    The task's cache key is the stage's key, so a finished stage shows as ``Cached`` in Prefect. A
    stage whose folder is gone is computed again. Outside a flow the stage runs without Prefect.
    """

    def run(config: PipelineConfig, *upstream: StageRef) -> StageRef:
        return run_stage(one.name, config, *upstream)

    run.__name__ = run.__qualname__ = one.name
    run.__doc__ = one.description
    task = prefect.task(
        name=one.title,
        cache_key_fn=lambda context, given: (
            f"{one.name}-{stage_key(one.name, given['config'], given['upstream'])}"
        ),
        persist_result=True,
        result_serializer="json",
        retries=one.retries,
        retry_delay_seconds=[2.0, 10.0][: one.retries],
        retry_condition_fn=_worth_another_try,
    )(run)

    def call(config: PipelineConfig, *upstream: StageRef) -> StageRef:
        if FlowRunContext.get() is None:
            return run(config, *upstream)
        key = stage_key(one.name, config, upstream)
        folder = state.current().stage_folder(one.name, key)
        this_time = task.with_options(
            task_run_name=f"{one.name}-{config.preset}-{key[:8]}",
            refresh_cache=not (is_finished(folder) and is_drawn(folder)),
        )
        this_time(config, *upstream)
        # Not Prefect's cached result: the state folder may have moved, or MLflow have caught up.
        ref = reference(folder, tracking.tracked_run_id(folder))
        _link(ref)
        return ref

    return call


def _worth_another_try(task: Any, run: TaskRun, ended: State[Any]) -> bool:
    """Retry after failures of networks and disks, but not after a user's mistake."""
    error = ended.data
    return isinstance(error, OSError) and not isinstance(error, SpikeSegError)


def _link(ref: StageRef) -> None:
    """Show the stage's metrics and MLflow run on Prefect's page, also if the stage is reused."""
    record = read_record(ref.folder)
    rows = [
        f"| {tag} | {name} | {value:.4g} |"
        for tag, values in record.outcome.metrics.items()
        for name, value in values.items()
        if value is not None
    ]
    run_id = ref.mlflow_run_id
    page = store().attempt("give a link", lambda: Run(store(), run_id).page) if run_id else None
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


STAGE_TASKS = {one.name: stage_task(one) for one in registry.STAGES.values()}
"""By the name of the stage, in the order of the pipeline."""
