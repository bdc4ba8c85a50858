"""The code by which MLflow loads a model; it is copied next to the files and unpickles nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from spikeseg_core.inference.segmenter import Segmenter, load_segmenter


class SectionSegmenter:
    """Grey sections (n, height, width) in, membrane probability of the same shape out."""

    def __init__(self, segment: Segmenter) -> None:
        self._segment = segment

    def predict(self, sections: Any) -> np.ndarray:
        """Segment the sections."""
        return self._segment(np.asarray(sections))


def _load_pyfunc(folder: str) -> SectionSegmenter:
    """Load the model's folder; MLflow calls this function by its name."""
    return SectionSegmenter(load_segmenter(Path(folder)))
