"""Finished work in MLflow, as the reports read it.

It never reads this machine's stage folders, so a report can be made wherever the MLflow store is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from spikeseg_core.report.records import (
    Measured,
    RecordedPipeline,
    RecordedRun,
    RecordedStage,
    RecordedSweep,
    recorded_sweep,
)
from spikeseg_core.stages import table as registry
from tasks.folder import RECORD
from tasks.local.machine import FINGERPRINT
from tasks.mlflow.pages import run_page
from tasks.mlflow.reader import FINISHED, AnyRun, Reader
from tasks.mlflow.store import (
    BENCH_TAG,
    INPUTS_TAG,
    RUNS_TAG,
    SEGMENTATION_TAG,
    STAGE_TAG,
    Store,
    by_stage,
    store,
)

FILES = "stage/"
"""Artifact folder with all files of a stage."""


class MlflowRecords(Reader):
    """Finished work in one MLflow store, as :class:`spikeseg_core.report.records.Records`.

    Artifacts are fetched into the folder ``cache``.
    """

    def __init__(self, at: Store, cache: Path) -> None:
        super().__init__(at)
        self._cache = cache
        self._stages: dict[str, RecordedStage | None] = {}

    def runs(self, query: str) -> list[RecordedRun]:
        """Return the finished runs that match MLflow's query, newest first."""
        return [self._recorded(run) for run in self.search(f"{FINISHED} and {query}")]

    def _recorded(self, run: AnyRun) -> RecordedRun:
        run_id = str(run.info.run_id)

        def fetch(name: str) -> Path | None:
            folder = self._cache / run_id
            folder.mkdir(exist_ok=True)
            return self.artifact(run_id, name, folder)

        return RecordedRun(
            id=run_id,
            name=str(run.info.run_name),
            tags=run.data.tags,
            ended=(run.info.end_time or run.info.start_time) / 1000,
            page=run_page(self.store.uri, run.info.experiment_id, run_id),
            fetch=fetch,
        )

    def stage(self, run_id: str) -> RecordedStage | None:
        """Return the finished stage of that run; None if not all its files were logged."""
        if run_id not in self._stages:
            run = self._recorded(self.get(run_id))
            account = run.json(f"{FILES}{RECORD}")
            self._stages[run_id] = RecordedStage(run, account, FILES) if account else None
        return self._stages[run_id]

    def pipelines(self) -> list[RecordedPipeline]:
        """All finished pipelines with all stages logged, newest first."""
        found = []
        for run in self.runs(f"tags.`{STAGE_TAG}` = 'pipeline'"):
            ids = by_stage(run.tags, RUNS_TAG)
            if set(ids) == set(registry.STAGES):
                stages = {name: self.stage(run_id) for name, run_id in ids.items()}
                whole = {name: stage for name, stage in stages.items() if stage is not None}
                if len(whole) == len(ids):
                    found.append(RecordedPipeline(run, whole))
        return found

    def sweeps(self) -> list[RecordedSweep]:
        """All finished sweeps, newest first."""
        found = (recorded_sweep(run) for run in self.runs(f"tags.`{STAGE_TAG}` = 'sweep'"))
        return [sweep for sweep in found if sweep is not None]

    def measured(self, preset: str) -> Mapping[str, Measured]:
        """Newest result of each ``spikeseg bench`` of a preset, by its name."""
        found: dict[str, Measured] = {}
        for run in self.runs(f"tags.`{STAGE_TAG}` = 'bench' and tags.preset = '{preset}'"):
            what = run.tags.get(BENCH_TAG, "")
            result = run.json("result.json") if what not in found else None
            if result is not None:
                found[what] = (run, result)
        return found

    def benchmarks(self, machine: str, deployment: str) -> list[RecordedStage]:
        """Return the finished benchmarks of one deployed network on one machine, newest first.

        ``machine`` is a fingerprint, ``deployment`` the key of the stage ``deploy``.
        """
        runs = self.runs(
            f"tags.`{STAGE_TAG}` = 'benchmark' and tags.`{SEGMENTATION_TAG}` = 'benchmark' and "
            f"tags.`{FINGERPRINT}` = '{machine}' and tags.`{INPUTS_TAG}` LIKE '%{deployment}%'"
        )
        found = (self.stage(run.id) for run in runs)
        return [stage for stage in found if stage is not None]


@contextmanager
def records() -> Iterator[MlflowRecords]:
    """Read the MLflow store in use; fetched artifacts are deleted at the end."""
    with TemporaryDirectory(prefix="spikeseg-records-") as temporary:
        yield MlflowRecords(store(), Path(temporary))
