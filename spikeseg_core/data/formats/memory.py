"""A bound on memory while a file is opened whose headers may ask for any amount of it."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

OPENING_BYTES = 2**30
"""Memory that the headers of a file may take: far more than those of the largest stacks do."""


@contextmanager
def at_most(more_bytes: int = OPENING_BYTES) -> Iterator[None]:
    """Let this process take only so much more memory, in bytes.

    Libraries reserve what a damaged header asks for, and HDF5's fills it, before they find that the
    file is shorter. Beyond the bound they raise MemoryError, or an error of their own. Linux only;
    elsewhere nothing is bounded.
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
