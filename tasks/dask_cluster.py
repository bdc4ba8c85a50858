"""A Dask cluster elsewhere, on whose workers sections are segmented."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np

from spikeseg_core.inference.segmenter import Segmenter
from spikeseg_core.stages.table import ModelKind
from tasks.finished import load
from tasks.references import StageRef

ADDRESS = "DASK_SCHEDULER_ADDRESS"
"""Environment variable with the address of a Dask scheduler, used instead of local workers."""


class Cluster(NamedTuple):
    """The workers of a cluster."""

    pool: Executor
    threads: int


@contextmanager
def cluster() -> Iterator[Cluster | None]:
    """Yield the cluster that :data:`ADDRESS` names; None if it names none."""
    if not (address := os.environ.get(ADDRESS)):
        yield None
        return
    from distributed import Client

    with Client(address) as client:
        threads = sum(client.nthreads().values())
        yield Cluster(client.get_executor(pure=False), max(1, threads))


@dataclass(frozen=True)
class OnWorkers:
    """A finished network that every worker loads for itself, from the shared state folder."""

    kind: ModelKind
    ref: StageRef

    def __call__(self, sections: np.ndarray) -> np.ndarray:
        """Segment sections as :class:`~spikeseg_core.inference.segmenter.Segmenter` does."""
        return _loaded(self.kind, self.ref.model_dump_json())(sections)


@cache
def _loaded(kind: ModelKind, ref: str) -> Segmenter:
    return load(kind, StageRef.model_validate_json(ref))
