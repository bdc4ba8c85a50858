"""Ctrl-C, SIGTERM and a closed terminal end a command in the same way, and soon."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from functools import cache
from types import FrameType
from typing import NoReturn

SECONDS_TO_END = 10.0
"""How long a command may tidy up; then it ends as it is. Finished work is on the disk already."""

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_asked: list[int] = []
"""Signals that have asked this command to end."""


def listen() -> None:
    """Let these signals raise a KeyboardInterrupt; the second one ends at once.

    Also where a shell has told a command in the background to ignore them.
    """
    for number in SIGNALS:
        signal.signal(number, _stop)


def asked() -> bool:
    """Whether a signal has asked this command to end; any error since then is of no interest."""
    return bool(_asked)


def leave() -> NoReturn:
    """Print how to go on, and end with the signal's exit code.

    What is registered for the end of the process is still done, but nothing is waited for longer
    than :data:`SECONDS_TO_END`: libraries take their time, some after the last thread can run.
    """
    _say()
    code = 128 + (_asked[0] if _asked else signal.SIGINT)
    if not _asked:
        sys.exit(code)
    atexit._run_exitfuncs()
    sys.stdout.flush()
    os._exit(code)


@cache
def _say() -> None:
    # Not by print: another thread may hold the stream.
    os.write(2, b"interrupted; run the same command again to continue\n")


def _stop(number: int, frame: FrameType | None) -> None:
    import psutil  # type: ignore[import-untyped]  # noqa: F401 - _end may be too late to import

    _asked.append(number)
    for each in SIGNALS:
        signal.signal(each, lambda *_: _end())
    timer = threading.Timer(SECONDS_TO_END, _end)
    timer.daemon = True
    timer.start()
    raise KeyboardInterrupt


def _end() -> None:
    """End now, with all processes that this one has started."""
    import psutil

    for child in psutil.Process().children(recursive=True):
        try:
            child.kill()
        except psutil.NoSuchProcess:
            continue
    _say()
    os._exit(128 + _asked[0])
