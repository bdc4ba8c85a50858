"""The terminal: one console for log lines, progress and tables."""

from __future__ import annotations

import os
import sys
import time
from functools import cache
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

WIDTH_IN_A_LOG = 120
"""Columns of a table if there is no terminal."""

SECONDS_BETWEEN_LINES = 20.0
"""How often progress is printed as a line where no bar can be drawn, as in a log file."""


VERBOSITY = "SPIKESEG_VERBOSITY"
"""Environment variable, so that child processes follow it: ``quiet``, ``verbose`` or nothing."""


def is_quiet() -> bool:
    """Whether the user wants warnings and results only."""
    return os.environ.get(VERBOSITY) == "quiet"


def is_verbose() -> bool:
    """Whether the user wants every line that a library has to say."""
    return os.environ.get(VERBOSITY) == "verbose"


def open_page(address: str | Path) -> None:
    """Open a page or a file in the browser; without one, say where it is."""
    import webbrowser

    shown = str(address)
    if not webbrowser.open(shown if "://" in shown else Path(shown).resolve().as_uri()):
        print(f"no browser can be opened here; the page is {shown}", file=sys.stderr)


def plain_console(*, stderr: bool = False) -> Console:
    """Return a console that prints text as it is: brackets in a path are no markup."""
    found = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    if not found.is_terminal:
        found.width = WIDTH_IN_A_LOG
    return found


@cache
def console() -> Console:
    """Console on standard error, for log lines and progress."""
    return plain_console(stderr=True)


class Bar:
    """Progress of one stage: a live bar on a terminal, a line every 20 s in a log."""

    def __init__(self, title: str) -> None:
        self.title = title
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self._last_line = time.monotonic()

    def update(self, done: float, total: float, message: str) -> None:
        """Show that ``done`` of ``total`` units are finished."""
        if is_quiet():
            return
        if console().is_terminal:
            self._draw(done, total, message)
        elif time.monotonic() - self._last_line >= SECONDS_BETWEEN_LINES:
            self._last_line = time.monotonic()
            share = 100 * done / total if total else 0
            console().print(f"  {self.title}: {share:.0f} %  {message}", markup=False)

    def _draw(self, done: float, total: float, message: str) -> None:
        if self._progress is None:
            self._progress = Progress(
                TextColumn("  {task.description}", markup=False),
                BarColumn(bar_width=30),
                TextColumn("{task.percentage:3.0f} %  {task.fields[message]}", markup=False),
                TimeRemainingColumn(),
                console=console(),
                transient=True,
            )
            self._progress.start()
            self._task = self._progress.add_task(self.title, message="")
        assert self._task is not None
        self._progress.update(self._task, completed=done, total=total or None, message=message)

    def close(self) -> None:
        """Remove the bar from the terminal."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None


class TerminalReporter:
    """A reporter for work outside the pipeline: everything goes to the terminal."""

    def __init__(self, title: str) -> None:
        self._bar = Bar(title)

    def progress(self, done: float, total: float, message: str) -> None:
        """Show the progress."""
        self._bar.update(done, total, message)
        if done >= total:
            self._bar.close()

    def metric(self, name: str, value: float, step: int) -> None:
        """Ignore it: there is no curve."""

    def say(self, message: str) -> None:
        """Print a message."""
        if not is_quiet():
            console().print(message, soft_wrap=True)
