from __future__ import annotations

import pytest

from spikeseg_core.errors import SpikeSegError
from spikeseg_core.report.folds import require_all
from spikeseg_core.sweep.definition import Sweep

STUDY = {"title": "t", "preset": "quick", "seeds": [0], "until": "deploy"}


def test_a_failed_fold_leaves_sections_untested() -> None:
    asked = Sweep.model_validate({**STUDY, "folds": 6})
    require_all(asked, [])
    with pytest.raises(SpikeSegError, match=r"2 of 6 folds failed \(fold 1, fold 4\)"):
        require_all(asked, ["fold 1", "fold 4"])


def test_a_failed_point_of_another_study_is_only_a_row() -> None:
    points = [{"name": "a", "settings": {"quantize.weight_bits": 8}}]
    require_all(Sweep.model_validate({**STUDY, "points": points}), ["a"])
