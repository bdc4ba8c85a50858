"""Reads MLflow's database in the state folder without MLflow, whose import takes seconds.

It answers what :class:`tasks.mlflow.reader.Reader` asks, as MLflow's client does. MLflow's version
is pinned, and so are the tables.
"""

from __future__ import annotations

import re
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, unquote, urlparse

_CONDITION = re.compile(
    r"(?:attributes\.(?P<attribute>\w+)|tags\.(?:`(?P<quoted>[^`]+)`|(?P<tag>\w+)))"
    r"\s+(?P<how>=|LIKE)\s+'(?P<value>[^']*)'"
)
_COLUMNS = {"run_id": "run_uuid", "run_name": "name", "status": "status"}
_SERVED = "mlflow-artifacts:/"
_MOST_AT_ONCE = 500
"""Runs of one query; SQLite limits its parameters."""


@dataclass(frozen=True)
class RunInfo:
    """What MLflow knows of every run; times in milliseconds since 1970."""

    run_id: str
    run_name: str
    status: str
    start_time: int
    end_time: int | None
    experiment_id: str
    lifecycle_stage: str
    artifact_uri: str


@dataclass(frozen=True)
class RunData:
    """What was logged to a run; a metric has its last value."""

    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class StoredRun:
    """A run, with the fields of MLflow's entity that the reader uses."""

    info: RunInfo
    data: RunData


class Database:
    """MLflow's database in a file, read only.

    ``artifacts`` is the folder that a server of it keeps artifacts in.
    """

    def __init__(self, file: Path, artifacts: Path) -> None:
        self.file = file
        self.artifacts = artifacts

    @property
    def exists(self) -> bool:
        """Whether MLflow has made its tables."""
        try:
            with self._open() as database:
                return bool(database.execute("SELECT count(*) FROM runs").fetchone())
        except sqlite3.Error:
            return False

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        address = f"file:{quote(str(self.file))}?mode=ro"
        with closing(sqlite3.connect(address, uri=True)) as database:
            yield database

    def search(self, experiment: str, query: str, newest: int) -> list[StoredRun]:
        """Return the active runs of the experiment of that name, newest first.

        Raises
        ------
        ValueError
            If the query is more than conditions on tags, names, ids and states joined by "and".
        """
        where, values = _where(query)
        sql = (
            "SELECT run_uuid FROM runs JOIN experiments USING (experiment_id) WHERE "
            "experiments.name = ? AND runs.lifecycle_stage = 'active'"
            f"{where} ORDER BY start_time DESC, run_uuid LIMIT ?"
        )
        with self._open() as database:
            ids = [row[0] for row in database.execute(sql, [experiment, *values, newest])]
            return _runs(database, ids)

    def get(self, run_id: str) -> StoredRun:
        """Return the run with that id, deleted or not; a KeyError if there is none."""
        with self._open() as database:
            found = _runs(database, [run_id])
        if not found:
            raise KeyError(run_id)
        return found[0]

    def registered_runs(self) -> list[str]:
        """Return the runs behind all versions of all registered models."""
        with self._open() as database:
            found = database.execute("SELECT run_id FROM model_versions WHERE run_id <> ''")
            return [str(row[0]) for row in found]

    def artifact(self, run_id: str, name: str) -> Path:
        """Return the path of a run's file; a FileNotFoundError if it is not on this machine."""
        uri = self.get(run_id).info.artifact_uri
        if uri.startswith(_SERVED):
            folder = self.artifacts / urlparse(uri).path.lstrip("/")
        else:
            folder = Path(unquote(urlparse(uri).path)) if "://" in uri else Path(uri)
        path = folder / name
        if not path.exists():
            raise FileNotFoundError(path)
        return path


def _where(query: str) -> tuple[str, list[str]]:
    """Translate MLflow's query into SQL and its values."""
    sql, values = "", []
    for condition in filter(None, re.split(r"\s+and\s+", query.strip())):
        found = _CONDITION.fullmatch(condition)
        attribute = found["attribute"] if found is not None else None
        if found is None or (attribute is not None and attribute not in _COLUMNS):
            raise ValueError(f"cannot search for {condition!r}")
        if attribute is not None:
            sql += f" AND runs.{_COLUMNS[attribute]} {found['how']} ?"
        else:
            sql += (
                " AND EXISTS (SELECT 1 FROM tags WHERE tags.run_uuid = runs.run_uuid "
                f"AND tags.key = ? AND tags.value {found['how']} ?)"
            )
            values.append(found["quoted"] or found["tag"])
        values.append(found["value"])
    return sql, values


def _runs(database: sqlite3.Connection, ids: Sequence[str]) -> list[StoredRun]:
    """Read the runs with these ids, in this order; those that are not there are left out."""
    data: dict[str, RunData] = defaultdict(RunData)
    infos = {}
    for start in range(0, len(ids), _MOST_AT_ONCE):
        part = ids[start : start + _MOST_AT_ONCE]
        among = f"WHERE run_uuid IN ({', '.join('?' * len(part))})"
        rows = database.execute(
            "SELECT run_uuid, name, status, start_time, end_time, experiment_id, lifecycle_stage, "
            f"artifact_uri FROM runs {among}",
            part,
        )
        for run_id, name, status, began, ended, experiment, stage, uri in rows:
            infos[run_id] = RunInfo(run_id, name, status, began, ended, str(experiment), stage, uri)
        for run_id, key, value in database.execute(
            f"SELECT run_uuid, key, value FROM params {among}", part
        ):
            data[run_id].params[key] = value
        for run_id, key, value in database.execute(
            f"SELECT run_uuid, key, value FROM tags {among}", part
        ):
            data[run_id].tags[key] = value
        for run_id, key, value, is_nan in database.execute(
            f"SELECT run_uuid, key, value, is_nan FROM latest_metrics {among}", part
        ):
            data[run_id].metrics[key] = float("nan") if is_nan else value
    return [StoredRun(infos[run_id], data[run_id]) for run_id in ids if run_id in infos]
