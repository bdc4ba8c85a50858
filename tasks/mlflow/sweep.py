"""A sweep in MLflow: one run for the whole, with a child run per point and seed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from spikeseg_core.config.presets import flat
from spikeseg_core.errors import ConfigError
from spikeseg_core.sweep.cross_validation import CrossValidation
from spikeseg_core.sweep.definition import Sweep
from tasks.mlflow.reader import Reader
from tasks.mlflow.store import RUNS_TAG, STAGE_TAG, Run, store
from tasks.provenance import code_tags, dataset_facts, dataset_tags, environment, prefect_tags
from tasks.sweep_point import PointResult

if TYPE_CHECKING:
    from tasks.mlflow.reader import AnyRun

FOLDS_TAG = "sweep.folds"
"""Number of folds; only the run of a cross-validation has it."""


def start(sweep: Sweep) -> Run | None:
    """Start the sweep's run, if MLflow answers."""
    at = store()

    def begin() -> Run:
        from tasks.prefect.names import given_name

        tags = {STAGE_TAG: "sweep", "preset": sweep.preset, **code_tags(), **prefect_tags()}
        tags |= {FOLDS_TAG: str(sweep.folds)} if sweep.folds is not None else {}
        run = Run.create(at, given_name() or sweep.title, tags, None)
        definition = sweep.model_dump(mode="json", exclude_defaults=True)
        run.params({name: value for name, value in flat(definition).items() if value != []})
        return run

    return at.attempt("start the sweep's run", begin)


def log_point(
    parent: Run | None,
    name: str,
    seed: int,
    settings: Mapping[str, Any],
    outcome: PointResult | str,
) -> None:
    """Log one point with one seed as a child run of the sweep's.

    ``settings`` are those in which the points differ; an ``outcome`` that is a string says why the
    point failed.
    """
    if parent is None:
        return
    tags = {STAGE_TAG: "sweep-point", "sweep.point": name, "sweep.seed": str(seed), **code_tags()}

    def log() -> None:
        run = Run.create(parent.store, f"{name}, seed {seed}", tags, parent.id)
        run.params({**settings, "seed": seed})
        if isinstance(outcome, str):
            run.tags({"error": outcome[:5000]})
            run.end("FAILED")
            return
        when = outcome.started
        run.metrics((n, value, 0, when) for n, value in outcome.metrics.items())
        run.metrics([("minutes", outcome.minutes, 0, when)])
        facts = dataset_facts({stage: ref.key for stage, ref in outcome.stages.items()})
        runs = {s: ref.mlflow_run_id for s, ref in outcome.stages.items() if ref.mlflow_run_id}
        run.tags({RUNS_TAG: json.dumps(runs), **dataset_tags(facts)})
        if facts:
            run.dataset(facts)
        run.end()

    parent.store.attempt("log a point of the sweep", log)


def finish(
    parent: Run | None, files: Iterable[Path], summary: Mapping[str, float], note: str, status: str
) -> None:
    """Log the sweep's tables and picture, and end its run."""
    if parent is None:
        return

    def end() -> None:
        for path in files:
            parent.artifact(path)
        parent.metrics((name, value, 0, 0.0) for name, value in summary.items())
        parent.json("provenance.json", {"versions": environment()})
        parent.tags({"mlflow.note.content": note[:8000]})
        parent.end(status)

    parent.store.attempt("log the sweep", end)


def tag_data(parent: Run | None, tested: CrossValidation) -> None:
    """Say in the tags of a cross-validation's run which sections it tested."""
    if parent is not None:
        tags = dataset_tags(tested.data)
        parent.store.attempt("tag the sweep", lambda: parent.tags(tags))


def cross_validations(
    reader: Reader, run_ids: Sequence[str]
) -> tuple[CrossValidation, CrossValidation] | None:
    """Read two cross-validations; None if it is not two, or one of the runs is something else.

    Raises
    ------
    ConfigError
        If a cross-validation has no result.
    """
    runs = [reader.get(run_id) for run_id in run_ids]
    if len(runs) != 2 or not all(FOLDS_TAG in run.data.tags for run in runs):
        return None
    first, second = (_cross_validation(reader, run) for run in runs)
    return first, second


def _cross_validation(reader: Reader, run: AnyRun) -> CrossValidation:
    with TemporaryDirectory(prefix="spikeseg-study-") as folder:
        try:
            for name in CrossValidation.FILES:
                reader.store.client.download_artifacts(run.info.run_id, name, folder)
        except Exception as error:  # each kind of store has its own error
            raise ConfigError(
                f"the cross-validation {run.info.run_id} ({run.info.status.lower()}) has no result "
                f"at {reader.store.uri}; run it again, which repeats only what is missing"
            ) from error
        return CrossValidation.load(Path(folder))
