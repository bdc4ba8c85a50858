"""Setup before a terminal runs a flow: a Prefect server that answers, and one console."""

from __future__ import annotations

import atexit
import logging
import os
import socket
from collections.abc import Callable
from http import HTTPStatus
from urllib.error import HTTPError

from spikeseg_core.errors import ConfigError, SpikeSegError
from tasks.local import origin, state
from tasks.local.addresses import without_password
from tasks.local.databases import check_databases
from tasks.local.password import authorization, password_in, refused
from tasks.local.posting import open_http
from tasks.local.process import Server
from tasks.prefect.log_lines import Lines, Plain
from tasks.terminal import console, is_verbose

HOST = "127.0.0.1"
SECONDS_TO_END = 3.0
"""How long the temporary server may take to end; its database survives that it is killed."""
APP = "prefect.server.api.server:create_app"


class NoPrefectError(SpikeSegError):
    """Prefect's temporary server cannot start on this machine."""


class _WithoutTraceback(logging.Filter):
    """Drop the traceback of a user's mistake, whose message is enough."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and isinstance(record.exc_info[1], SpikeSegError):
            record.exc_info = None
            record.exc_text = None
        return True


def set_up_for_prefect(meanwhile: Callable[[], object] = lambda: None) -> None:
    """Prepare a terminal for flows: one console for all output, and a clean Ctrl-C.

    If no server is named, a temporary one starts, and is waited for as long as it is alive;
    ``meanwhile`` runs while it starts, which takes seconds.

    Raises
    ------
    ConfigError
        If a Prefect server is named but does not answer, or a database is of another version.
    NoPrefectError
        If the temporary server cannot start.
    """
    check_prefect_answers()
    from prefect.settings import PREFECT_API_URL

    check_databases(prefect=not PREFECT_API_URL.value())
    if PREFECT_API_URL.value():
        share_console()
        meanwhile()
        return
    try:
        password = password_in(state.current().password_file)
        if (database := origin.database()) is not None:
            origin.begin(database)
        port = _free_port()
        server = _start_server(port, password)
    except OSError as error:
        raise NoPrefectError(f"Prefect's temporary server cannot start ({error})") from error
    atexit.register(server.stop, SECONDS_TO_END)
    share_console()
    meanwhile()
    _lend_to_prefect(server, port)
    _know(password)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _start_server(port: int, password: str) -> Server:
    """Start Prefect's temporary server so that no Ctrl-C or `timeout` reaches it.

    These go to a whole group of processes. If the server ended first, Prefect would try for a
    minute to report the interruption. It ends with this process, however that ends.

    Its database is that of `spikeseg up`, whose worker runs what is in it: hence the password.
    """
    temporary = {"PREFECT_UI_ENABLED": "0", "PREFECT__SERVER_EPHEMERAL": "1"}
    temporary["PREFECT_SERVER_API_AUTH_STRING"] = password
    address = ["--host", HOST, "--port", str(port)]
    return Server(
        "prefect-temporary",
        ["tasks.local.bound", str(os.getpid()), *_command(), *address],
        {**temporary, "PREFECT__SERVER_FINAL": "1"},
    )


def _command() -> list[str]:
    return ["uvicorn", "--factory", APP, "--log-level", "error", "--lifespan", "on"]


def _lend_to_prefect(server: Server, port: int) -> None:
    """Wait for the server, and make Prefect's clients use it instead of starting their own.

    Prefect itself gives up on a slow machine, and never gives up on a server that cannot start.
    """
    from prefect.server.api.server import SubprocessASGIServer

    found = SubprocessASGIServer()
    found.port, found.server_process = port, server.process
    try:
        server.wait_for(f"{found.api_url}/health")
    except SpikeSegError as error:
        raise NoPrefectError(
            f"Prefect's temporary server ended while it started; its log is {server.log}"
        ) from error
    found.running = True


def _know(password: str) -> None:
    """Give Prefect's clients the password: those of this process and of those that it starts."""
    from prefect.context import refresh_global_settings_context

    os.environ["PREFECT_API_AUTH_STRING"] = password
    refresh_global_settings_context()


def check_prefect_answers() -> None:
    """Raise a ConfigError, not Prefect's traceback, if the named server does not let us in."""
    from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_KEY, PREFECT_API_URL

    address = PREFECT_API_URL.value()
    if not address:
        return
    headers = authorization(PREFECT_API_AUTH_STRING.value())
    try:
        with open_http(f"{address.rstrip('/')}/version", 10, headers) as answer:
            answer.read()
    except HTTPError as error:
        if error.code != HTTPStatus.UNAUTHORIZED or PREFECT_API_KEY.value():
            return  # it answers, and Prefect's client knows better how to ask
        raise ConfigError(refused("PREFECT_API_URL", without_password(address))) from error
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"no Prefect server answers at {without_password(address)} ({error}); start it, or "
            f"correct or unset PREFECT_API_URL: without it, a temporary server is used"
        ) from error


def share_console() -> None:
    """Make Prefect's log lines and the progress bar share one console."""
    import prefect.main  # noqa: F401 - sets up Prefect's logging, which replaces all handlers
    from prefect.logging.handlers import PrefectConsoleHandler

    names = [None, "prefect.flow_runs", "prefect.task_runs"]  # the root has the console
    for handler in {h for name in names for h in logging.getLogger(name).handlers}:
        if isinstance(handler, PrefectConsoleHandler):
            handler.console = console()
            handler.addFilter(Lines())
            if not is_verbose():
                handler.setFormatter(Plain())
        handler.addFilter(_WithoutTraceback())
    # tasks/mlflow/store.py reports once that a server does not answer.
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)
