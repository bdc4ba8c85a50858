"""Random training tiles: crops that are rotated and mirrored, with varied grey and noise."""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy import ndimage

from spikeseg_core.data.tiles import pad_to

CONTRAST_SPREAD = 0.13
"""Standard deviation of the contrast factor (its logarithm)."""
BRIGHTNESS_SPREAD = 0.15
"""Standard deviation of the brightness offset, in standard deviations of a section."""
MOST_NOISE = 0.15
"""Largest standard deviation of the noise on a tile's pixels, in the same unit."""

BEND_PX = 32
"""Distance between the points whose displacements a smooth deformation interpolates."""
SHADE_PX = 96
"""The same for the points of uneven brightness."""
MOST_BLUR_PX = 1.0
GAMMA_SPREAD = 0.3
MORE_CONTRAST_SPREAD = 0.25
SHADE_SPREAD = 0.3
"""What ``intensity`` = 1 adds: largest blur, standard deviations of the logarithms of gamma and
contrast, and of the uneven brightness, in standard deviations of a section."""

_SPLINE_PX = 8
"""Pixels beyond a window after which a cubic spline through it no longer notices its edge."""


def random_tiles(
    images: np.ndarray,
    targets: np.ndarray,
    tile: int,
    batch: int,
    rng: np.random.Generator,
    *,
    elastic_px: float = 0.0,
    intensity: float = 0.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw a batch of augmented tiles.

    Each tile is a random crop of a random section, rotated by a multiple of 90 degrees and mirrored
    at random, with random contrast, brightness and noise. Sections smaller than a tile are mirrored
    up to its size.

    Parameters
    ----------
    images : float32 array (n, h, w)
        Standardized sections.
    targets : array (n, h, w, channels)
        Targets of every pixel, such as label and weight.
    elastic_px : float
        Standard deviation of a smooth deformation, about, px; targets are bent alike, and
        interpolated linearly.
    intensity : float
        Strength of more variation in grey: blur, gamma, contrast and uneven brightness.

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
        window = np.s_[row : row + tile, column : column + tile]
        turns, mirrored = int(rng.integers(4)), bool(rng.integers(2))
        cut = images[section][window], targets[section][window]
        if elastic_px:
            at = _moved((row, column), tile, elastic_px, rng)
            cut = _bent(images[section], targets[section], at)
        image, target = (_turn(array, turns, mirrored) for array in cut)
        if intensity:
            image = _varied(image, intensity, rng)
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


def _smooth(tile: int, apart: int, rng: np.random.Generator) -> np.ndarray:
    """Draw a smooth field (tile, tile): a spline through normal numbers every ``apart`` px."""
    spline = _spline(tile, apart)
    points = rng.standard_normal((spline.shape[1],) * 2)
    return spline @ points @ spline.T


@cache
def _spline(tile: int, apart: int) -> np.ndarray:
    """Weight of every point in every pixel along one axis, (tile, points): a cubic spline."""
    at = (1 + np.arange(tile) / apart)[np.newaxis]
    points = np.eye(tile // apart + 4)
    rows = [ndimage.map_coordinates(p, at, order=3, mode="mirror") for p in points]
    return np.stack(rows, axis=1)


def _moved(
    corner: tuple[int, int], tile: int, spread: float, rng: np.random.Generator
) -> np.ndarray:
    """Place in the section of every pixel of a deformed tile, (2, tile, tile)."""
    field = np.stack([_smooth(tile, BEND_PX, rng) for _ in range(2)])
    return np.mgrid[:tile, :tile] + np.reshape(corner, (2, 1, 1)) + spread * field


def _bent(image: np.ndarray, target: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Take image and targets at these places; what lies beyond the section is mirrored."""
    first, last = at.min(axis=(1, 2)), at.max(axis=(1, 2))
    room = np.array(image.shape) - at.shape[1:]
    low = np.clip(np.floor(first).astype(int) - _SPLINE_PX, 0, room)
    high = np.ceil(last).astype(int) + _SPLINE_PX + 1
    window = np.s_[low[0] : max(high[0], low[0] + 1), low[1] : max(high[1], low[1] + 1)]
    at = at - low.reshape(2, 1, 1)
    bent = ndimage.map_coordinates(image[window], at, order=3, mode="mirror")
    channels = [
        ndimage.map_coordinates(part, at, order=1, mode="mirror")
        for part in np.moveaxis(target[window].astype(np.float32), -1, 0)
    ]
    return bent, np.stack(channels, axis=-1)


def _varied(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Blur a tile, bend its scale of grey, stretch its contrast and shade it."""
    image = ndimage.gaussian_filter(image, strength * MOST_BLUR_PX * rng.random())
    low, high = image.min(), image.max()
    gamma = np.exp(rng.normal(0, strength * GAMMA_SPREAD))
    if high > low:
        image = low + (high - low) * ((image - low) / (high - low)) ** gamma
    image = image * np.exp(rng.normal(0, strength * MORE_CONTRAST_SPREAD))
    return image + strength * SHADE_SPREAD * _smooth(len(image), SHADE_PX, rng)
