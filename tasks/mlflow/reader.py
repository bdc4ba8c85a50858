"""The only reader of MLflow: runs by query, id or name, and finished work for the reports.

It never reads this machine's folders, so a report can be made wherever the MLflow store is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from spikeseg_core.errors import ConfigError
from spikeseg_core.report.comparison import ComparedRun
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
from tasks.mlflow.store import (
    BENCH_TAG,
    INPUTS_TAG,
    KEY_TAG,
    MOST_RUNS,
    RUNS_TAG,
    SEGMENTATION_TAG,
    STAGE_TAG,
    Store,
    by_stage,
    store,
)

if TYPE_CHECKING:
    from mlflow.entities import LoggedModel
    from mlflow.entities import Run as MlflowRun

FILES = "stage/"
"""Artifact folder with all files of a stage."""

FINISHED = "attributes.status = 'FINISHED'"
DATA_TAGS = ("dataset.source", "dataset.sha256", "synthetic")
CODE_TAGS = ("spikeseg.version", "git.commit", "git.dirty")
MOST_TOLD = 10
"""Runs that a message lists."""
PROVENANCE = "provenance.json"
"""Artifact with the versions of the packages, and the machine."""


class Reader:
    """The runs of one MLflow store."""

    def __init__(self, at: Store) -> None:
        self.store = at

    def search(self, query: str, *, newest: int = MOST_RUNS) -> list[MlflowRun]:
        """Return the runs that match MLflow's query, newest first."""
        return list(
            self.store.client.search_runs(
                [self.store.experiment],
                query,
                order_by=["attributes.start_time DESC"],
                max_results=newest,
            )
        )

    def get(self, run_id: str) -> MlflowRun:
        """Return the run with that id; a ConfigError if there is none or MLflow is down."""
        try:
            return self.store.client.get_run(run_id)
        except Exception as error:  # each kind of store has its own error
            raise ConfigError(self._missing(run_id, f" ({type(error).__name__})")) from error

    def tags(self, run_id: str) -> dict[str, str]:
        """Return a run's tags; raises as :meth:`get`."""
        return dict(self.get(run_id).data.tags)

    def named(self, name: str) -> MlflowRun:
        """Return the run of that name or id, or the only one whose id starts with it.

        Raises
        ------
        ConfigError
            If there is no such run, or several; names these with their dates.
        """
        if re.fullmatch(r"[0-9a-f]{32}", name):
            return self.get(name)
        found = self.search(
            f"attributes.run_name = '{name.replace(chr(39), '')}'", newest=MOST_TOLD
        )
        if re.fullmatch(r"[0-9a-f]{1,31}", name):
            found += self.search(f"attributes.run_id LIKE '{name}%'", newest=MOST_TOLD)
        if not found:
            raise ConfigError(self._missing(name))
        if len(found) > 1:
            told = "\n".join(f"  {_told(run)}" for run in found[:MOST_TOLD])
            raise ConfigError(
                f"{name!r} fits several runs at {self.store.name}; give the beginning of one id:\n"
                f"{told}"
            )
        return found[0]

    def _missing(self, name: str, why: str = "") -> str:
        return (
            f"there is no run {name!r} at {self.store.name}{why}; its id and name are in the "
            f"summary of the run and on MLflow's page"
        )

    def registered_runs(self) -> list[str]:
        """Return the runs behind all versions of all registered models."""
        found, token = [], None
        while True:
            page = self.store.client.search_model_versions(max_results=MOST_RUNS, page_token=token)
            found += [str(version.run_id) for version in page if version.run_id]
            token = page.token
            if not token:
                return found

    def logged_model(self, run_id: str) -> LoggedModel | None:
        """Return the last model that was logged to a run, or None."""
        outputs = self.get(run_id).outputs
        models = outputs.model_outputs if outputs is not None else []
        return self.store.client.get_logged_model(models[-1].model_id) if models else None

    def compared(self, names: Sequence[str], newest: int = 2) -> list[ComparedRun]:
        """Read runs for a comparison: those named, or the ``newest`` pipelines, oldest first.

        Raises
        ------
        ConfigError
            If a run does not exist, or there are fewer than two.
        """
        pipelines = f"tags.`{STAGE_TAG}` = 'pipeline' and {FINISHED}"
        found = [self.named(n) for n in names] or self.search(pipelines, newest=newest)[::-1]
        if len(found) < 2:
            raise ConfigError(
                f"{len(found)} run at {self.store.name} to compare; give two or more ids or names, "
                f"or run the pipeline again with other settings first"
            )
        return [self._compared(run) for run in found]

    def _compared(self, run: MlflowRun) -> ComparedRun:
        tags = run.data.tags
        started = datetime.fromtimestamp(run.info.start_time / 1000, UTC)
        packages = self._artifact(run.info.run_id, PROVENANCE).get("versions", {})
        versions = {f"version.{name}": packages[name] for name in sorted(packages)}
        return ComparedRun(
            id=run.info.run_id,
            name=str(run.info.run_name),
            about={
                "kind": tags.get(STAGE_TAG, "?"),
                "state": run.info.status.lower(),
                "started": f"{started:%Y-%m-%d %H:%M} UTC",
            },
            settings=dict(run.data.params),
            data={name: tags.get(name, "?") for name in DATA_TAGS},
            code={name: tags.get(name, "?") for name in CODE_TAGS} | versions,
            metrics=dict(self._metrics(run)),
        )

    def _artifact(self, run_id: str, name: str) -> dict[str, Any]:
        """Read a run's JSON file; empty if it has none."""
        with TemporaryDirectory() as temporary:
            try:
                path = self.store.client.download_artifacts(run_id, name, temporary)
            except Exception:  # each kind of store has its own error
                return {}
            return dict(json.loads(Path(path).read_text(encoding="utf-8")))

    def _metrics(self, run: MlflowRun) -> Iterator[tuple[str, float]]:
        """Metrics of the run and of its stages, each prefixed with what segmented."""
        tags = run.data.tags
        if tags.get(STAGE_TAG) in registry.STAGES:
            yield from self._metrics_of_stage(run)
        elif tags.get(STAGE_TAG) == "pipeline":
            for run_id in by_stage(tags, RUNS_TAG).values():
                yield from self._metrics_of_stage(self.get(run_id))
        else:
            yield from run.data.metrics.items()

    def _metrics_of_stage(self, run: MlflowRun) -> Iterator[tuple[str, float]]:
        """Metrics of a stage's run and of the sibling runs for its other segmentations."""
        tags = run.data.tags
        beside = []
        if KEY_TAG in tags:
            beside = self.search(
                f"tags.`{KEY_TAG}` = '{tags[KEY_TAG]}' and tags.`{STAGE_TAG}` = '{tags[STAGE_TAG]}'"
            )
        # The run itself comes last, so its metrics take precedence.
        for each in [*(other for other in beside if other.info.run_id != run.info.run_id), run]:
            tag = each.data.tags.get(SEGMENTATION_TAG, "")
            yield from ((f"{tag}/{name}", value) for name, value in each.data.metrics.items())


def _told(run: MlflowRun) -> str:
    """Describe a run in a line of a message: id, date, kind and state."""
    started = datetime.fromtimestamp(run.info.start_time / 1000, UTC)
    kind = run.data.tags.get(STAGE_TAG, "?")
    return (
        f"{run.info.run_id[:12]}  {started:%Y-%m-%d %H:%M} UTC  {run.info.run_name} ({kind}, "
        f"{run.info.status.lower()})"
    )


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

    def _recorded(self, run: MlflowRun) -> RecordedRun:
        run_id = str(run.info.run_id)

        def fetch(name: str) -> Path | None:
            folder = self._cache / run_id
            folder.mkdir(exist_ok=True)
            try:
                return Path(self.store.client.download_artifacts(run_id, name, str(folder)))
            except Exception:  # each kind of store has its own error
                return None

        return RecordedRun(
            id=run_id,
            name=str(run.info.run_name),
            tags=run.data.tags,
            ended=(run.info.end_time or run.info.start_time) / 1000,
            page=run_page(self.store.name, run.info.experiment_id, run_id),
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
