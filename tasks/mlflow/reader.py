"""What MLflow knows, and nothing else: finished runs, read back from their tags and artifacts.

The folders of this machine are not looked at, so whatever is made from this can be made again
wherever the MLflow store is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pandas as pd

from spikeseg_core.config import PipelineConfig
from spikeseg_core.errors import ConfigError
from spikeseg_core.stages import table as registry
from spikeseg_core.storage import digest_json
from tasks.folder import RECORD, StageRecord
from tasks.local.machine import FINGERPRINT
from tasks.mlflow.store import Store, store
from tasks.mlflow.tracking import INPUT_TAG, SEGMENTATION_TAG, STAGE_TAG

if TYPE_CHECKING:
    from mlflow.entities import Run as MlflowRun

FILES = "stage"
"""Artifact folder with all files of a stage."""

SEEDS = (("train", "seed"), ("tune", "seed"), ("partition", "seed"))
"""Settings that change the luck of a run and not what it is."""

NOT_DECISIVE = ("dataset", "benchmark", "tolerance", "promotion")
"""Sections of the settings that change no result: the data count by what they are."""

MOST_RUNS = 1000


@dataclass(frozen=True, eq=False)
class RecordedRun:
    """A run in MLflow, with its artifacts.

    Attributes
    ----------
    id, name : str
        Its MLflow run id and name.
    tags : mapping of str to str
    metrics : mapping of str to float
    params : mapping of str to str
    ended : float
        When it ended, in seconds since 1970.
    page : str or None
        Its page, where MLflow has a server.
    """

    id: str
    name: str
    tags: Mapping[str, str]
    metrics: Mapping[str, float]
    params: Mapping[str, str]
    ended: float
    page: str | None
    _store: Store = field(repr=False)
    _cache: Path = field(repr=False)

    def file(self, artifact: str) -> Path | None:
        """Fetch an artifact; None where the run has none of that name."""
        try:
            return Path(self._store.client.download_artifacts(self.id, artifact, str(self._cache)))
        except Exception:  # each kind of store has its own error for a file that is not there
            return None

    def json(self, artifact: str) -> Any:
        """Read a JSON artifact; None where there is none."""
        path = self.file(artifact)
        return json.loads(path.read_text(encoding="utf-8")) if path is not None else None

    def table(self, artifact: str) -> pd.DataFrame | None:
        """Read a Parquet artifact; None where there is none."""
        path = self.file(artifact)
        return pd.read_parquet(path) if path is not None else None


@dataclass(frozen=True, eq=False)
class RecordedStage:
    """A finished stage, as MLflow has it.

    Attributes
    ----------
    run : RecordedRun
    record : StageRecord
        The stage's own account: settings, metrics, facts, names of pictures and tables.
    """

    run: RecordedRun
    record: StageRecord

    @property
    def metrics(self) -> dict[str, dict[str, float]]:
        """Metrics by tag, those that are numbers."""
        return {
            tag: {name: value for name, value in values.items() if value is not None}
            for tag, values in self.record.outcome.metrics.items()
        }

    @property
    def facts(self) -> Mapping[str, Any]:
        """What the stage found that is no number."""
        return self.record.outcome.facts

    def file(self, name: str) -> Path | None:
        """Fetch one of the stage's files."""
        return self.run.file(f"{FILES}/{name}")

    @property
    def folder(self) -> Path | None:
        """All of the stage's files, fetched; None where they were not logged."""
        return self.run.file(FILES)

    def table(self, name: str) -> pd.DataFrame | None:
        """Read one of the stage's tables."""
        return self.run.table(f"{FILES}/{name}.parquet")


@dataclass(frozen=True, eq=False)
class RecordedPipeline:
    """A finished run of the whole pipeline, with its stages."""

    run: RecordedRun
    stages: Mapping[str, RecordedStage]

    @property
    def preset(self) -> str:
        """Preset it started from."""
        return self.run.tags.get("preset", "?")

    @property
    def settings(self) -> dict[str, dict[str, Any]]:
        """Settings of all stages, by section."""
        return self.stages["benchmark"].record.settings

    @property
    def seeds(self) -> dict[str, int]:
        """Its seeds, by section."""
        return {part: int(self.settings[part][name]) for part, name in SEEDS}

    def follows(self, config: PipelineConfig) -> bool:
        """Whether its settings are these, but for seeds and where the sections come from."""
        return _decisive(self.settings) == _decisive(config.model_dump(mode="json"))

    @cached_property
    def kind(self) -> str:
        """Digest of all that determines a result but the seeds: settings, network and data."""
        dataset = self.stages["prepare"].facts
        return digest_json(
            {
                "settings": _decisive(self.settings),
                "network": self.stages["train"].facts.get("network"),
                "tiles_per_axis": self.settings["dataset"].get("tiles_per_axis"),
                "data": dataset.get("sha256"),
                "splits": dataset.get("splits"),
            }
        )

    @property
    def metrics(self) -> dict[str, dict[str, float]]:
        """Metrics of all stages, by tag."""
        return {
            tag: values for stage in self.stages.values() for tag, values in stage.metrics.items()
        }


def _decisive(settings: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what changes a result, of settings by section."""
    return {
        part: {name: value for name, value in values.items() if (part, name) not in SEEDS}
        for part, values in settings.items()
        if part not in NOT_DECISIVE and isinstance(values, Mapping)
    }


class Records:
    """The finished runs of one MLflow store."""

    def __init__(self, at: Store, cache: Path) -> None:
        self.store = at
        self._cache = cache
        self._stages: dict[str, RecordedStage | None] = {}

    def runs(self, query: str, *, newest: int = MOST_RUNS) -> list[RecordedRun]:
        """Finished runs that MLflow's query names, the newest first."""
        found = self.store.client.search_runs(
            [self.store.experiment],
            f"attributes.status = 'FINISHED' and {query}",
            order_by=["attributes.start_time DESC"],
            max_results=newest,
        )
        return [self._run(run) for run in found]

    def run(self, run_id: str) -> RecordedRun:
        """Return the run with that id.

        Raises
        ------
        ConfigError
            If there is none.
        """
        try:
            return self._run(self.store.client.get_run(run_id))
        except Exception as error:
            raise ConfigError(
                f"there is no run {run_id!r} in {self.store.uri}; take the run id from the summary "
                f"of a run or from MLflow's page"
            ) from error

    def _run(self, run: MlflowRun) -> RecordedRun:
        page = None
        if self.store.uri.startswith("http"):
            base = self.store.uri.rstrip("/")
            page = f"{base}/#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}"
        folder = self._cache / str(run.info.run_id)
        folder.mkdir(exist_ok=True)
        return RecordedRun(
            id=run.info.run_id,
            name=str(run.info.run_name),
            tags=run.data.tags,
            metrics=run.data.metrics,
            params=run.data.params,
            ended=(run.info.end_time or run.info.start_time) / 1000,
            page=page,
            _store=self.store,
            _cache=folder,
        )

    def stage(self, run_id: str) -> RecordedStage | None:
        """Return the finished stage of that run; None where its record was not logged whole."""
        if run_id not in self._stages:
            run = self.run(run_id)
            path = run.file(f"{FILES}/{RECORD}")
            text = path.read_text(encoding="utf-8") if path is not None else None
            self._stages[run_id] = (
                RecordedStage(run, StageRecord.model_validate_json(text)) if text else None
            )
        return self._stages[run_id]

    def pipeline(self, run_id: str) -> RecordedPipeline | None:
        """Return the pipeline of that run; None where one of its stages was not logged whole."""
        return self._pipeline(self.run(run_id))

    def _pipeline(self, run: RecordedRun) -> RecordedPipeline | None:
        stages: dict[str, RecordedStage] = {}
        for name in registry.STAGES:
            run_id = run.tags.get(f"run.{name}")
            found = self.stage(run_id) if run_id is not None else None
            if found is None:
                return None
            stages[name] = found
        return RecordedPipeline(run, stages)

    def pipelines(self) -> list[RecordedPipeline]:
        """All finished pipelines, the newest first."""
        found = (self._pipeline(run) for run in self.runs(f"tags.`{STAGE_TAG}` = 'pipeline'"))
        return [pipeline for pipeline in found if pipeline is not None]

    def benchmarks(self, machine: str, deployment: str) -> list[RecordedStage]:
        """Finished benchmarks of one deployed network on one machine, the newest first.

        Parameters
        ----------
        machine : str
            Fingerprint, from :func:`tasks.local.machine.machine_tags`.
        deployment : str
            Key of the stage ``deploy``.
        """
        runs = self.runs(
            f"tags.`{STAGE_TAG}` = 'benchmark' and tags.`{SEGMENTATION_TAG}` = 'benchmark' and "
            f"tags.`{FINGERPRINT}` = '{machine}' and tags.`{INPUT_TAG}deploy` = '{deployment}'"
        )
        found = (self.stage(run.id) for run in runs)
        return [stage for stage in found if stage is not None]


@contextmanager
def records() -> Iterator[Records]:
    """Read the MLflow store in use; what is fetched is gone at the end."""
    with TemporaryDirectory(prefix="spikeseg-records-") as temporary:
        yield Records(store(), Path(temporary))
