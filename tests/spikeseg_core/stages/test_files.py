from __future__ import annotations

from pathlib import Path

import numpy as np

from spikeseg_core.evaluation.segment import Segmentation
from spikeseg_core.stages.artifacts import probability
from spikeseg_core.stages.files import save_segmentation
from spikeseg_core.storage import load_arrays


def test_the_probabilities_of_the_test_split_are_kept_in_half_precision(tmp_path: Path) -> None:
    found = {s: np.full((1, 3, 3), p, np.float32) for s, p in (("validation", 0.1), ("test", 0.3))}
    save_segmentation(tmp_path, "ann", Segmentation(found, {}))
    kept = load_arrays(tmp_path / probability("ann"))
    assert kept.keys() == {"test"}
    np.testing.assert_array_equal(kept["test"], found["test"].astype(np.float16))
