"""Random training tiles: crops that are bent, turned, mirrored and varied in grey."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from spikeseg_core.data.tiles import pad_to

BENT_SHARE = 0.5
"""Share of tiles that are bent; bending costs most of the time."""
BEND_PX = 3.0
"""Root mean square displacement of a bent tile along each axis, px."""
BEND_WAVES = 4
"""Cosines along each axis that make up a displacement: at most two periods a tile."""
CONTRAST_SPREAD = 0.1
"""Standard deviation of the contrast factor (its logarithm)."""
BRIGHTNESS_SPREAD = 0.1
"""Standard deviation of the brightness offset, in standard deviations of a section."""


def random_tiles(
    images: np.ndarray, labels: np.ndarray, tile: int, batch: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw a batch of augmented tiles.

    Each tile is a random crop of a random section, half of them bent by a smooth displacement,
    turned by a multiple of 90 degrees and mirrored at random, its contrast and brightness varied.

    Parameters
    ----------
    images : float32 array (n, h, w)
        Standardized sections.
    labels : array (n, h, w)
        1 = membrane, 0 = interior.
    tile : int
        Side of a tile, px. Sections smaller than that are mirrored up to it.
    batch : int
        Tiles to draw.
    rng : numpy.random.Generator
        The only source of chance: its state decides the batch.

    Returns
    -------
    x, y : float32 array (batch, tile, tile, 1)
        Tiles and their labels.
    """
    images, labels = pad_to(images, tile), pad_to(labels, tile)
    sections, height, width = images.shape
    x = np.empty((batch, tile, tile, 1), dtype=np.float32)
    y = np.empty_like(x)
    for index in range(batch):
        section = int(rng.integers(sections))
        row, column = (int(rng.integers(size - tile + 1)) for size in (height, width))
        image, label = images[section], labels[section]
        if rng.random() < BENT_SHARE:
            at = _displacement(tile, rng) + np.array([row, column]).reshape(2, 1, 1)
            image = ndimage.map_coordinates(image, at, order=1, mode="mirror")
            label = ndimage.map_coordinates(label, at, order=0, mode="mirror")
        else:
            window = np.s_[row : row + tile, column : column + tile]
            image, label = image[window], label[window]
        turns, mirrored = int(rng.integers(4)), bool(rng.integers(2))
        image, label = (_turn(array, turns, mirrored) for array in (image, label))
        contrast = np.exp(rng.normal(0, CONTRAST_SPREAD))
        x[index, ..., 0] = image * contrast + rng.normal(0, BRIGHTNESS_SPREAD)
        y[index, ..., 0] = label
    return x, y


def _turn(array: np.ndarray, turns: int, mirrored: bool) -> np.ndarray:
    turned = np.rot90(array, turns)
    return turned[:, ::-1] if mirrored else turned


def _displacement(tile: int, rng: np.random.Generator) -> np.ndarray:
    """Pixel coordinates of a smoothly bent tile, float32 (2, tile, tile), from (0, 0)."""
    position = np.arange(tile, dtype=np.float32)
    waves = np.cos(np.pi / tile * np.outer(position + 0.5, np.arange(1, BEND_WAVES + 1)))
    # Each cosine has a mean square of 1/2, each product of two 1/4.
    spread = BEND_PX * 2 / BEND_WAVES
    bend = waves @ rng.normal(0, spread, (2, BEND_WAVES, BEND_WAVES)) @ waves.T
    bend[0] += position[:, np.newaxis]
    bend[1] += position
    return bend.astype(np.float32)
