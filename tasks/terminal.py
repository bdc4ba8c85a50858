"""The terminal: one console that log lines, progress and tables share."""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from urllib.error import HTTPError
from urllib.request import urlopen

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from spikeseg_core.errors import ConfigError, SpikeSegError

SECONDS_BETWEEN_LINES = 20.0
"""Where no terminal can draw a bar (a log file), progress is a line now and then."""


@cache
def console() -> Console:
    """Console on standard error."""
    return Console(stderr=True, highlight=False)


class Bar:
    """Progress of one stage: a live bar on a terminal, a line every 20 s in a log."""

    def __init__(self, title: str) -> None:
        self.title = title
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self._last_line = time.monotonic()

    def update(self, done: float, total: float, message: str) -> None:
        """``done`` of ``total`` units are finished."""
        if console().is_terminal:
            self._draw(done, total, message)
        elif time.monotonic() - self._last_line >= SECONDS_BETWEEN_LINES:
            self._last_line = time.monotonic()
            share = 100 * done / total if total else 0
            console().print(f"  {self.title}: {share:.0f} %  {message}")

    def _draw(self, done: float, total: float, message: str) -> None:
        if self._progress is None:
            self._progress = Progress(
                TextColumn("  {task.description}"),
                BarColumn(bar_width=30),
                TextColumn("{task.percentage:3.0f} %  {task.fields[message]}"),
                TimeRemainingColumn(),
                console=console(),
                transient=True,
            )
            self._progress.start()
            self._task = self._progress.add_task(self.title, message="")
        assert self._task is not None
        self._progress.update(self._task, completed=done, total=total or None, message=message)

    def close(self) -> None:
        """Take the bar off the terminal."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None


class _WithoutTraceback(logging.Filter):
    """A user's mistake has one clear message; where in the program it was noticed is no help."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and isinstance(record.exc_info[1], SpikeSegError):
            record.exc_info = None
            record.exc_text = None
        return True


def set_up_for_prefect(meanwhile: Callable[[], object] = lambda: None) -> None:
    """Make a terminal ready for flows: one console for all that is printed, and a clean Ctrl-C.

    Parameters
    ----------
    meanwhile : callable
        Is done while Prefect's temporary server starts, which takes seconds.

    Raises
    ------
    ConfigError
        If a Prefect server is named and does not answer.
    """
    _share_console()
    check_prefect_answers()
    from prefect.settings import PREFECT_API_URL

    if not PREFECT_API_URL.value():
        # Two threads must not import it at the same time.
        import prefect.server.api.server  # noqa: F401
    with ThreadPoolExecutor(max_workers=1) as pool:
        started = pool.submit(_start_server_apart)
        meanwhile()
        started.result()


def check_prefect_answers() -> None:
    """Refuse to start where the Prefect server that is named is away; Prefect gives a traceback.

    Raises
    ------
    ConfigError
        If it does not answer.
    """
    from prefect.settings import PREFECT_API_URL

    address = PREFECT_API_URL.value()
    if not address:
        return
    try:
        with urlopen(f"{address.rstrip('/')}/health", timeout=10) as answer:
            answer.read()
    except HTTPError:
        return  # it answers, if only to those it knows
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"no Prefect server answers at {address} ({error}); start it, or correct or unset "
            f"PREFECT_API_URL: without it a temporary server is used"
        ) from error


def _start_server_apart() -> None:
    """Start Prefect's temporary server, if no other is named, where Ctrl-C does not reach it.

    A server that ends first makes Prefect try for a minute to tell it of the interruption. A
    blocked signal stays blocked in a child, whatever handlers it installs; Prefect ends the server
    by another signal.
    """
    from prefect.client.orchestration import get_client

    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        get_client(sync_client=True)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def _share_console() -> None:
    """Let Prefect's log lines and the progress bar use one console, or they tear each other."""
    from prefect.logging.handlers import PrefectConsoleHandler
    from prefect.logging.loggers import get_logger

    get_logger("prefect")  # sets Prefect's logging up
    names = ["prefect", "prefect.flow_runs", "prefect.task_runs"]
    for handler in {h for name in names for h in logging.getLogger(name).handlers}:
        if isinstance(handler, PrefectConsoleHandler):
            handler.console = console()
        handler.addFilter(_WithoutTraceback())
    # A server that is away is said once (tasks/mlflow/store.py), not with every attempt.
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)


class TerminalReporter:
    """A reporter for work outside of the pipeline: the terminal hears all of it."""

    def __init__(self, title: str) -> None:
        self._bar = Bar(title)

    def progress(self, done: float, total: float, message: str) -> None:
        """Show it."""
        self._bar.update(done, total, message)
        if done >= total:
            self._bar.close()

    def metric(self, name: str, value: float, step: int) -> None:
        """Drop it: there is no curve to add it to."""

    def say(self, message: str) -> None:
        """Print it."""
        console().print(message, markup=False)
