"""The state folder: the servers' databases, stages, runs and downloads.

``.spikeseg/`` in the working directory, or ``SPIKESEG_HOME``::

    prefect/        Prefect's sqlite database and results
    mlflow.db       MLflow's sqlite database; its artifacts are in mlflow-artifacts/
    stages/         <stage>-<key>/: a folder per finished or interrupted stage
    runs/           <id>/: report and summary of every pipeline run
    cache/          downloads
    servers.json    addresses of the servers while `spikeseg up` runs

Nothing heavy is imported here: Prefect and MLflow read their settings from the environment when
they are first imported, so :func:`activate` must run before that.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.parse import quote
from urllib.request import urlopen

from spikeseg_core.errors import ConfigError
from tasks.local.proxy import spare_loopback

HOME_VARIABLE = "SPIKESEG_HOME"
EXPERIMENT = "spikeseg"
SERVER_START_SECONDS = 90


@dataclass(frozen=True)
class State:
    """The paths inside one state folder."""

    home: Path

    @property
    def stages(self) -> Path:
        """Folder of the stage folders."""
        return self.home / "stages"

    @property
    def runs(self) -> Path:
        """Folder of the pipeline runs' reports."""
        return self.home / "runs"

    @property
    def cache(self) -> Path:
        """Folder of downloads."""
        return self.home / "cache"

    @property
    def servers_file(self) -> Path:
        """Where `spikeseg up` notes its servers' addresses."""
        return self.home / "servers.json"

    @property
    def mlflow_artifacts(self) -> Path:
        """Artifacts of the embedded MLflow store."""
        return self.home / "mlflow-artifacts"

    @property
    def mlflow_database(self) -> str:
        """Address of the embedded MLflow store."""
        return sqlite_address(self.home / "mlflow.db")

    def stage_folder(self, stage: str, key: str) -> Path:
        """Folder of the stage with that key."""
        return self.stages / f"{stage}-{key[:16]}"


def sqlite_address(file: Path, driver: str = "pysqlite") -> str:
    """Address of an sqlite database for SQLAlchemy.

    SQLAlchemy ends the path at a question mark, and knows no escape. sqlite's own form does. It
    names the driver, too, because MLflow would make a folder ``file:`` otherwise.
    """
    if "?" in str(file):
        return f"sqlite+{driver}:///file:{quote(str(file))}?uri=true"
    return f"sqlite{'' if driver == 'pysqlite' else f'+{driver}'}:///{file}"


def current() -> State:
    """Return the state folder in use; nothing is created."""
    return State(Path(os.environ.get(HOME_VARIABLE) or ".spikeseg").resolve())


def tracking_uri() -> str:
    """MLflow's address: ``MLFLOW_TRACKING_URI``, or the database in the state folder."""
    return os.environ.get("MLFLOW_TRACKING_URI") or current().mlflow_database


def experiment() -> str:
    """Name of the MLflow experiment: ``MLFLOW_EXPERIMENT_NAME``, or the project's own."""
    return os.environ.get("MLFLOW_EXPERIMENT_NAME") or EXPERIMENT


def running_servers(state: State) -> dict[str, str]:
    """Environment variables of the servers of `spikeseg up`, if they answer."""
    try:
        noted = json.loads(state.servers_file.read_text())
        if not noted["health"]:
            return {}  # they are starting
        for address in noted["health"]:
            with urlopen(address, timeout=2) as answer:
                answer.read()
        return dict(noted["environment"])
    except (OSError, URLError, ValueError, KeyError):
        return {}


def activate() -> State:
    """Point Prefect and MLflow to the state folder; variables that are already set win.

    Raises
    ------
    ConfigError
        If the state folder is not writable.
    """
    state = current()
    defaults = {
        "PREFECT_HOME": str(state.home / "prefect"),
        "PREFECT_SERVER_EPHEMERAL_ENABLED": "true",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": str(SERVER_START_SECONDS),
        "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        # The automation of `spikeseg up` counts on it: a run that misses four has crashed.
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
        "SPIKESEG_CACHE_DIR": str(state.cache),
        "DO_NOT_TRACK": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_LOGGING_LEVEL": "WARNING",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        # A server that stops answering should cost seconds, not 10 minutes as by default.
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    }
    spare_loopback()  # before the first request
    for name, value in {**defaults, **running_servers(state)}.items():
        os.environ.setdefault(name, value)
    spare_loopback()  # the servers that are named now, too
    prefect = Path(os.environ["PREFECT_HOME"])
    if "?" in str(prefect) and not any("DATABASE" in n for n in os.environ if "PREFECT" in n):
        address = sqlite_address(prefect / "prefect.db", "aiosqlite")
        os.environ["PREFECT_SERVER_DATABASE_CONNECTION_URL"] = address
    try:
        Path(os.environ["PREFECT_HOME"]).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"the state folder {state.home} cannot be written ({error}); set {HOME_VARIABLE} to "
            f"a writable folder"
        ) from error
    return state
