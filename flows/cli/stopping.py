"""Ctrl-C, SIGTERM and a closed terminal end a command in the same way, and soon."""

from __future__ import annotations

import os
import signal
import sys
import threading
from functools import cache
from types import FrameType

SECONDS_TO_END = 10.0
"""How long a command may tidy up; then it ends as it is. Finished work is on the disk already."""

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StoppedError(KeyboardInterrupt):
    """A signal has asked the command to end."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.code = 128 + number


def listen() -> None:
    """Let these signals raise :class:`StoppedError`; the second one ends at once.

    Also where a shell has told a command in the background to ignore them.
    """
    for number in SIGNALS:
        signal.signal(number, _stop)


def say(error: KeyboardInterrupt) -> int:
    """Print how to go on, and return the exit code."""
    _tell_once()
    return getattr(error, "code", 128 + signal.SIGINT)


@cache
def _tell_once() -> None:
    # Not by print: the interpreter may be ending, and another thread hold the stream.
    os.write(sys.stderr.fileno(), b"interrupted; run the same command again to continue\n")


def _stop(number: int, frame: FrameType | None) -> None:
    import psutil  # type: ignore[import-untyped]  # noqa: F401 - _end may be too late to import

    error = StoppedError(number)
    for each in SIGNALS:
        signal.signal(each, lambda number, frame: _end(error))
    timer = threading.Timer(SECONDS_TO_END, _end, (error,))
    timer.daemon = True
    timer.start()
    raise error


def _end(error: StoppedError) -> None:
    """End now, with all processes that this one has started."""
    import psutil

    for child in psutil.Process().children(recursive=True):
        try:
            child.kill()
        except psutil.NoSuchProcess:
            continue
    os._exit(say(error))
