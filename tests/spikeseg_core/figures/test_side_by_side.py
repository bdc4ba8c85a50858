from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from spikeseg_core.figures.side_by_side import side_by_side_figure


@pytest.mark.parametrize(("networks", "rows"), [(2, 1), (5, 2)])
def test_every_network_has_its_panel(networks: int, rows: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    image, truth = rng.random((16, 16)), rng.integers(0, 2, (16, 16))
    found = {f"network {i}": rng.random((16, 16)) for i in range(networks)}
    path = side_by_side_figure(image, truth, found, tmp_path / "all.png", "a section")
    with Image.open(path) as picture:
        width, height = picture.size
    assert width == 1632
    assert height == pytest.approx(120 * (0.5 + 3.6 * rows), abs=1)
