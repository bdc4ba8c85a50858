"""Whether some process is using the state folder's stages: a lock held while it lives.

A run holds it from its first stage to its end, also between two stages. So `spikeseg clean` never
deletes what a run is about to read.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

LOCK = ".in-use"


@cache
def use(stages: Path) -> int:
    """Share the lock for as long as this process lives; returns its file descriptor."""
    stages.mkdir(parents=True, exist_ok=True)
    handle = os.open(stages / LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC)
    fcntl.flock(handle, fcntl.LOCK_SH)
    return handle


def release(stages: Path) -> None:
    """Give the lock back before the process ends."""
    os.close(use(stages))
    use.cache_clear()


@contextmanager
def alone(stages: Path) -> Iterator[bool]:
    """Yield whether nothing uses the stages; nothing can begin to until the end."""
    if not stages.is_dir():
        yield True
        return
    handle = os.open(stages / LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
    else:
        yield True
    finally:
        os.close(handle)
