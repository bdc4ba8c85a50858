from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tasks.mlflow import served_model


def test_lists_of_sections_are_segmented_as_arrays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        served_model, "load_segmenter", lambda folder: lambda sections: (folder, sections + 1)
    )
    folder, found = served_model._load_pyfunc("somewhere").predict([[[0, 1]]])
    assert folder == Path("somewhere")
    np.testing.assert_array_equal(found, [[[1, 2]]])
