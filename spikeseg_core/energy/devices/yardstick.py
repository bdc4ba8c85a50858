"""A fixed piece of work: by how much this machine itself is slower or faster than another time.

A shared machine changes its speed without other work to be seen, as its clock follows what its
neighbours do: from hour to hour, and within a second. Work that never changes, timed just before
and after a call, tells this from a change of the call.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

SIDE = 64
"""Rows and columns of each matrix; products of larger ones are spread over threads by BLAS, whose
threads spin afterwards and would disturb what is timed next."""

MATRICES = 256
"""Matrices of each CPU in a pass: 4 MiB, which do not fit into a core's own caches."""


class Yardstick:
    """Products of small float32 matrices on ``cpus`` CPUs at once; a pass takes milliseconds."""

    def __init__(self, cpus: int) -> None:
        rng = np.random.default_rng(0)
        self._left, self._right = rng.standard_normal((2, cpus, MATRICES, SIDE, SIDE), np.float32)
        self._product = np.empty_like(self._left)
        self._threads = ThreadPoolExecutor(cpus, thread_name_prefix="yardstick")

    def __call__(self) -> None:
        """Make one pass."""
        # A list, so that an error of a thread is raised here.
        list(self._threads.map(np.matmul, self._left, self._right, self._product))
