"""Source ``synthetic``: sections like electron microscopy of nerve tissue, with exact labels.

They are used when no microscopy is available and are not a substitute for it. Cells are a power
diagram of drifting seeds on bent coordinates; their membranes vary in width and contrast and
are the labels. Mitochondria and vesicles are as dark, but are not labelled. Blur, shot noise and
uneven illumination follow. Neighbouring sections show the same cells, slightly moved.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from spikeseg_core.config import DatasetConfig
from spikeseg_core.data.readers import Stack
from spikeseg_core.data.sources.base import Sections
from spikeseg_core.data.splits import DEFAULT_SIZES
from spikeseg_core.reporting import Reporter

MEMBRANE_SHARE = 0.2
"""Share of pixels labelled membrane, over the whole stack."""

_AREA_PER_SEED = 900.0  # px; larger cells absorb about half of the seeds
_MITOCHONDRIA_PER_PX = 1 / 12_000
_VESICLES_PER_PX = 1 / 1_000
_CYTOPLASM, _MEMBRANE_DEPTH = 150.0, 112.0  # grey values
_BLUR_PX = 0.9
_COUNTS = 55.0  # detected electrons per pixel at full brightness; fewer are noisier
_COARSE = 4  # smooth fields are generated on a grid this much coarser


class Synthetic:
    """Generated sections, as many as the splits need; ``why`` is the reason, for the note."""

    name = "synthetic"

    def __init__(self, why: str = "as configured") -> None:
        self.why = why

    def read(self, config: DatasetConfig, report: Reporter) -> Sections:
        """Generate the sections; membranes are 0 in the labels, the rest 255."""
        stated = (config.train_sections, config.validation_sections, config.test_sections)
        defaults = DEFAULT_SIZES.values()
        count = sum(size or usual for size, usual in zip(stated, defaults, strict=True))
        size, seed = config.synthetic_size, config.synthetic_seed
        images, labels = synthetic_sections(count, size, seed)
        names = tuple(f"synthetic-{index}" for index in range(count))
        return Sections(
            Stack(images, names),
            Stack(np.where(labels == 1, 0, 255).astype(np.uint8), names),
            self.name,
            f"SYNTHETIC sections, no microscopy ({count} of {size} x {size} px, seed {seed}), "
            f"{self.why}",
        )

    def fingerprint(self, config: DatasetConfig) -> dict[str, Any]:
        """Return only the name: settings and code determine the sections."""
        return {"source": self.name}


@dataclass(frozen=True)
class _Fields:
    """Smooth random fields of the whole stack, coarse (n, h, w), zero mean and unit variance."""

    bend: np.ndarray  # (2, n, h, w)
    ripple: np.ndarray  # (2, n, h, w)
    width: np.ndarray
    contrast: np.ndarray
    cytoplasm: np.ndarray
    light: np.ndarray


@dataclass(frozen=True)
class _Bodies:
    """Ellipsoids in the cells: centres (count, 3) in (section, row, column), half axes in px."""

    centre: np.ndarray
    half_axes: np.ndarray  # (count, 3)
    angle: np.ndarray


@dataclass(frozen=True)
class _Specimen:
    """What the sections of a stack share."""

    seed: int
    fields: _Fields
    seeds: np.ndarray  # (n, seeds, 2), px
    radii: np.ndarray  # (n, seeds), px
    mitochondria: _Bodies
    vesicles: _Bodies


def synthetic_sections(count: int, size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Generate a stack of labelled sections; the same seed gives the same stack.

    Returns
    -------
    images : uint8 array (count, size, size)
    labels : uint8 array (count, size, size)
        1 = membrane, about 20 % of the pixels; 0 = interior.
    """
    rng = np.random.default_rng([seed, 0])
    fields = _make_fields(count, size, rng)
    seeds, radii = _make_seeds(count, size, rng)
    mitochondria = _make_bodies(count, size, _MITOCHONDRIA_PER_PX, (5, 14, 24), rng)
    vesicles = _make_bodies(count, size, _VESICLES_PER_PX, (0.8, 3.6, 4.2), rng)
    stack = _Specimen(seed, fields, seeds, radii, mitochondria, vesicles)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        cells = list(pool.map(lambda z: _cells(size, stack, z), range(count)))
        # Distance to the membrane's middle, in units of its local width.
        relative = np.stack(
            [
                distance / _fine(1 + 0.4 * np.tanh(fields.width[z]), size)
                for z, (_, distance) in enumerate(cells)
            ]
        )
        half_width = np.quantile(relative, MEMBRANE_SHARE)
        images = pool.map(
            lambda z: _image(*cells[z], relative[z] / half_width, stack, z), range(count)
        )
        return np.stack(list(images)), (relative <= half_width).astype(np.uint8)


def _make_fields(count: int, size: int, rng: np.random.Generator) -> _Fields:
    def smooth(px: float, sections: float, many: tuple[int, ...] = ()) -> np.ndarray:
        side = -(-size // _COARSE) + 1
        noise = rng.standard_normal((*many, count, side, side), dtype=np.float32)
        sigma = (*(0.0 for _ in many), sections, px / _COARSE, px / _COARSE)
        field = ndimage.gaussian_filter(noise, sigma, mode="wrap")
        return field / field.std()

    return _Fields(
        bend=smooth(28, 2.5, (2,)),
        ripple=smooth(8, 1.2, (2,)),
        width=smooth(14, 1.5),
        contrast=smooth(18, 1.2),
        cytoplasm=smooth(24, 2.0),
        light=smooth(110, 0.6),
    )


def _make_seeds(count: int, size: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Positions (count, seeds, 2) and radii (count, seeds) in px, drifting from section to section.

    Seeds lie in a margin around the section too, so that cells at its edge look like the others.
    """
    margin = 60
    number = int((size + 2 * margin) ** 2 / _AREA_PER_SEED)
    start = rng.uniform(-margin, size + margin, (number, 2))
    drift = np.cumsum(rng.normal(0, 1.3, (count, number, 2)), axis=0)
    radius = rng.lognormal(np.log(15), 0.75, number)
    swell = np.cumsum(rng.normal(0, 0.05, (count, number)), axis=0)
    return start + drift, np.clip(radius * np.exp(swell), 3, 75)


def _make_bodies(
    count: int,
    size: int,
    per_px: float,
    half_axes: tuple[float, float, float],
    rng: np.random.Generator,
) -> _Bodies:
    """Scatter ellipsoids of half axes about (sections, short, long): ``per_px`` in a section."""
    depth = 2 * half_axes[0]
    number = round(per_px * size**2 * (count + depth) / depth)
    centre = rng.uniform((-depth / 2, 0, 0), (count + depth / 2, size, size), (number, 3))
    spread = rng.lognormal(0, 0.2, (number, 3))
    return _Bodies(centre, np.array(half_axes) * spread, rng.uniform(0, np.pi, number))


def _fine(field: np.ndarray, size: int, zoom: int = _COARSE) -> np.ndarray:
    """Interpolate a field on a coarser grid to (size, size)."""
    return ndimage.zoom(field, zoom, order=1)[:size, :size]


def _cells(size: int, stack: _Specimen, z: int) -> tuple[np.ndarray, np.ndarray]:
    """Cell number and distance (px) to the nearest cell border, both (size, size).

    They are computed at half resolution; the distance is smooth enough to interpolate.
    """
    half = size // 2 + 1
    position = 2 * np.mgrid[:half, :half].astype(np.float32)
    for axis in range(2):
        position[axis] += 9 * _fine(stack.fields.bend[axis, z], half, _COARSE // 2)
        position[axis] += 1.6 * _fine(stack.fields.ripple[axis, z], half, _COARSE // 2)
    # The power distance |x - p|^2 - r^2 is the plain distance to seeds lifted by one dimension.
    radii = stack.radii[z]
    tree = cKDTree(np.column_stack([stack.seeds[z], np.sqrt(radii.max() ** 2 - radii**2)]))
    points = np.column_stack([position.reshape(2, -1).T, np.zeros(half * half)])
    number = tree.query(points)[1].reshape(half, half)
    border = np.zeros((half, half), dtype=bool)
    border[:, :-1] |= number[:, :-1] != number[:, 1:]
    border[:-1] |= number[:-1] != number[1:]
    distance = 2 * ndimage.distance_transform_edt(~border)
    number = number.repeat(2, axis=0).repeat(2, axis=1)
    return number[:size, :size], _fine(distance, size, 2)


def _cuts(
    bodies: _Bodies, z: int, number: np.ndarray, inside: np.ndarray
) -> Iterator[tuple[tuple[np.ndarray, np.ndarray], np.ndarray, np.ndarray]]:
    """Cut bodies by section ``z``: pixels, distance from the centre (1 = surface), px along it.

    A body stays inside the cell that its centre lies in.
    """
    size = len(number)
    height = (z - bodies.centre[:, 0]) / bodies.half_axes[:, 0]
    for index in np.flatnonzero(np.abs(height) < 1):
        row, column = bodies.centre[index, 1:]
        if not inside[int(row), int(column)]:
            continue
        short, long = bodies.half_axes[index, 1:] * np.sqrt(1 - height[index] ** 2)
        reach = int(1.3 * max(short, long)) + 1
        rows = np.arange(max(0, int(row) - reach), min(size, int(row) + reach + 1))
        columns = np.arange(max(0, int(column) - reach), min(size, int(column) + reach + 1))
        y, x = (rows - row)[:, np.newaxis], columns - column
        cos, sin = np.cos(bodies.angle[index]), np.sin(bodies.angle[index])
        along, across = y * sin + x * cos, y * cos - x * sin
        r = np.hypot(along / long, across / short)
        window = np.ix_(rows, columns)
        same_cell = number[window] == number[int(row), int(column)]
        found = np.nonzero((r < 1.25) & same_cell & inside[window])
        yield (rows[found[0]], columns[found[1]]), r[found], along[found]


def _image(
    number: np.ndarray,
    distance: np.ndarray,
    relative: np.ndarray,
    stack: _Specimen,
    z: int,
) -> np.ndarray:
    """Render section ``z``, uint8 (size, size)."""
    size = len(number)
    rng = np.random.default_rng([stack.seed, 1, z])
    fields = stack.fields
    cytoplasm = _fine(fields.cytoplasm[z], size)
    pixels = np.bincount(number.ravel())
    sums = np.bincount(number.ravel(), cytoplasm.ravel())
    shade = (sums / np.maximum(pixels, 1))[number]
    grain = ndimage.gaussian_filter(rng.standard_normal((size, size), dtype=np.float32), 1.4)
    clumps = ndimage.gaussian_filter(rng.standard_normal((size, size), dtype=np.float32), 3.5)
    grey = _CYTOPLASM + 14 * shade + 60 * grain + 120 * clumps

    inside = distance > 3
    for body, r, along in _cuts(stack.mitochondria, z, number, inside):
        cristae = 16 * np.sin(along * 1.1 + 3 * cytoplasm[body])
        rim = np.exp(-(((1 - r) * 12 - 1.2) ** 2) / 2)
        grey[body] = np.where(r < 1, 98 + cristae - 60 * rim, grey[body])
    for body, r, _ in _cuts(stack.vesicles, z, number, inside):
        grey[body] -= 80 * np.exp(-((r - 0.85) ** 2) / 0.06)

    # Membranes cut obliquely are faint and wide; those cut upright are dark and thin.
    contrast = 0.76 + 0.24 * np.tanh(1.2 * _fine(fields.contrast[z], size))
    grey -= _MEMBRANE_DEPTH * contrast * np.exp(-((relative / 0.75) ** 2))

    grey = ndimage.gaussian_filter(grey, _BLUR_PX)
    grey *= 1 + 0.1 * _fine(fields.light[z], size)
    grey = rng.normal(1.0, 0.06) * (grey - 128) + 128 + rng.normal(0, 6)
    # Shot noise: the variance of N counted electrons is N, and N is large enough for a Gaussian.
    shot = np.sqrt(np.clip(grey, 0, None) * (255 / _COUNTS)) * rng.standard_normal(grey.shape)
    return np.clip(np.rint(grey + shot), 0, 255).astype(np.uint8)
