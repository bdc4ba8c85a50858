"""Random training tiles: crops that are rotated and mirrored, with varied grey and noise."""

from __future__ import annotations

import numpy as np

from spikeseg_core.data.tiles import pad_to

CONTRAST_SPREAD = 0.13
"""Standard deviation of the contrast factor (its logarithm)."""
BRIGHTNESS_SPREAD = 0.15
"""Standard deviation of the brightness offset, in standard deviations of a section."""
MOST_NOISE = 0.15
"""Largest standard deviation of the noise on a tile's pixels, in the same unit."""


def random_tiles(
    images: np.ndarray, targets: np.ndarray, tile: int, batch: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw a batch of augmented tiles.

    Each tile is a random crop of a random section, rotated by a multiple of 90 degrees and mirrored
    at random, with random contrast, brightness and noise. Sections smaller than a tile are mirrored
    up to its size. Smooth deformation was tried too and made the network worse
    (docs/results/ledger.md).

    Parameters
    ----------
    images : float32 array (n, h, w)
        Standardized sections.
    targets : array (n, h, w, channels)
        Targets of every pixel, such as label and weight.

    Returns
    -------
    x, y : float32 array (batch, tile, tile, 1) and (batch, tile, tile, channels)
        Tiles and their targets.
    """
    images, targets = pad_to(images, tile), pad_to(targets, tile)
    sections, height, width = images.shape
    x = np.empty((batch, tile, tile, 1), dtype=np.float32)
    y = np.empty((batch, tile, tile, targets.shape[3]), dtype=np.float32)
    for index in range(batch):
        section = int(rng.integers(sections))
        row, column = (int(rng.integers(size - tile + 1)) for size in (height, width))
        window = np.s_[section, row : row + tile, column : column + tile]
        turns, mirrored = int(rng.integers(4)), bool(rng.integers(2))
        image, target = (_turn(array[window], turns, mirrored) for array in (images, targets))
        contrast = np.exp(rng.normal(0, CONTRAST_SPREAD))
        brightness = rng.normal(0, BRIGHTNESS_SPREAD)
        noise = rng.uniform(0, MOST_NOISE) * rng.standard_normal(image.shape, np.float32)
        x[index, ..., 0] = image * contrast + brightness + noise
        y[index] = target
    return x, y


def mix_tiles(
    x: np.ndarray, y: np.ndarray, share: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Blend tiles with the previous one in the batch (Zhang et al. 2018, arXiv 1710.09412).

    Parameters
    ----------
    x, y : float32 array (batch, tile, tile, ...)
        From :func:`random_tiles`.
    share : float
        Probability that a tile is blended. The weight of the other tile is then uniform between 0
        and one half.
    """
    if not share:
        return x, y
    mixed = rng.random(len(x)) < share
    other = np.where(mixed, rng.uniform(0, 0.5, len(x)), 0.0).astype(np.float32)
    other = other[:, np.newaxis, np.newaxis, np.newaxis]
    x, y = ((1 - other) * part + other * np.roll(part, 1, axis=0) for part in (x, y))
    return x, y


def _turn(array: np.ndarray, turns: int, mirrored: bool) -> np.ndarray:
    turned = np.rot90(array, turns)
    return turned[:, ::-1] if mirrored else turned
