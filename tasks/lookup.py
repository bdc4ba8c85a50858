"""Finished stages by name, key or MLflow run: on this machine first, then in MLflow."""

from __future__ import annotations

import json
from pathlib import Path

from spikeseg_core.errors import ConfigError
from spikeseg_core.stages import table as registry
from tasks.fetching import fetch
from tasks.folder import TRACKING, find, is_finished, newest, read_record, reference
from tasks.local import state
from tasks.mlflow import tracking
from tasks.mlflow.reader import Reader
from tasks.mlflow.store import (
    INPUTS_TAG,
    KEY_TAG,
    RUNS_TAG,
    SEGMENTATION_TAG,
    STAGE_TAG,
    by_stage,
    store,
)
from tasks.references import StageRef


def inputs_after(name: str, after: str | None = None) -> list[StageRef]:
    """Stages that stage ``name`` reads, found from the one right before it.

    ``after`` is the MLflow run id of that stage or of a pipeline; None takes the newest finished.

    Raises
    ------
    ConfigError
        If there is no such run, it is another stage's, or its files are gone.
    """
    previous = registry.before(name)
    if previous is None:
        return []
    found = stage_and_those_before(previous, after, wanted_by=name)
    return [found[stage] for stage in registry.stage(name).upstream]


def stage_and_those_before(
    stage: str, of_run: str | None = None, wanted_by: str | None = None
) -> dict[str, StageRef]:
    """Find a finished stage and all stages it was made from, with their folders on this machine.

    ``of_run`` is the MLflow run id of the stage or of a pipeline; None takes the newest finished.
    ``wanted_by`` names the stage that asks, for messages. Raises as :func:`inputs_after`.
    """
    ref = _newest(stage, wanted_by) if of_run is None else _of_run(of_run, stage, wanted_by)
    return _with_those_before(ref)


def stage_behind(run_id: str, stage: str) -> StageRef:
    """Find a stage by the MLflow run of itself, of a later stage, or of a pipeline.

    Raises
    ------
    ConfigError
        If there is no such run, it is an earlier stage's, or files are gone.
    """
    own, keys = _stages_of_run(run_id)
    if stage != own and stage not in keys:
        raise ConfigError(f"run {run_id} is of {own!r}, and did not get to {stage!r}")
    ref = (
        _of_run(run_id, stage, None) if own in (stage, "pipeline") else _by_key(stage, keys[stage])
    )
    return _with_those_before(ref)[stage]


def stage_of_run(run_id: str) -> str:
    """Stage of an MLflow run, or ``pipeline``; a ConfigError if there is no such run."""
    return _stages_of_run(run_id)[0]


def _stages_of_run(run_id: str) -> tuple[str, dict[str, str]]:
    """Stage of a run, and keys of the stages before it, or of a pipeline the stages' runs."""
    for folder in _folders_of_run(run_id):
        record = read_record(folder)
        return record.stage, record.inputs
    tags = Reader(store()).tags(run_id)
    own = tags.get(STAGE_TAG, "no stage")
    return own, by_stage(tags, RUNS_TAG if own == "pipeline" else INPUTS_TAG)


def _with_those_before(ref: StageRef) -> dict[str, StageRef]:
    found = {name: _by_key(name, key) for name, key in ref.inputs.items()} | {ref.stage: ref}
    for each in found.values():
        fetch(each)
    return found


def _newest(stage: str, wanted_by: str | None) -> StageRef:
    found = _here_or_in_mlflow(
        newest(stage), f"tags.`{STAGE_TAG}` = '{stage}' and attributes.status = 'FINISHED'"
    )
    if found is None:
        needs = f"stage {wanted_by!r} follows {stage!r}, but " if wanted_by else ""
        raise ConfigError(
            f"{needs}no finished stage {stage!r} is in {state.current().stages} or at "
            f"{state.tracking_uri()}; run `spikeseg run` or `spikeseg stage {stage}` first"
        )
    return found


def _by_key(stage: str, key: str) -> StageRef:
    found = _here_or_in_mlflow(
        find(stage, key), f"tags.`{STAGE_TAG}` = '{stage}' and tags.`{KEY_TAG}` = '{key}'"
    )
    if found is None:
        raise ConfigError(
            f"stage {stage!r} with key {key[:16]} is neither in {state.current().stages} nor at "
            f"{state.tracking_uri()}; run the pipeline again, which makes what is missing"
        )
    return found


def _here_or_in_mlflow(folder: Path | None, query: str) -> StageRef | None:
    if folder is not None:
        return reference(folder, tracking.tracked_run_id(folder))

    def search() -> StageRef | None:
        for run in Reader(store()).search(query, newest=10):
            tags = run.data.tags
            if SEGMENTATION_TAG in tags:
                try:
                    return _downloaded(run.info.run_id, tags[STAGE_TAG], tags[KEY_TAG])
                except ConfigError:
                    continue
        return None

    return store().attempt("find a finished stage", search)


def _of_run(run_id: str, stage: str, wanted_by: str | None) -> StageRef:
    for folder in _folders_of_run(run_id):
        if read_record(folder).stage == stage:
            return reference(folder, run_id)
    tags = Reader(store()).tags(run_id)
    found = tags.get(STAGE_TAG)
    if found == "pipeline" and (run_of_stage := by_stage(tags, RUNS_TAG).get(stage)):
        return _of_run(run_of_stage, stage, wanted_by)
    if found != stage:
        follows = f"; stage {wanted_by!r} follows {stage!r}" if wanted_by else ""
        raise ConfigError(f"run {run_id} is of {found or 'no stage'!r}, not of {stage!r}{follows}")
    return _downloaded(run_id, stage, tags[KEY_TAG])


def _folders_of_run(run_id: str) -> list[Path]:
    found = []
    for path in state.current().stages.glob(f"*/{TRACKING}"):
        notes = json.loads(path.read_text()).values()
        if is_finished(path.parent) and any(note.get("run_id") == run_id for note in notes):
            found.append(path.parent)
    return found


def _downloaded(run_id: str, stage: str, key: str) -> StageRef:
    folder = state.current().stage_folder(stage, key)
    unknown = StageRef(
        stage=stage, key=key, uri=folder.as_uri(), sha256="", mlflow_run_id=run_id, inputs={}
    )
    fetch(unknown)
    return reference(folder, run_id)
