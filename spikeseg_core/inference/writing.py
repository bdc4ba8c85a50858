"""Write results in the format of their sections: PNG, TIFF (ImageJ, OME) or OME-Zarr."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image

from spikeseg_core.data.formats.volume import Volume
from spikeseg_core.storage import atomic_path

_MOST_TIFF_BYTES = 2**32 - 2**25
"""Pixels beyond this need BigTIFF: offsets have 32 bits, and descriptions need room, too."""
_SMALLEST_LEVEL = 256
"""Side, px, from which on an OME-Zarr has no smaller copies."""


def write_sections(
    planes: Iterable[np.ndarray], path: Path, like: Volume, dtype: np.dtype, *, mean: bool = False
) -> None:
    """Write sections one by one, so that they need not fit in memory.

    Parameters
    ----------
    planes : iterable of array (h, w)
        As many as ``like`` has sections.
    path : Path
        ``.png`` and ``.zarr`` are written as such, everything else as TIFF.
    like : Volume
        The sections: their number, size, pixel size and description are kept.
    mean : bool
        Whether smaller copies in an OME-Zarr are means, not every second pixel.
    """
    if like.kind == "zarr":
        _write_zarr(iter(planes), path, like, dtype, mean=mean)
        return
    with atomic_path(path) as temporary:
        if path.suffix.lower() == ".png":
            Image.fromarray(next(iter(planes))).save(temporary, format="PNG")
        else:
            shape = like.shape if like.shape[0] > 1 else like.shape[1:]
            large = math.prod(shape) * dtype.itemsize > _MOST_TIFF_BYTES
            described = _described(like, dtype, len(shape), large=large)
            whole = (np.ascontiguousarray(plane, dtype) for plane in planes)
            tifffile.imwrite(
                temporary,
                whole,
                shape=shape,
                dtype=dtype,
                photometric="minisblack",
                bigtiff=large,
                **described,
            )


def _described(like: Volume, dtype: np.dtype, axes: int, *, large: bool) -> dict[str, Any]:
    """Options of tifffile that keep pixel size and description; ImageJ has no BigTIFF."""
    pixel, named = like.pixel_nm, "ZYX"[3 - axes :]
    if like.flavour == "ImageJ" and dtype != np.uint32 and not large:
        resolution = {"resolution": (1 / pixel[1], 1 / pixel[0])} if pixel else {}
        unit = {"unit": "nm"} if pixel else {}
        return {"imagej": True, "metadata": {"axes": named, **unit}, **resolution}
    if pixel is None and like.flavour not in ("OME", "ImageJ"):
        return {}
    about: dict[str, Any] = {"axes": named}
    if pixel:
        about |= {"PhysicalSizeY": pixel[0], "PhysicalSizeYUnit": "nm"}
        about |= {"PhysicalSizeX": pixel[1], "PhysicalSizeXUnit": "nm"}
    return {"ome": True, "metadata": about}


def _write_zarr(
    planes: Iterator[np.ndarray], path: Path, like: Volume, dtype: np.dtype, *, mean: bool
) -> None:
    """Write an OME-Zarr 0.5 with copies of half, a quarter, ... of the size."""
    import zarr

    partial = path.with_name(f".{path.name}-partial")
    shutil.rmtree(partial, ignore_errors=True)
    group = zarr.open_group(partial, mode="w", zarr_format=3)
    count, height, width = like.shape
    levels: list[Any] = []
    datasets: list[Any] = []
    down, across = like.pixel_nm or (1.0, 1.0)
    while True:
        step = 2 ** len(levels)
        shape = count, -(-height // step), -(-width // step)
        chunks = 1, min(shape[1], 1024), min(shape[2], 1024)
        name = str(len(levels))
        levels.append(group.create_array(name, shape=shape, chunks=chunks, dtype=dtype))
        scale = {"type": "scale", "scale": [1.0, down * step, across * step]}
        datasets.append({"path": name, "coordinateTransformations": [scale]})
        if max(shape[1:]) <= _SMALLEST_LEVEL:
            break
    unit = {"unit": "nanometer"} if like.pixel_nm else {}
    axes = [{"name": a, "type": "space", **(unit if a != "z" else {})} for a in "zyx"]
    about: dict[str, Any] = {"name": path.name, "axes": axes, "datasets": datasets}
    group.attrs["ome"] = {"version": "0.5", "multiscales": [about]}
    for index, plane in enumerate(planes):
        shown = np.asarray(plane, dtype)
        for level in levels:
            level[index] = shown
            shown = _half(shown) if mean else shown[::2, ::2]
    shutil.rmtree(path, ignore_errors=True)
    partial.rename(path)


def _half(plane: np.ndarray) -> np.ndarray:
    """Means of 2 x 2 pixels; the last row and column are repeated where they are odd in number."""
    height, width = plane.shape
    even = np.pad(plane, ((0, height % 2), (0, width % 2)), mode="edge").astype(np.float32)
    means = even.reshape(even.shape[0] // 2, 2, -1, 2).mean(axis=(1, 3))
    return np.asarray(means, plane.dtype)
