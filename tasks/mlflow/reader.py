"""The only reader of MLflow: runs by query, id or name.

The database of the state folder is read as it is, so that commands answer at once; any other store
by MLflow's client.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeAlias

from spikeseg_core.errors import ConfigError
from spikeseg_core.report.comparison import ComparedRun
from tasks.local import state
from tasks.mlflow.database import Database, StoredRun
from tasks.mlflow.store import (
    KEY_TAG,
    MOST_RUNS,
    RUNS_TAG,
    SEGMENTATION_TAG,
    STAGE_TAG,
    Store,
    by_stage,
)

if TYPE_CHECKING:
    from mlflow.entities import LoggedModel
    from mlflow.entities import Run as MlflowRun

AnyRun: TypeAlias = "MlflowRun | StoredRun"

FINISHED = "attributes.status = 'FINISHED'"
DATA_TAGS = ("dataset.source", "dataset.sha256", "synthetic")
CODE_TAGS = ("spikeseg.version", "git.commit", "git.dirty")
MOST_TOLD = 10
"""Runs that a message lists."""
PROVENANCE = "provenance.json"
"""Artifact with the versions of the packages, and the machine."""
SETTINGS = "settings.json"
"""Artifact with all settings of a pipeline; its parameters are those that one looks at."""


class Reader:
    """The runs of one MLflow store."""

    def __init__(self, at: Store) -> None:
        self.store = at
        self._database = _database(at.uri)

    def search(self, query: str, *, newest: int = MOST_RUNS) -> list[AnyRun]:
        """Return the runs that match MLflow's query, newest first."""
        if self._database is not None:
            return list(self._database.search(state.experiment(), query, newest))
        return list(
            self.store.client.search_runs(
                [self.store.experiment],
                query,
                order_by=["attributes.start_time DESC"],
                max_results=newest,
            )
        )

    def get(self, run_id: str) -> AnyRun:
        """Return the run with that id; a ConfigError if there is none or MLflow is down."""
        try:
            if self._database is not None:
                return self._database.get(run_id)
            return self.store.client.get_run(run_id)
        except Exception as error:  # each kind of store has its own error
            raise ConfigError(self._missing(run_id, f" ({type(error).__name__})")) from error

    def tags(self, run_id: str) -> dict[str, str]:
        """Return a run's tags; raises as :meth:`get`."""
        return dict(self.get(run_id).data.tags)

    def named(self, name: str) -> AnyRun:
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
            f"summaries of runs and on MLflow's page"
        )

    def registered_runs(self) -> list[str]:
        """Return the runs behind all versions of all registered models."""
        if self._database is not None:
            return self._database.registered_runs()
        found, token = [], None
        while True:
            page = self.store.client.search_model_versions(max_results=MOST_RUNS, page_token=token)
            found += [str(version.run_id) for version in page if version.run_id]
            token = page.token
            if not token:
                return found

    def logged_model(self, run_id: str) -> LoggedModel | None:
        """Return the last model that was logged to a run, or None."""
        outputs = self.store.client.get_run(run_id).outputs
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

    def _compared(self, run: AnyRun) -> ComparedRun:
        tags = run.data.tags
        started = datetime.fromtimestamp(run.info.start_time / 1000, UTC)
        packages = self._json(run.info.run_id, PROVENANCE).get("versions", {})
        versions = {f"version.{name}": packages[name] for name in sorted(packages)}
        return ComparedRun(
            id=run.info.run_id,
            name=str(run.info.run_name),
            about={
                "kind": tags.get(STAGE_TAG, "?"),
                "state": run.info.status.lower(),
                "started": f"{started:%Y-%m-%d %H:%M} UTC",
            },
            settings={**run.data.params, **self._settings(run.info.run_id)},
            data={name: tags.get(name, "?") for name in DATA_TAGS},
            code={name: tags.get(name, "?") for name in CODE_TAGS} | versions,
            metrics=dict(self._metrics(run)),
        )

    def _settings(self, run_id: str) -> dict[str, str]:
        """All settings of a pipeline, as MLflow writes parameters; none of another run."""
        return {name: str(value) for name, value in self._json(run_id, SETTINGS).items()}

    def artifact(self, run_id: str, name: str, folder: Path) -> Path | None:
        """Return the path of a run's file, fetched into ``folder`` if need be; None without it."""
        try:
            if self._database is not None:
                return self._database.artifact(run_id, name)
            return Path(self.store.client.download_artifacts(run_id, name, str(folder)))
        except Exception:  # each kind of store has its own error
            return None

    def _json(self, run_id: str, name: str) -> dict[str, Any]:
        """Read a run's JSON file; empty if it has none."""
        with TemporaryDirectory() as temporary:
            path = self.artifact(run_id, name, Path(temporary))
            return dict(json.loads(path.read_text(encoding="utf-8"))) if path is not None else {}

    def _metrics(self, run: AnyRun) -> Iterator[tuple[str, float]]:
        """Metrics of the run and of its stages, each prefixed with what segmented."""
        tags = run.data.tags
        if tags.get(STAGE_TAG) == "pipeline":
            for run_id in by_stage(tags, RUNS_TAG).values():
                yield from self._metrics_of_stage(self.get(run_id))
        elif KEY_TAG in tags:
            yield from self._metrics_of_stage(run)
        else:
            yield from run.data.metrics.items()

    def _metrics_of_stage(self, run: AnyRun) -> Iterator[tuple[str, float]]:
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


def _told(run: AnyRun) -> str:
    """Describe a run in a line of a message: id, date, kind and state."""
    started = datetime.fromtimestamp(run.info.start_time / 1000, UTC)
    kind = run.data.tags.get(STAGE_TAG, "?")
    return (
        f"{run.info.run_id[:12]}  {started:%Y-%m-%d %H:%M} UTC  {run.info.run_name} ({kind}, "
        f"{run.info.status.lower()})"
    )


def _database(uri: str) -> Database | None:
    """Return the state folder's own database if it is the store in use, or its server's."""
    here = state.current()
    if uri != here.mlflow_database and uri != _own_server(here):
        return None
    found = Database(here.home / "mlflow.db", here.mlflow_artifacts)
    return found if found.exists else None


def _own_server(here: state.State) -> str | None:
    """Address of the MLflow server that `spikeseg up` has started for this state folder."""
    try:
        noted = json.loads(here.servers_file.read_text())
        return str(noted["environment"]["MLFLOW_TRACKING_URI"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
