"""A bound on memory while a file is opened whose headers may ask for any amount of it."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def at_most(more_bytes: int) -> Iterator[None]:
    """Let this process take only so much more memory, in bytes.

    A library may reserve and fill what a damaged header asks for before it finds that the file is
    shorter. Beyond the bound it raises MemoryError, or an error of its own. Linux only; elsewhere
    nothing is bounded.
    """
    pages = Path("/proc/self/statm")
    if not pages.exists():
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    used = int(pages.read_text().split()[0]) * resource.getpagesize()
    bound = used + more_bytes
    if soft != resource.RLIM_INFINITY:
        bound = min(bound, soft)
    resource.setrlimit(resource.RLIMIT_AS, (bound, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
