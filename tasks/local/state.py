"""The state folder: the servers' databases, stages, runs and downloads.

``.spikeseg/`` in the working directory, or ``SPIKESEG_HOME``::

    prefect/        Prefect's sqlite database and results
    mlflow.db       MLflow's sqlite database; its artifacts are in mlflow-artifacts/
    stages/         <stage>-<key>/: a folder per finished or interrupted stage
    runs/           <id>/: report and summary of every pipeline run
    certificates/   what `spikeseg bench mapping` proves of mappings
    cache/          downloads
    servers.json    addresses and password of the servers while `spikeseg up` runs
    password        the servers' password, for this user alone

It belongs to one user, and nothing in it is ever executed.

Nothing heavy is imported here: Prefect and MLflow read their settings from the environment when
they are first imported, so :func:`activate` must run before that.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from spikeseg_core.errors import ConfigError
from tasks.local.addresses import credentials, is_http_here
from tasks.local.password import CREDENTIALS, is_credential
from tasks.local.posting import open_http
from tasks.local.private import belongs_to_us, make_private, others_listen
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
    def certificates(self) -> Path:
        """Folder of the certificates of mappings."""
        return self.home / "certificates"

    @property
    def cache(self) -> Path:
        """Folder of downloads."""
        return self.home / "cache"

    @property
    def servers_file(self) -> Path:
        """Where `spikeseg up` notes its servers' addresses and password."""
        return self.home / "servers.json"

    @property
    def password_file(self) -> Path:
        """The servers' password, see :mod:`tasks.local.password`."""
        return self.home / "password"

    @property
    def mlflow_artifacts(self) -> Path:
        """Artifacts of the embedded MLflow store."""
        return self.home / "mlflow-artifacts"

    @property
    def mlflow_database(self) -> str:
        """Address of the embedded MLflow store."""
        return sqlite_address(self.home / "mlflow.db")

    def stage_folder(self, stage: str, key: str) -> Path:
        """Folder of the stage with that key; a ConfigError if they are no part of a name."""
        if "/" in stage or "/" in key:
            raise ConfigError(f"stage {stage!r} with key {key!r} cannot be the name of a folder")
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
    """MLflow's address: ``MLFLOW_TRACKING_URI``, or the database in the state folder.

    A user and password within a server's address move to MLflow's own variables for them, so that
    they are neither shown nor stored with the address.
    """
    address = os.environ.get("MLFLOW_TRACKING_URI", "")
    if (found := credentials(address)) is not None:
        address, user, password = found
        os.environ["MLFLOW_TRACKING_URI"] = address
        os.environ["MLFLOW_TRACKING_USERNAME"] = user
        os.environ["MLFLOW_TRACKING_PASSWORD"] = password
    return address or current().mlflow_database


def experiment() -> str:
    """Name of the MLflow experiment: ``MLFLOW_EXPERIMENT_NAME``, or the project's own."""
    return os.environ.get("MLFLOW_EXPERIMENT_NAME") or EXPERIMENT


def noted_servers(state: State) -> dict[str, Any] | None:
    """Read ``servers.json``: ``environment``, ``health`` and ``processes`` of `spikeseg up`.

    None if there is none, or it holds anything but servers on this machine: the folder may have
    come from somebody else. Of its variables, only those of :data:`CREDENTIALS` are taken. Those of
    the password are missing if a version without one wrote it.
    """
    try:
        if not belongs_to_us(state.servers_file):
            return None
        noted = json.loads(state.servers_file.read_text(encoding="utf-8"))
        environment = {name: str(noted["environment"][name]) for name in CREDENTIALS}
        health = [str(address) for address in noted["health"]]
        if not all(map(is_http_here, (*environment.values(), *health))):
            return None
        known = {name for names in CREDENTIALS.values() for name in names}
        secret = {n: str(value) for n, value in noted["environment"].items() if n in known}
        if not all(map(is_credential, secret.values())):
            return None
        processes = {
            str(name): (int(pid), float(created))
            for name, (pid, created) in noted.get("processes", {}).items()
        }
    except (OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError):
        return None
    except RecursionError:
        return None
    return {"environment": environment | secret, "health": health, "processes": processes}


def running_servers(state: State) -> dict[str, str]:
    """Environment variables of the servers of `spikeseg up`, if they answer.

    What answers where they were killed may be another user's, who would learn the password.
    """
    noted = noted_servers(state)
    if noted is None or not noted["health"]:
        return {}  # there are none, or they are starting
    addresses = (*noted["health"], *(noted["environment"][name] for name in CREDENTIALS))
    if any(others_listen(urlsplit(address).port or 80) for address in addresses):
        return {}
    try:
        for address in noted["health"]:
            with open_http(address, 2) as answer:
                answer.read()
    except (OSError, ValueError):
        return {}
    return dict(noted["environment"])


def activate() -> State:
    """Point Prefect and MLflow to the state folder; variables that are already set win.

    Raises
    ------
    ConfigError
        If the state folder is not writable, or not this user's.
    """
    state = current()
    try:
        make_private(state.home)
    except OSError as error:
        raise ConfigError(
            f"the state folder {state.home} cannot be written ({error}); set {HOME_VARIABLE} to "
            f"a writable folder"
        ) from error
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
        # It prints two lines for every run that ends, with an address of another page.
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
        # A server that stops answering should cost seconds, not 10 minutes as by default.
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    }
    if not os.environ.get("PREFECT_HOME"):
        defaults |= _only_prefects_own()
    spare_loopback()  # before the first request
    for name, value in defaults.items():
        os.environ.setdefault(name, value)
    _connect(running_servers(state))
    spare_loopback()  # the servers that are named now, too
    prefect = Path(os.environ["PREFECT_HOME"])
    if "?" in str(prefect) and not any("DATABASE" in n for n in os.environ if "PREFECT" in n):
        address = sqlite_address(prefect / "prefect.db", "aiosqlite")
        os.environ["PREFECT_SERVER_DATABASE_CONNECTION_URL"] = address
    try:
        prefect.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"Prefect's folder {prefect} cannot be written ({error}); set PREFECT_HOME to a "
            f"writable folder, or unset it"
        ) from error
    tracking_uri()  # takes a password out of the address
    return state


def _connect(servers: dict[str, str]) -> None:
    """Name the servers in the environment; each gets its own password, and no other server does."""
    for variable, names in CREDENTIALS.items():
        own = servers.get(variable)
        if own is not None and os.environ.setdefault(variable, own) == own:
            os.environ.update({name: servers[name] for name in names if name in servers})


def _only_prefects_own() -> dict[str, str]:
    """Keep Prefect from files in the state folder by which it would import and call anything."""
    kept = {"PREFECT_PROFILES_PATH": os.devnull}
    if not os.environ.get("PREFECT_LOGGING_SETTINGS_PATH"):  # the older name
        own = metadata.distribution("prefect").locate_file("prefect/logging/logging.yml")
        kept["PREFECT_LOGGING_CONFIG_PATH"] = str(own)
    return kept
