"""A volume larger than the memory of the process is segmented, and survives kill -9."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

from tests.e2e.conftest import ROOT, SECONDS

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(3 * SECONDS)]

SECTIONS, SIDE = 700, 256
MIB = 40
"""What the process may have beyond what its imports take; the volume has 44 MiB, its probabilities
have 175 MiB."""


def start(stack: Path, out: Path, mib: int = MIB) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.e2e.limited", str(stack), str(out), str(mib)]
    # Each arena of malloc reserves 64 MiB that it may never use.
    environment = os.environ | {"MALLOC_ARENA_MAX": "1", "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)


def finished(process: subprocess.Popen[str]) -> dict[str, int]:
    try:
        said, _ = process.communicate(timeout=SECONDS)
    finally:
        process.kill()
    assert process.returncode == 0
    return dict(json.loads(said))


def kill_once(process: subprocess.Popen[str], there: Callable[[], bool]) -> None:
    until = time.monotonic() + SECONDS
    try:
        while not there():
            assert process.poll() is None and time.monotonic() < until
            time.sleep(0.002)
    finally:
        process.kill()
        process.communicate()


def written(out: Path) -> dict[str, bytes]:
    return {str(f.relative_to(out)): f.read_bytes() for f in out.rglob("*") if f.is_file()}


def test_a_volume_larger_than_the_memory_survives_kills(tmp_path: Path) -> None:
    stack = tmp_path / "volume.tif"
    rng = np.random.default_rng(0)
    # Nothing but membrane: no cells are flooded, which would take minutes.
    sections = (rng.integers(160, 256, (SIDE, SIDE), dtype=np.uint8) for _ in range(SECTIONS))
    tifffile.imwrite(
        stack, sections, shape=(SECTIONS, SIDE, SIDE), dtype=np.uint8, imagej=True, truncate=True
    )
    assert finished(start(stack, tmp_path / "whole", 0)) == {
        "whole": True,
        "asked": SECTIONS,
        "resumed": 0,
    }
    out = tmp_path / "out"
    unfinished = out / ".unfinished"
    kept = lambda: len(list(unfinished.glob("[0-9]*.npy")))  # noqa: E731
    kill_once(start(stack, out), lambda: kept() >= SECTIONS // 3)
    before = kept()
    assert before < SECTIONS
    kill_once(start(stack, out), lambda: any(unfinished.glob("results/*.tif")))
    assert kept() == SECTIONS
    assert finished(start(stack, out)) == {"whole": False, "asked": 0, "resumed": SECTIONS}
    assert written(out) == written(tmp_path / "whole")
