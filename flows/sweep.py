"""The pipeline with different settings, in this process or on the workers of a Dask cluster."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tasks  # noqa: F401 - sets where Prefect keeps its data, before Prefect is imported

# isort: split
import pandas as pd
from prefect import flow
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.client.orchestration import get_client
from prefect.futures import PrefectFuture, as_completed
from prefect.logging import get_run_logger
from prefect.runtime import flow_run
from prefect.settings import PREFECT_API_URL, temporary_settings
from pydantic import Field

from spikeseg_core.config.overrides import shown
from spikeseg_core.errors import MappingError, SpikeSegError
from spikeseg_core.figures.pareto import pareto_figure
from spikeseg_core.report import folds
from spikeseg_core.report.document import Table
from spikeseg_core.report.render import markdown_table, plain_rows, terminal_table, wide_console
from spikeseg_core.report.sweep import points_table
from spikeseg_core.storage import atomic_path, write_json, write_text
from spikeseg_core.sweep.cross_validation import collect
from spikeseg_core.sweep.definition import Sweep
from spikeseg_core.sweep.fit import cores_needed, cores_of
from spikeseg_core.sweep.points import Point, expand, in_order_of_running
from spikeseg_core.sweep.table import DONE, Outcome, point_table, run_table
from tasks.dask_cluster import ADDRESS
from tasks.local import state
from tasks.mlflow import sweep as sweep_tracking
from tasks.mlflow.store import Run, store
from tasks.mlflow.tracking import status_of
from tasks.prefect.artifacts import PageProgress
from tasks.prefect.bootstrap import set_up_for_prefect
from tasks.prefect.names import named
from tasks.studies import Study, definition, fixed
from tasks.sweep_point import PointResult, run_point

if TYPE_CHECKING:
    from prefect_dask.task_runners import DaskTaskRunner


def _name() -> str:
    parameters = flow_run.parameters
    own: Sweep | None = parameters.get("own")
    return own.title if own is not None else str(getattr(parameters["study"], "value", "sweep"))


@flow(name="sweep", flow_run_name=named(_name))
def sweep(
    study: Annotated[
        Study, shown("Study", "a sweep that comes with the project (deployments/sweeps)")
    ] = Study.operating_point,
    own: Annotated[
        Sweep | None, shown("Custom sweep", "replaces the study: what varies, and what is shown")
    ] = None,
    preset: Annotated[
        str | None, shown("Preset", "quick, paper or lean, in place of the study's own preset")
    ] = None,
    workers: Annotated[
        int,
        Field(ge=1, le=64),
        shown(
            "Workers",
            "worker processes on this machine (1 to 64); 1 uses this process. "
            "DASK_SCHEDULER_ADDRESS overrides it",
        ),
    ] = 1,
) -> dict[str, Any]:
    """Run the pipeline with different settings and compare the results.

    Stages that several points have in common, such as a training, run once. A point that fails, or
    whose network does not fit the board, gets a row that says so. Nothing is selected on the test
    split. The results do not depend on the number of workers.
    """
    asked = own if own is not None else definition(study.value)
    asked = asked.changed({}, (), preset)
    run = sweep_tracking.start(asked)
    done = Progress(asked, run)
    try:
        with dask(workers) as runner:
            for points in rounds(asked, done):
                done.add(points)
                run_jobs(done.to_run(points), runner, done)
        summary = conclude(done)
    except BaseException as error:
        sweep_tracking.finish(run, [], {}, asked.question, status_of(error))
        raise
    folds.require_all(asked, summary["failed"])
    return summary


def rounds(asked: Sweep, done: Progress) -> Iterator[Sequence[Point]]:
    """Yield the points: all at once, or in the rounds that a search proposes."""
    if asked.search is None:
        yield expand(asked)
        return
    from spikeseg_core.sweep.search import Study as Search

    search = Search(asked)
    for points in search.rounds():
        yield points
        search.tell([done.medians(point) for point in points])


Job = tuple[Point, int]
"""A point and a seed."""


@dataclass
class Progress:
    """The points of a sweep and their results so far."""

    sweep: Sweep
    run: Run | None
    points: list[Point] = field(default_factory=list)
    cores: dict[str, int | None] = field(default_factory=dict)
    outcomes: dict[tuple[str, int], Outcome] = field(default_factory=dict)
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    page: PageProgress = field(default_factory=lambda: PageProgress("progress-sweep"))

    def add(self, points: Sequence[Point]) -> None:
        """Add points; those whose network does not fit the board fail before any training."""
        new = [point for point in points if point.name not in self.cores]
        self.points += new
        for point in new:
            config = next(iter(point.configs.values()))
            self.cores[point.name], problem = None, ""
            try:
                self.cores[point.name] = needed = cores_needed(config)
                if needed > (available := cores_of(config)):
                    problem = f"does not fit: {needed} cores needed, the board has {available}"
            except MappingError as error:
                problem = f"does not fit: {error}"
            if problem:
                for seed in point.configs:
                    self.settle((point, seed), problem)

    def to_run(self, points: Sequence[Point]) -> list[Job]:
        """List the jobs that still have to run, in order."""
        jobs = in_order_of_running(points)
        return [(point, seed) for point, seed in jobs if (point.name, seed) not in self.outcomes]

    def settle(self, job: Job, found: PointResult | str) -> None:
        """Record and log the outcome of a job."""
        point, seed = job
        self.outcomes[point.name, seed] = (
            Outcome(error=found)
            if isinstance(found, str)
            else Outcome(
                found.metrics,
                found.minutes,
                sections=found.sections,
                data=found.data,
                claims=found.claims,
                levers=found.levers,
            )
        )
        sweep_tracking.log_point(self.run, point.name, seed, point.settings, found)
        what = found if isinstance(found, str) else f"done, {found.minutes:.1f} min of stages"
        get_run_logger().info("%s, seed %d: %s", point.name, seed, what)
        self._show(f"{point.name}, seed {seed}: {what}")

    def _show(self, message: str) -> None:
        """Show the progress on Prefect's page."""
        search, seeds = self.sweep.search, len(self.sweep.seeds)
        total = (search.trials if search is not None else len(self.points)) * seeds
        percent = min(100.0, 100 * len(self.outcomes) / total)
        self.page.show(percent, message)

    def medians(self, point: Point) -> dict[str, float] | None:
        """Medians of a point's metrics over its seeds; None if a seed failed."""
        row = self.table([point]).iloc[0]
        if row["status"] != DONE:
            return None
        return {name: float(row[name]) for name in self.sweep.read_metrics()}

    def table(self, points: Sequence[Point] | None = None) -> Any:
        """Tabulate the points."""
        return point_table(self.sweep, points or self.points, self.outcomes, self.cores)


def run_jobs(jobs: Sequence[Job], runner: DaskTaskRunner | None, done: Progress) -> None:
    """Run all jobs, without a runner in this process, and settle each when it ends."""
    if runner is None:
        # On the main thread, which Ctrl-C and cancelling interrupt; another thread would run on.
        for job in jobs:
            done.settle(job, _found(partial(run_point, **_parameters(job, done))))
        return
    futures: dict[PrefectFuture[PointResult], Job] = {
        runner.submit(run_point, _parameters(job, done)): job for job in jobs
    }
    for future in as_completed(list(futures)):
        done.settle(futures[future], _found(future.result))


@contextmanager
def dask(workers: int) -> Iterator[DaskTaskRunner | None]:
    """Yield a runner on local workers or on a cluster; None to run in this process."""
    address = os.environ.get(ADDRESS)
    if workers == 1 and not address:
        yield None
        return
    from dask import config
    from prefect_dask.task_runners import DaskTaskRunner

    # It logs every connection, and every worker that it ends because TensorFlow's threads linger.
    logging.getLogger("distributed").setLevel(logging.ERROR)

    # Without this address every worker would start a Prefect server. Dask's own pages would tell
    # other users of this machine what runs.
    with (
        get_client(sync_client=True) as client,
        temporary_settings({PREFECT_API_URL: str(client.api_url)}),
        config.set({f"distributed.{part}.http.routes": [] for part in ("scheduler", "worker")}),
    ):
        runner = (
            DaskTaskRunner(address=address)
            if address
            else DaskTaskRunner(
                cluster_kwargs={
                    "n_workers": workers,
                    "threads_per_worker": 1,
                    "host": "127.0.0.1",
                    "dashboard_address": None,
                    "security": True,  # TLS: other users' clients could run anything as this one
                    "memory_limit": 0,
                    "env": {"TERM": "dumb"},  # log lines: two bars would overwrite each other
                }
            )
        )
        with runner:
            yield runner


def _parameters(job: Job, done: Progress) -> dict[str, Any]:
    point, seed = job
    return {
        "config": point.configs[seed],
        "until": done.sweep.until,
        "name": point.name,
        "seed": seed,
        "parent": done.run.id if done.run is not None else None,
    }


def _found(job: Callable[[], PointResult]) -> PointResult | str:
    """Return the result of a job, or one line on why it failed."""
    try:
        return job()
    except Exception as error:  # including the cluster's, such as a killed worker
        return _reason(error)


def _reason(error: BaseException) -> str:
    message = " ".join(str(error).split()) or "no message"
    kind = "" if isinstance(error, SpikeSegError) else f"{type(error).__name__}: "
    return f"failed: {kind}{message}"[:500]


def conclude(done: Progress) -> dict[str, Any]:
    """Write tables and picture to ``.spikeseg/runs/<id>/``, log them, and summarize."""
    asked, table = done.sweep, done.table()
    slug = re.sub(r"[^a-z0-9]+", "-", asked.title.lower()).strip("-")
    folder = state.current().runs / f"{done.started:%Y%m%d-%H%M%S}-sweep-{slug}"
    failed = table.loc[table["status"] != DONE, "point"].tolist()
    metrics = {"sweep/points": float(len(table)), "sweep/failed": float(len(failed))}
    files = list(_write(done, table, folder))
    markdown = report(asked, points_table(asked, table))
    tested = None if failed or asked.folds is None else collect(done.points, done.outcomes)
    if tested is not None:
        files += folds.write(tested, asked, folder)
        metrics |= tested.metrics()
        markdown = f"{folds.report(tested)}\n{markdown}"
        sweep_tracking.tag_data(done.run, tested)
    write_text(folder / "sweep.md", markdown)
    status = "FAILED" if failed and asked.folds is not None else "FINISHED"
    sweep_tracking.finish(done.run, [*files, folder / "sweep.md"], metrics, markdown, status)
    run = done.run
    page = run.store.attempt("give a link", lambda: run.page) if run is not None else None
    create_markdown_artifact(
        f"MLflow run: {page or 'none, MLflow did not answer'}\n\n{markdown}", key="sweep"
    )
    create_table_artifact(plain_rows(points_table(asked, table)), key="sweep-table")
    chosen = table.loc[table["chosen"], "point"]
    return {
        "title": asked.title,
        "points": table.astype(object).where(table.notna(), None).to_dict(orient="records"),
        "chosen": None if chosen.empty else str(chosen.iloc[0]),
        "front": table.loc[table["front"], "point"].tolist(),
        "failed": failed,
        "table": str(folder / "points.parquet"),
        "report": str(folder / "sweep.md"),
        "mlflow": {
            "tracking_uri": store().name,
            "run_id": done.run.id if done.run is not None else None,
        },
        **(tested.to_json() if tested is not None else {}),
    }


def _write(done: Progress, table: Any, folder: Path) -> Iterable[Path]:
    asked = done.sweep
    for name, part in (("points", table), ("runs", run_table(done.points, done.outcomes))):
        with atomic_path(folder / f"{name}.parquet") as temporary:
            part.to_parquet(temporary, index=False)
        yield folder / f"{name}.parquet"
    if asked.picture is not None:
        x, y = asked.picture.x.metric, asked.picture.y.metric
        yield pareto_figure(table, x, y, folder / "pareto.png", asked.title)
    write_json(folder / "definition.json", asked.model_dump(mode="json"))
    yield folder / "definition.json"


def report(asked: Sweep, table: Table) -> str:
    """Write title, question and table of points in Markdown."""
    seeds = ", ".join(map(str, asked.seeds))
    return (
        f"# {asked.title}\n\n{asked.question}\n\n"
        f"Preset `{asked.preset}`, up to stage `{asked.until}`, seeds {seeds}: median (minimum to "
        f"maximum). Scores are measured; the benchmark stage says which energies are. The front "
        f"and the choice use the validation split only.\n\n{markdown_table(table)}"
    )


def run_sweep(
    name_or_file: str,
    workers: int,
    dataset: str,
    seeds: Sequence[int],
    changes: Sequence[str],
    *,
    preset: str | None = None,
) -> dict[str, Any]:
    """Run a sweep with the settings of the command line, and show its table.

    ``preset`` replaces the sweep's own.

    Raises
    ------
    ConfigError
        If there is no such sweep, or a setting is unknown or out of bounds.
    """
    asked = definition(name_or_file).changed(fixed(dataset, changes), seeds, preset)
    set_up_for_prefect()
    summary = sweep(own=asked, workers=workers)
    show(asked, summary)
    return summary


def show(asked: Sweep, summary: Mapping[str, Any]) -> None:
    """Print the table of points, and where to find the rest."""
    console = wide_console()
    if asked.folds is not None:
        folds.show(Path(summary["report"]).parent, console)
    else:
        table = points_table(asked, pd.read_parquet(summary["table"]))
        console.print(terminal_table(table, asked.title))
    console.print(f"report    {summary['report']}", soft_wrap=True, markup=False)
    console.print(f"MLflow    {summary['mlflow']['run_id']}", soft_wrap=True, markup=False)
