"""One folder for everything that is kept: servers' databases, stages, runs, downloads.

``.spikeseg/`` in the working directory, or what ``SPIKESEG_HOME`` names::

    prefect/        Prefect's sqlite database and results
    mlflow.db       MLflow's sqlite database;  mlflow-artifacts/ beside it
    stages/         <stage>-<key>/: one folder per finished (or interrupted) stage
    runs/           <id>/: report and summary of every pipeline run
    cache/          downloads
    servers.json    where `spikeseg up` runs its servers, while it does

Nothing heavy is imported here: Prefect and MLflow read their settings from the
environment when they are first imported, so :func:`activate` must have run before that.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from spikeseg_core.errors import ConfigError

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
        return f"sqlite:///{self.home / 'mlflow.db'}"

    def stage_folder(self, stage: str, key: str) -> Path:
        """Folder of the stage with that key."""
        return self.stages / f"{stage}-{key[:16]}"


def current() -> State:
    """Return the state folder in use; nothing is created."""
    return State(Path(os.environ.get(HOME_VARIABLE) or ".spikeseg").resolve())


def tracking_uri() -> str:
    """MLflow's address: ``MLFLOW_TRACKING_URI``, or the database in the state folder."""
    return os.environ.get("MLFLOW_TRACKING_URI") or current().mlflow_database


def running_servers(state: State) -> dict[str, str]:
    """Environment that points at the servers of `spikeseg up`, where they answer."""
    try:
        noted = json.loads(state.servers_file.read_text())
        if not noted["health"]:
            return {}  # they are being started
        for address in noted["health"]:
            with urlopen(address, timeout=2) as answer:
                answer.read()
        return dict(noted["environment"])
    except (OSError, URLError, ValueError, KeyError):
        return {}


def activate() -> State:
    """Point Prefect and MLflow at the state folder; what the environment already says wins.

    Raises
    ------
    ConfigError
        If the state folder cannot be written.
    """
    state = current()
    defaults = {
        "PREFECT_HOME": str(state.home / "prefect"),
        "PREFECT_SERVER_EPHEMERAL_ENABLED": "true",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": str(SERVER_START_SECONDS),
        "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        # What `spikeseg up` has the server expect: a run that is silent for longer has crashed.
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
        "SPIKESEG_CACHE_DIR": str(state.cache),
        "DO_NOT_TRACK": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_LOGGING_LEVEL": "WARNING",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        # A server that stops answering must cost seconds, not the 10 minutes of the defaults.
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    }
    for name, value in {**defaults, **running_servers(state)}.items():
        os.environ.setdefault(name, value)
    try:
        Path(os.environ["PREFECT_HOME"]).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"the state folder {state.home} cannot be written ({error}); set {HOME_VARIABLE} to "
            f"one that can"
        ) from error
    return state
