"""MLflow: a run per pipeline and a child run per stage; MLflow can never stop the work.

Everything that MLflow gets comes from a stage's folder (``stage.json``, ``curves.jsonl`` and its
other files), so what could not be logged at once is logged later: at the end of the stage or the
pipeline, or when a later run reuses the stage. ``tracking.json`` records which store has it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from spikeseg_core.config import PipelineConfig
from spikeseg_core.stages import table as registry
from spikeseg_core.storage import write_json
from tasks.folder import RECORD, TRACKING, StageRecord, content_files, read_record, reference
from tasks.local import state
from tasks.mlflow import models
from tasks.mlflow.curve import Curve
from tasks.mlflow.reader import Reader
from tasks.mlflow.store import (
    INPUT_TAG,
    KEY_TAG,
    PARENT_TAG,
    RUN_TAG,
    SEGMENTATION_TAG,
    STAGE_TAG,
    Run,
    store,
)
from tasks.provenance import code_tags, dataset_facts, dataset_tags, environment, prefect_tags
from tasks.references import StageRef

T = TypeVar("T")


def tracked_run_id(folder: Path) -> str | None:
    """MLflow run of the stage, if the store in use has all of it."""
    run_id, complete = _noted(folder)
    return run_id if complete else None


def _noted(folder: Path) -> tuple[str | None, bool]:
    """MLflow run for this folder in the store in use, and whether it is complete."""
    entry = _notes(folder).get(_address(state.tracking_uri()), {})
    return entry.get("run_id"), bool(entry.get("complete"))


def _address(uri: str) -> str:
    """Name of the store; the embedded one keeps its name when the state folder is moved."""
    return "embedded" if uri == state.current().mlflow_database else uri


def _notes(folder: Path) -> dict[str, dict[str, Any]]:
    try:
        return dict(json.loads((folder / TRACKING).read_text()))
    except (OSError, ValueError):
        return {}


def _note(folder: Path, run: Run, complete: bool) -> None:
    entry = {_address(run.store.uri): {"run_id": run.id, "complete": complete}}
    write_json(folder / TRACKING, _notes(folder) | entry)


def start_stage(name: str, key: str, folder: Path, inputs: Mapping[str, str]) -> Run | None:
    """Start the stage's run, and end the runs of an interrupted attempt."""
    at = store()
    interrupted, _ = _noted(folder)

    def start() -> Run:
        if interrupted is not None:
            _end_killed(Run(at, interrupted))
        run = Run.create(at, name, _tags(name, key, inputs) | prefect_tags(), parent_run_id())
        _note(folder, run, complete=False)
        return run

    return at.attempt(f"start the run of {name}", start)


def _end_killed(stage: Run) -> None:
    """End the run of a killed stage and that of its pipeline."""
    reader = Reader(stage.store)
    found = reader.get(stage.id)
    if found.info.status == "RUNNING":
        stage.end("KILLED")
    parent = found.data.tags.get(PARENT_TAG)
    if parent is None or parent == parent_run_id():
        return
    above = reader.get(parent)
    # A sweep survives the death of a point's process.
    if above.data.tags.get(STAGE_TAG) == "pipeline" and above.info.status == "RUNNING":
        Run(stage.store, parent).end("KILLED")


def complete_stage(folder: Path, run: Run | None = None, curve: Curve | None = None) -> str | None:
    """Log a finished stage from its folder; returns its run's id, or None if MLflow fails.

    Without ``run``, an incomplete run is completed or a new one started. ``curve`` is given if
    some of its points have been sent.
    """
    at = store()
    at.try_again()
    noted, complete = _noted(folder)
    if complete:
        return noted
    record = read_record(folder)

    def log_all() -> str:
        own = run or (Run(at, noted) if noted else None)
        if own is None:
            tags = _tags(record.stage, record.key, record.inputs)
            own = Run.create(at, record.stage, tags, parent_run_id())
            _note(folder, own, complete=False)
        points = curve or Curve(folder)
        points.run = own
        points.send()
        _log_files(own, folder, record)
        _log_metrics(own, folder, record)
        kind = registry.stage(record.stage).model
        if kind is not None:
            models.log(kind, record, own.id, own.store.uri)
        own.end()
        _note(folder, own, complete=True)
        return own.id

    return at.attempt(f"log the stage {record.stage}", log_all)


def _tags(stage: str, key: str, inputs: Mapping[str, str]) -> dict[str, str]:
    return {
        STAGE_TAG: stage,
        SEGMENTATION_TAG: stage,
        KEY_TAG: key,
        **{f"{INPUT_TAG}{name}": key_before for name, key_before in inputs.items()},
        **code_tags(),
        **dataset_tags(dataset_facts({**inputs, stage: key})),
    }


def _log_files(run: Run, folder: Path, record: StageRecord) -> None:
    """Log settings, dataset, pictures and tables, and all files for other machines."""
    facts = dataset_facts({**record.inputs, record.stage: record.key})
    _log_settings(run, record)
    versions = {f"version.{name}": version for name, version in record.versions.items()}
    run.tags({**dataset_tags(facts), **versions, **record.machine})
    for name in record.outcome.figures:
        run.artifact(folder / name, "figures")
    for name in record.outcome.tables:
        run.artifact(folder / name, "tables")
    for path in content_files(folder):
        if path.name != TRACKING:
            within = path.relative_to(folder).parent.as_posix()
            run.artifact(path, "stage" if within == "." else f"stage/{within}")


def _log_settings(run: Run, record: StageRecord) -> None:
    """Log settings and dataset, by which runs are compared."""
    run.params(flat(record.settings))
    if facts := dataset_facts({**record.inputs, record.stage: record.key}):
        run.dataset(facts)


def _log_metrics(run: Run, folder: Path, record: StageRecord) -> None:
    """Log metrics; if a stage segments more than once, each segmentation gets its own run."""
    when = record.started + record.seconds
    run.metrics([("minutes", record.seconds / 60, 0, when)])
    by_tag = dict(record.outcome.metrics)
    run.metrics((n, value, 0, when) for n, value in by_tag.pop(record.stage, {}).items())
    if len(by_tag) == 1:
        ((tag, values),) = by_tag.items()
        run.tags({SEGMENTATION_TAG: tag})
        run.metrics((name, value, 0, when) for name, value in values.items())
        return
    for tag, values in by_tag.items():
        tags = _tags(record.stage, record.key, record.inputs) | {SEGMENTATION_TAG: tag}
        child = Run.create(run.store, tag, tags, parent_run_id() or run.id)
        _log_settings(child, record)
        child.metrics((name, value, 0, when) for name, value in values.items())
        for name in record.outcome.figures:
            if tag in Path(name).name:
                child.artifact(folder / name, "figures")
        child.end()


def download_stage(run_id: str, folder: Path) -> None:
    """Fetch a stage's folder from the artifacts of its MLflow run; ``stage.json`` comes last."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder.parent) as temporary:
        fetched = Path(store().client.download_artifacts(run_id, "stage", temporary))
        files = sorted(
            (p for p in fetched.rglob("*") if p.is_file()), key=lambda p: p.name == RECORD
        )
        for path in files:
            target = folder / path.relative_to(fetched)
            target.parent.mkdir(parents=True, exist_ok=True)
            path.replace(target)
    _note(folder, Run(store(), run_id), complete=True)


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flatten nested settings: ``{"train": {"epochs": 3}}`` becomes ``{"train.epochs": 3}``."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = value
    return found


_PARENT: ContextVar[PipelineRun | str | None] = ContextVar("pipeline_run", default=None)


class PipelineRun:
    """The MLflow run of a pipeline, the parent of the stages' runs."""

    def __init__(self, config: PipelineConfig, name: str) -> None:
        self.config = config
        self.name = name
        self.started = time.time()
        self.run: Run | None = None

    def start(self) -> None:
        """Start the run, if MLflow answers."""
        if self.run is None:
            at = store()
            tags = {STAGE_TAG: "pipeline", **code_tags(), **prefect_tags()}

            def start() -> Run:
                run = Run.create(at, self.name, {**tags, "preset": self.config.preset}, None)
                run.params(flat(self.config.model_dump(mode="json")))
                return run

            self.run = at.attempt("start the pipeline's run", start)

    def complete(self, refs: Iterable[StageRef]) -> list[StageRef]:
        """Log what MLflow has missed, and link all stages to this run, including reused ones."""
        at = store()
        at.try_again(seconds=0)
        self.start()
        found = []
        for ref in refs:
            run_id = tracked_run_id(ref.folder) or complete_stage(ref.folder)
            found.append(reference(ref.folder, run_id))
        self.attempt("link the stages", lambda run: self._link(run, found))
        return found

    def _link(self, run: Run, refs: list[StageRef]) -> None:
        run.tags(environment_tags())
        facts = dataset_facts({ref.stage: ref.key for ref in refs})
        run.tags(dataset_tags(facts))
        if facts:
            run.dataset(facts)
        for ref in refs:
            if ref.mlflow_run_id is None:
                continue
            parent = Reader(run.store).tags(ref.mlflow_run_id).get(PARENT_TAG)
            if parent is None and read_record(ref.folder).started >= self.started:
                Run(run.store, ref.mlflow_run_id).tags({PARENT_TAG: run.id})
            run.tags({f"{RUN_TAG}{ref.stage}": ref.mlflow_run_id})

    def attempt(self, what: str, action: Callable[[Run], T]) -> T | None:
        """Do something with the run, if there is one."""
        run = self.run
        return store().attempt(what, lambda: action(run)) if run is not None else None


def environment_tags() -> dict[str, str]:
    """Package versions as tags."""
    return {f"version.{name}": version for name, version in environment().items()}


def status_of(error: BaseException) -> str:
    """MLflow's status of a run that ended with this error: a failure, or Ctrl-C or a cancel."""
    return "FAILED" if isinstance(error, Exception) else "KILLED"


@contextmanager
def pipeline_run(config: PipelineConfig, name: str) -> Iterator[PipelineRun]:
    """Make a pipeline's MLflow run the parent of the stages that run inside."""
    run = PipelineRun(config, name)
    run.start()
    token = _PARENT.set(run)
    status = "FINISHED"
    try:
        yield run
    except BaseException as error:
        status = status_of(error)
        raise
    finally:
        _PARENT.reset(token)
        run.attempt("end the pipeline's run", lambda r: r.end(status))


@contextmanager
def below(run_id: str | None) -> Iterator[None]:
    """Make an existing run, such as a sweep's, the parent of the stages that run inside."""
    token = _PARENT.set(run_id)
    try:
        yield
    finally:
        _PARENT.reset(token)


def parent_run_id() -> str | None:
    """MLflow run of the current pipeline or sweep, if any."""
    parent = _PARENT.get()
    if isinstance(parent, PipelineRun):
        return parent.run.id if parent.run is not None else None
    return parent
