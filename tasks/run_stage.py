"""The adapter between a core stage function and everything around it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from spikeseg_core.config import PipelineConfig
from spikeseg_core.errors import ConfigError
from spikeseg_core.figures import stages as pictures
from spikeseg_core.stages import table as registry
from spikeseg_core.stages.base import StageResult
from tasks import key as code_version
from tasks.fetching import fetch
from tasks.folder import (
    CHECKPOINTS,
    OF_AN_ATTEMPT,
    StageRecord,
    clear,
    content_digest,
    damage,
    drawing_digest,
    is_drawn,
    is_finished,
    locked,
    outcome_of,
    read_record,
    reference,
    stage_key,
    write_record,
)
from tasks.local import state
from tasks.local.machine import machine_tags
from tasks.local.system_metrics import monitored
from tasks.mlflow import tracking
from tasks.mlflow.curve import Curve
from tasks.mlflow.store import Run
from tasks.prefect.artifacts import PageProgress
from tasks.prefect.logger import run_logger
from tasks.prefect.progress import Advance, seconds_before, show_in_run
from tasks.provenance import environment
from tasks.references import StageRef, closure
from tasks.terminal import Bar

SECONDS_BETWEEN_ARTIFACTS = 5.0


def run_stage(name: str, config: PipelineConfig, *upstream: StageRef) -> StageRef:
    """Run a stage unless it is finished, log it, and return its reference.

    ``upstream`` are the stages whose folders it reads, in any order. Errors of the core function
    are passed on.

    Raises
    ------
    ConfigError
        If a stage that it reads is not among ``upstream``, or its folder cannot be found.
    """
    one = registry.stage(name)
    inputs = _folders(one, upstream)
    key = stage_key(name, config, upstream)
    folder = state.current().stage_folder(name, key)
    logger = run_logger()
    with locked(folder, lambda: logger.info("another run is computing %s; waiting for it", name)):
        if is_finished(folder) and (wrong := damage(folder)) is not None:
            logger.warning("%s is made again: %s", folder.name, wrong)
            clear(folder)
        if not is_finished(folder):
            clear(folder, keep=OF_AN_ATTEMPT)
            run_id = _compute(one, config, inputs, key, closure(upstream))
        else:
            logger.info("%s is already finished; using %s", name, folder.name)
            if not is_drawn(folder):
                _draw_again(config, inputs, folder)
            run_id = tracking.complete_stage(folder)
    return reference(folder, run_id)


def _compute(
    one: registry.Stage,
    config: PipelineConfig,
    inputs: Mapping[str, Path],
    key: str,
    keys: dict[str, str],
) -> str | None:
    """Run the core function, draw, write the record, and log it all; return the MLflow run."""
    folder = state.current().stage_folder(one.name, key)
    run = tracking.start_stage(one.name, key, folder, keys)
    expected = seconds_before(one.name, config.preset)
    reporter = StageReporter(one, Curve(folder), run, expected)
    started, began = time.time(), time.monotonic()  # the clock may jump
    try:
        with monitored(reporter.curve):
            result = registry.function(one)(config, inputs, folder, reporter)
        drawn = pictures.draw(one.name, config, inputs, folder)
    except BaseException as error:
        _end_early(run, error)
        raise
    finally:
        reporter.close()
    record = StageRecord(
        stage=one.name,
        key=key,
        sha256=content_digest(folder),
        inputs=keys,
        preset=config.preset,
        settings=registry.settings(one.name, config),
        code=code_version.code_digest(one.module),
        drawing=drawing_digest(one.name),
        outcome=outcome_of(result, folder, drawn),
        started=started,
        seconds=time.monotonic() - began,
        versions=environment(),
        machine=machine_tags(),
    )
    write_record(folder, record)
    shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)
    return tracking.complete_stage(folder, run, reporter.curve)


def _draw_again(config: PipelineConfig, inputs: Mapping[str, Path], folder: Path) -> None:
    """Redraw the pictures of a finished stage after a change of the code that draws them.

    MLflow keeps the pictures of the stage's run.
    """
    record = read_record(folder)
    drawn = outcome_of(StageResult(), folder, pictures.draw(record.stage, config, inputs, folder))
    outcome = record.outcome.model_copy(update={"figures": drawn.figures})
    digest = drawing_digest(record.stage)
    write_record(folder, record.model_copy(update={"outcome": outcome, "drawing": digest}))


def _folders(one: registry.Stage, upstream: Sequence[StageRef]) -> dict[str, Path]:
    """Folders of the stages that this one reads, fetched from MLflow if necessary."""
    given = {ref.stage: ref for ref in upstream}
    for missing in set(one.upstream) - set(given):
        raise ConfigError(f"stage {one.name!r} reads {missing!r}, which was not given to it")
    for name in one.upstream:
        fetch(given[name])
    return {name: given[name].folder for name in one.upstream}


def _end_early(run: Run | None, error: BaseException) -> None:
    if run is not None:

        def end() -> None:
            run.tags({"error": f"{type(error).__name__}: {error}"[:5000]})
            run.end(tracking.status_of(error))

        run.store.try_again(seconds=0)  # this is the last chance
        run.store.attempt("end a run", end)


class StageReporter:
    """Send what a core function reports to the terminal, Prefect and MLflow.

    None of the three may stop the work: progress that cannot be sent is dropped, curves are kept
    for later.
    """

    def __init__(
        self, one: registry.Stage, curve: Curve, run: Run | None, expected: float | None = None
    ) -> None:
        self.curve = curve
        self.curve.run = run
        self._bar = Bar(one.title)
        self._logger = run_logger()
        self._page = PageProgress(f"progress-{one.name}", SECONDS_BETWEEN_ARTIFACTS)
        self._stage = one.name
        self._advance = Advance(expected)

    def progress(self, done: float, total: float, message: str) -> None:
        """Show the progress on the terminal, and every few seconds on Prefect's page."""
        self._bar.update(done, total, message)
        percent = self._advance.update(done, total)
        self._page.show(percent, f"{percent:.0f} %, {message}")
        show_in_run(self._stage, percent)

    def metric(self, name: str, value: float, step: int) -> None:
        """Add a point to a curve in MLflow."""
        self.curve.add(name, value, step)

    def say(self, message: str) -> None:
        """Write a message to Prefect's log."""
        self._logger.info(message)

    def close(self) -> None:
        """Remove the bar from the terminal, and mark the stage as ended on Prefect's page."""
        self._bar.close()
        if self._page.artifact is not None:
            self._page.show(100.0, "ended", now=True)
