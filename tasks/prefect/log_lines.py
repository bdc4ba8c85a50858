"""Prefect's log on a terminal: one line per event that a user can act on.

Prefect's page keeps every line. With ``--verbose`` the terminal does, too.
"""

from __future__ import annotations

import logging
import re

from tasks.terminal import is_verbose

PRIVATE = re.compile(
    r"Beginning (sub)?flow run |Created (sub)?(flow|task) run |Crash detected!|"
    r"Encountered exception during execution|Finished in state |View (at|run at) |"
    r"Starting temporary server|Stopping temporary server|Executing |"
    r"Opening process|Process .* exited|Creating a new Dask cluster |The Dask dashboard |"
    r"\w+ is already finished; using "
)
"""Beginnings of lines about Prefect's own work, and of those that the end of a task repeats.

An error is printed by whoever catches it.
"""

ENDED = re.compile(r"Finished in state (Completed|Cached)\(")
WORDS = {"Completed": "done", "Cached": "already finished"}


class Lines(logging.Filter):
    """Drop the libraries' private lines, and say in a word that a stage is done."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is printed."""
        if is_verbose():
            return True
        if not record.name.startswith("prefect") and record.levelno < logging.ERROR:
            return False
        message = record.getMessage()
        task = getattr(record, "task_run_name", None)
        if task and (ended := ENDED.match(message)) and hasattr(record, "task_run_id"):
            record.msg, record.args = f"{task}: {WORDS[ended.group(1)]}", ()
            return True
        return not PRIVATE.match(message)


class Plain(logging.Formatter):
    """Time and message; a level only where it warns."""

    def __init__(self) -> None:
        super().__init__(datefmt="%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        level = f"{record.levelname.lower()}: " if record.levelno >= logging.WARNING else ""
        line = f"{self.formatTime(record, self.datefmt)}  {level}{record.getMessage()}"
        if record.exc_info:
            line += f"\n{self.formatException(record.exc_info)}"
        return line
