"""Small sections, and a folder of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tifffile


def section(seed: int, shape: tuple[int, ...] = (20, 24)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


STACK = section(5, (3, 20, 24))


def grey_tiff(path: Path, **options: object) -> None:
    tifffile.imwrite(path, STACK, **({"photometric": "minisblack"} | options))
