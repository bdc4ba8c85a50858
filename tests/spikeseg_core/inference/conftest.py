from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from tests.spikeseg_core.inference.sections import section


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder of an 8-bit PNG, a 16-bit TIFF of another size, a stack, and other files."""
    folder = tmp_path / "sections"
    (folder / "more").mkdir(parents=True)
    Image.fromarray(section(0)).save(folder / "a.png")
    tifffile.imwrite(folder / "b.TIF", section(1, (9, 11)).astype(np.uint16) * 257)
    tifffile.imwrite(folder / "stack.tif", section(2, (3, 20, 24)), photometric="minisblack")
    Image.fromarray(section(3)).save(folder / "more" / "c.png")
    (folder / "notes.txt").write_text("cut on Monday")
    (folder / ".hidden.png").write_text("not an image")
    return folder
