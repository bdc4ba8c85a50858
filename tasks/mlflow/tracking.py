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
from spikeseg_core.config.presets import changes, flat
from spikeseg_core.stages import table as registry
from spikeseg_core.storage import write_json
from tasks.folder import (
    RECORD,
    TRACKING,
    StageRecord,
    content_files,
    read_record,
    reference,
    tracking_notes,
)
from tasks.local import state
from tasks.local.addresses import without_password
from tasks.local.machine import FINGERPRINT, machine_tags
from tasks.mlflow.curve import Curve
from tasks.mlflow.reader import PROVENANCE, SETTINGS, Reader
from tasks.mlflow.store import (
    INPUTS_TAG,
    KEY_TAG,
    PARENT_TAG,
    RUNS_TAG,
    SEGMENTATION_TAG,
    STAGE_TAG,
    Run,
    dataset_digest,
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
    entry = tracking_notes(folder).get(_address(state.tracking_uri()), {})
    return entry.get("run_id"), bool(entry.get("complete"))


def _address(uri: str) -> str:
    """Name of the store; the embedded one keeps its name when the state folder is moved."""
    return "embedded" if uri == state.current().mlflow_database else without_password(uri)


def _note(folder: Path, run: Run, complete: bool) -> None:
    entry = {_address(run.store.uri): {"run_id": run.id, "complete": complete}}
    write_json(folder / TRACKING, tracking_notes(folder) | entry)


def start_stage(name: str, key: str, folder: Path, inputs: Mapping[str, str]) -> Run | None:
    """Start the stage's run, and end the runs of an interrupted attempt."""
    at = store()
    noted, _ = _noted(folder)

    def start() -> Run:
        if noted is not None and (interrupted := Run(at, noted)).exists:
            _end_killed(interrupted)
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
    if not Run(stage.store, parent).exists:
        return
    above = reader.get(parent)
    # A sweep survives the death of a point's process.
    if above.data.tags.get(STAGE_TAG) == "pipeline" and above.info.status == "RUNNING":
        Run(stage.store, parent).end("KILLED")


def complete_stage(folder: Path, run: Run | None = None, curve: Curve | None = None) -> str | None:
    """Log a finished stage from its folder; returns its run's id, or None if MLflow fails.

    Without ``run``, an incomplete run is completed or a new one started; a stage whose run was
    deleted is logged anew. ``curve`` is given if some of its points have been sent.
    """
    at = store()
    at.try_again()
    noted, complete = _noted(folder)
    record = read_record(folder)

    def log_all() -> str:
        own = run or (Run(at, noted) if noted else None)
        if own is not None and not own.exists:
            own = None
        if own is not None and complete:
            return own.id
        points = curve if own is not None and curve is not None else Curve(folder)
        if own is None:
            tags = _tags(record.stage, record.key, record.inputs)
            own = Run.create(at, record.stage, tags, parent_run_id())
            _note(folder, own, complete=False)
        points.run = own
        points.send()
        _log_files(own, folder, record)
        by_tag = _log_metrics(own, folder, record)
        _log_model(own, record, by_tag)
        own.end()
        _note(folder, own, complete=True)
        return own.id

    logged = at.attempt(f"log the stage {record.stage}", log_all)
    return logged or (noted if complete else None)


def _tags(stage: str, key: str, inputs: Mapping[str, str]) -> dict[str, str]:
    return {
        STAGE_TAG: stage,
        SEGMENTATION_TAG: stage,
        KEY_TAG: key,
        INPUTS_TAG: json.dumps(dict(inputs)),
        **code_tags(),
        **dataset_tags(dataset_facts({**inputs, stage: key})),
    }


def _log_files(run: Run, folder: Path, record: StageRecord) -> None:
    """Log settings, dataset, pictures and tables, and all files for other machines."""
    facts = dataset_facts({**record.inputs, record.stage: record.key})
    _log_settings(run, record)
    run.json(PROVENANCE, {"versions": record.versions, "machine": record.machine})
    machine = {name: record.machine[name] for name in (FINGERPRINT,) if name in record.machine}
    run.tags({**dataset_tags(facts), **machine})
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


def _log_metrics(run: Run, folder: Path, record: StageRecord) -> dict[str, Run]:
    """Log metrics; if a stage segments more than once, each segmentation gets its own run.

    Returns the run of every segmentation by its tag.
    """
    when = record.started + record.seconds
    run.metrics([("minutes", record.seconds / 60, 0, when)])
    by_tag = dict(record.outcome.metrics)
    run.metrics((n, value, 0, when) for n, value in by_tag.pop(record.stage, {}).items())
    if len(by_tag) == 1:
        ((tag, values),) = by_tag.items()
        run.tags({SEGMENTATION_TAG: tag})
        run.metrics((name, value, 0, when) for name, value in values.items())
        return {tag: run}
    found = {}
    for tag, values in by_tag.items():
        tags = _tags(record.stage, record.key, record.inputs) | {SEGMENTATION_TAG: tag}
        child = found[tag] = Run.create(run.store, tag, tags, parent_run_id() or run.id)
        _log_settings(child, record)
        child.metrics((name, value, 0, when) for name, value in values.items())
        for name in record.outcome.figures:
            if tag in Path(name).name:
                child.artifact(folder / name, "figures")
        child.end()
    return found


def _log_model(run: Run, record: StageRecord, by_tag: Mapping[str, Run]) -> None:
    """Log the stage's model with its scores on the dataset, by which models can be searched."""
    kind = registry.stage(record.stage).model
    if kind is None:
        return
    from tasks.mlflow import models  # which imports the readers of images, among others

    model = models.log(kind, record, run.id, run.store.uri)
    tag = models.SCORED_AS[kind]
    facts = dataset_facts({**record.inputs, record.stage: record.key})
    if model is None or tag not in by_tag or not facts:
        return
    # MLflow has given the model the run's points already, without a dataset, and refuses a second
    # one of the same time.
    when = time.time()
    by_tag[tag].metrics(
        ((name, value, 0, when) for name, value in record.outcome.metrics[tag].items()),
        model_id=model,
        dataset_name=str(facts["name"]),
        dataset_digest=dataset_digest(facts),
    )


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


ALWAYS = ("dataset.source", "train.seed", "train.epochs", "presentation.steps")
"""Parameters of every pipeline, also where they are those of its preset."""

_PARENT: ContextVar[PipelineRun | str | None] = ContextVar("pipeline_run", default=None)


def _looked_at(config: PipelineConfig) -> dict[str, Any]:
    """Return what tells a pipeline from others: MLflow prints parameters over each picture."""
    found = flat(config.model_dump(mode="json"))
    return {name: found[name] for name in ALWAYS} | changes(config)


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
                run.params(_looked_at(self.config))
                run.json(SETTINGS, flat(self.config.model_dump(mode="json")))
                return run

            self.run = at.attempt("start the pipeline's run", start)

    def rename(self, name: str) -> None:
        """Give the run another name."""
        self.name = name
        self.attempt("rename the pipeline's run", lambda run: run.rename(name))

    def complete(self, refs: Iterable[StageRef]) -> list[StageRef]:
        """Log what MLflow has missed, and link all stages to this run, including reused ones."""
        store().try_again(seconds=0)
        if self.attempt("find the pipeline's run", lambda run: run.exists) is False:
            self.run = None
        self.start()
        found = [reference(ref.folder, complete_stage(ref.folder)) for ref in refs]
        self.attempt("link the stages", lambda run: self._link(run, found))
        return found

    def _link(self, run: Run, refs: list[StageRef]) -> None:
        facts = dataset_facts({ref.stage: ref.key for ref in refs})
        run.json(PROVENANCE, {"versions": environment(), "machine": machine_tags()})
        if facts:
            run.dataset(facts)
        runs = {ref.stage: ref.mlflow_run_id for ref in refs if ref.mlflow_run_id is not None}
        run.tags({RUNS_TAG: json.dumps(runs), **dataset_tags(facts)})
        for ref in refs:
            if ref.mlflow_run_id is None:
                continue
            parent = Reader(run.store).tags(ref.mlflow_run_id).get(PARENT_TAG)
            own = parent is None or not Run(run.store, parent).exists
            if own and read_record(ref.folder).started >= self.started:
                Run(run.store, ref.mlflow_run_id).tags({PARENT_TAG: run.id})

    def attempt(self, what: str, action: Callable[[Run], T]) -> T | None:
        """Do something with the run, if there is one."""
        run = self.run
        return store().attempt(what, lambda: action(run)) if run is not None else None


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
        store().try_again(seconds=0)
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
