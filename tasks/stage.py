"""The eight stages as Prefect tasks, made from the core's table of stages."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import prefect
from prefect.client.schemas.objects import State, TaskRun
from prefect.context import FlowRunContext
from prefect.states import Completed
from prefect.utilities.annotations import quote

from spikeseg_core.config import PipelineConfig
from spikeseg_core.errors import SpikeSegError
from spikeseg_core.stages import table as registry
from tasks.folder import is_drawn, is_sound, reference, stage_key
from tasks.local import state
from tasks.mlflow import tracking
from tasks.prefect.progress import show_in_run
from tasks.prefect.stage_page import show_stage
from tasks.references import StageRef
from tasks.run_stage import run_stage


def stage_task(one: registry.Stage) -> Callable[..., StageRef]:
    """Make a function of (config, *references) that runs the stage as a Prefect task.

    A finished stage shows as ``Cached`` in Prefect. Prefect keeps no results of its own: it would
    read them from the state folder by whatever means they name, pickles included. Outside a flow
    the stage runs without Prefect.
    """

    def run(config: PipelineConfig, *upstream: StageRef) -> State[StageRef] | StageRef:
        key = stage_key(one.name, config, upstream)
        folder = state.current().stage_folder(one.name, key)
        cached = is_sound(folder) and is_drawn(folder)
        ref = run_stage(one.name, config, *upstream)
        return Completed(name="Cached", data=ref) if cached else ref

    run.__name__ = run.__qualname__ = one.name
    run.__doc__ = one.description
    task = prefect.task(
        name=one.title,
        persist_result=False,
        retries=one.retries,
        retry_delay_seconds=[2.0, 10.0][: one.retries],
        retry_condition_fn=_worth_another_try,
    )(run)

    def call(config: PipelineConfig, *upstream: StageRef) -> StageRef:
        if FlowRunContext.get() is None:
            return run_stage(one.name, config, *upstream)
        key = stage_key(one.name, config, upstream)
        folder = state.current().stage_folder(one.name, key)
        this_time = task.with_options(task_run_name=f"{one.name}-{config.preset}-{key[:8]}")
        # It waits for the stage before, not for each that it reads, so that the page draws a chain.
        before = _Before.of_this_flow()
        untraced = [quote(ref) for ref in upstream]
        ended = this_time(config, *untraced, wait_for=before, return_state=True)
        if not ended.is_completed():
            ended.result()  # raises what the stage raised
        _Before.note(ended)
        show_in_run(one.name, 100.0, now=True)
        ref = reference(folder, tracking.tracked_run_id(folder))
        show_stage(ref)
        return ref

    return call


def _worth_another_try(task: Any, run: TaskRun, ended: State[Any]) -> bool:
    """Retry after failures of networks and disks, but not after a user's mistake."""
    error = ended.data
    return isinstance(error, OSError) and not isinstance(error, SpikeSegError)


class _Before:
    """The last stage that ended in the running flow.

    The results of all that ended are kept: Prefect knows parts of results by their address alone,
    and would take something new at a freed address for a result, and draw an edge to its stage.
    """

    _ended: ContextVar[tuple[object, State[Any], tuple[Any, ...]] | None] = ContextVar(
        "ended", default=None
    )

    @classmethod
    def of_this_flow(cls) -> list[State[Any]]:
        """Its state, if there is one."""
        found = cls._ended.get()
        return [found[1]] if found is not None and found[0] == _flow_run_id() else []

    @classmethod
    def note(cls, ended: State[Any]) -> None:
        """Note the state of a stage that has ended, without its result.

        Results share parts with those of earlier stages, for which Prefect would draw more edges.
        """
        flow, found = _flow_run_id(), cls._ended.get()
        kept = found[2] if found is not None and found[0] == flow else ()
        cls._ended.set((flow, ended.model_copy(update={"data": "ended"}), (*kept, ended.data)))


def _flow_run_id() -> object:
    context = FlowRunContext.get()
    return context.flow_run.id if context is not None and context.flow_run is not None else None


STAGE_TASKS = {one.name: stage_task(one) for one in registry.STAGES.values()}
"""By the name of the stage, in the order of the pipeline."""
