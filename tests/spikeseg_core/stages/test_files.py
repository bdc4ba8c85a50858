from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from spikeseg_core.evaluation.scorer import Thresholds
from spikeseg_core.evaluation.segment import Segmentation
from spikeseg_core.stages.artifacts import SECTION_SCORES, probability
from spikeseg_core.stages.files import save_section_scores, save_segmentation
from spikeseg_core.storage import load_arrays


def test_the_probabilities_of_the_test_split_are_kept_in_half_precision(tmp_path: Path) -> None:
    found = {s: np.full((1, 3, 3), p, np.float32) for s, p in (("validation", 0.1), ("test", 0.3))}
    none = Thresholds(0.5, 0.5, 0.5), pd.DataFrame()
    save_segmentation(tmp_path, "ann", Segmentation(found, {}, *none))
    kept = load_arrays(tmp_path / probability("ann"))
    assert kept.keys() == {"test"}
    np.testing.assert_array_equal(kept["test"], found["test"].astype(np.float16))


def test_the_scores_of_sections_are_kept_by_what_segmented_them(tmp_path: Path) -> None:
    one = pd.DataFrame({"split": ["validation", "test"], "section": [4, 5], "v_rand": [0.9, 0.8]})
    path = save_section_scores(tmp_path, {"loihi": one, "loihi/exact_weights": one[1:]})
    assert path == tmp_path / SECTION_SCORES
    kept = pd.read_parquet(path)
    assert list(kept) == ["segmentation", *one]
    assert kept["segmentation"].tolist() == ["loihi", "loihi", "loihi/exact_weights"]
    assert kept["section"].tolist() == [4, 5, 5]
