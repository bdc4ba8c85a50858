"""The output of a Keras model for tiles; needs no TensorFlow itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def tile_logits(
    model: Callable[[np.ndarray], Any], tiles: np.ndarray, batch_tiles: int = 16
) -> np.ndarray:
    """Logits of membrane, batch by batch, so that any number of tiles fits in memory.

    Parameters
    ----------
    tiles : float32 array (n, tile, tile)
        Standardised.

    Returns
    -------
    float32 array (n, tile, tile)
    """
    logits = [
        np.asarray(model(tiles[i : i + batch_tiles, ..., np.newaxis]))[..., 0]
        for i in range(0, len(tiles), batch_tiles)
    ]
    return np.concatenate(logits)
