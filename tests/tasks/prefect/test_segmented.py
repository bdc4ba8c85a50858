from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tasks.prefect import segmented


def test_the_page_shows_results_and_warnings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shown: dict[str, Any] = {}
    for kind in ("markdown", "table", "image"):
        monkeypatch.setattr(
            segmented,
            f"create_{kind}_artifact",
            lambda *content, kind=kind, **options: shown.update({kind: (content, options)}),
        )
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "preview.png")
    segmented.show_segmented(
        {
            "sections": 2,
            "model": "the newest",
            "engine": "ann",
            "seconds": 3.0,
            "time": "0.50 s per megapixel",
            "membrane": 0.25,
            "threshold": 0.3,
            "cells": 1234,
            "warnings": ["section a.png: it is blank"],
            "out": "out",
            "mlflow_run_id": None,
            "files": ["a.png", "b.png"],
            "preview": str(tmp_path / "preview.png"),
        }
    )
    (text,) = shown["markdown"][0]
    assert "(threshold 0.3), 1,234 cells" in text
    assert text.endswith("- WARNING: section a.png: it is blank")
    assert shown["table"][0][0][1]["cells"] == "cells/b.png"
