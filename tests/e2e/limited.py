"""Segment a stack in a process that may have little memory; the network is a stand-in.

``python -m tests.e2e.limited STACK OUT MIB``: MIB is how much more than after the start (0: no
limit). Prints what was done as JSON.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
from pathlib import Path

import numpy as np
import psutil  # type: ignore[import-untyped]
import scipy.ndimage
import skimage.segmentation  # noqa: F401
import tifffile

from spikeseg_core.figures.sections import segmented_figure
from spikeseg_core.inference.files import SECTIONS_SHOWN, segment_files
from spikeseg_core.inference.job import plan

THRESHOLD = 0.5


def main(stack: Path, out: Path, mib: int) -> None:
    """Segment, and say how often the network was asked."""
    np.linalg.inv(np.eye(3))  # OpenBLAS takes its memory once, and waits for ever for it
    with tempfile.TemporaryDirectory() as folder:  # fonts and buffers of pictures, too
        shown = [("", np.eye(256, dtype=np.uint8), np.eye(256))] * SECTIONS_SHOWN
        segmented_figure(shown, THRESHOLD, Path(folder) / "preview.png", "")
    if mib:
        most = psutil.Process().memory_info().vms + mib * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    whole = True
    try:
        np.ones_like(tifffile.imread(stack))
    except MemoryError:
        whole = False
    asked = 0

    def network(sections: np.ndarray) -> np.ndarray:
        nonlocal asked
        asked += 1
        return scipy.ndimage.uniform_filter(sections / np.float32(255), (0, 3, 3))

    done = segment_files(plan(stack, out), network, THRESHOLD, name="stand-in")
    print(json.dumps({"whole": whole, "asked": asked, "resumed": done.resumed}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
