"""A real cluster of processes on this machine, with a stand-in for the network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from distributed import LocalCluster
from PIL import Image

from spikeseg_core.inference.files import segment_files
from spikeseg_core.inference.job import plan
from tasks import dask_cluster
from tasks.dask_cluster import ADDRESS, OnWorkers, cluster
from tasks.references import StageRef
from tests.spikeseg_core.inference.test_files import brightness

REF = StageRef(stage="train", key="ab" * 32, uri="file:///x", sha256="", inputs={"prepare": "cd"})


def test_without_an_address_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ADDRESS, raising=False)
    with cluster() as found:
        assert found is None


def written(out: Path) -> dict[str, bytes]:
    return {str(f.relative_to(out)): f.read_bytes() for f in out.rglob("*") if f.is_file()}


def test_any_number_of_workers_gives_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "sections"
    source.mkdir()
    for number in range(5):
        pixels = np.random.default_rng(number).integers(0, 256, (20, 24), dtype=np.uint8)
        Image.fromarray(pixels).save(source / f"{number}.png")
    segment_files(plan(source, tmp_path / "alone"), brightness, 0.5)
    with LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1"
    ) as local:
        monkeypatch.setenv(ADDRESS, local.scheduler_address)
        for workers in (2, 1):
            local.scale(workers)
            out = tmp_path / str(workers)
            with cluster() as found:
                assert found is not None
                segment_files(
                    plan(source, out), brightness, 0.5, workers=found.threads, pool=found.pool
                )
            assert written(out) == written(tmp_path / "alone")


def test_a_worker_loads_a_network_once(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[StageRef] = []

    def load(kind: str, ref: StageRef):  # type: ignore[no-untyped-def]
        loaded.append(ref)
        return brightness

    dask_cluster._loaded.cache_clear()
    monkeypatch.setattr(dask_cluster, "load", load)
    sections = np.full((1, 4, 4), 255, np.uint8)
    for _ in range(2):
        np.testing.assert_array_equal(OnWorkers("ann", REF)(sections), 1.0)
    assert loaded == [REF]
    dask_cluster._loaded.cache_clear()
