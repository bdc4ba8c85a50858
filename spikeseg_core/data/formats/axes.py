"""Which axes of an array are sections, rows, columns and channels, and its sections in order."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from spikeseg_core.errors import DataError

MOST_CHANNELS = 16
"""A last axis that is longer is no axis of channels, unless the file says so."""
_BLOCK_BYTES = 2**26
"""Sections that share chunks are decoded together, up to this size."""


def plain_axes(shape: tuple[int, ...], name: str) -> tuple[str, ...]:
    """Name the axes of an array that declares none: (y, x), (z, y, x) or (z, y, x, c).

    Axes of length 1 may come before them; they have the name ``1``.

    Raises
    ------
    DataError
        If the shape is neither.
    """
    left = list(shape)
    while len(left) > 3 and left[0] == 1:
        left.pop(0)
    extra = ("1",) * (len(shape) - len(left))
    if len(left) in (2, 3):
        return (*extra, *"zyx"[3 - len(left) :])
    if len(left) == 4 and left[3] <= MOST_CHANNELS:
        return (*extra, *"zyxc")
    raise DataError(
        f"{name} has the shape {shape}; a stack is (z, y, x), or (z, y, x, channels) with at most "
        f"{MOST_CHANNELS} channels: save it so"
    )


def declared_axes(names: Sequence[object], ndim: int) -> tuple[str, ...]:
    """Return the names that a file gives to all axes; none if y or x is not among them."""
    axes = tuple(str(name).lower() for name in names)
    return axes if len(axes) == ndim and {"y", "x"} <= set(axes) else ()


def pixel_size(sizes: object, axes: tuple[str, ...]) -> tuple[float, float] | None:
    """Height and width of a voxel whose size is given for all named axes, or as (z, y, x)."""
    size = np.asarray(sizes)
    if size.ndim != 1 or size.dtype.kind not in "uif" or not (size > 0).all():
        return None
    if axes and len(axes) == len(size):
        return float(size[axes.index("y")]), float(size[axes.index("x")])
    return (float(size[-2]), float(size[-1])) if len(size) in (2, 3) else None


class Order(NamedTuple):
    """Axes of an array in the order of a stack; those of length 1 are dropped.

    Attributes
    ----------
    section : int, optional
        Axis of the sections; None if there is one section.
    plane : list of int
        Axes of rows and columns; of channels, if there are several.
    shape : tuple of int
        Sections, height and width; channels, if there are several.
    """

    section: int | None
    plane: list[int]
    shape: tuple[int, ...]


def order_of(shape: tuple[int, ...], axes: tuple[str, ...], name: str) -> Order:
    """Find sections, rows, columns and channels among named axes.

    Raises
    ------
    DataError
        If y or x is not among the axes, or there are several axes of sections.
    """
    listed = ", ".join(f"{axis} = {size}" for axis, size in zip(axes, shape, strict=False))
    if len(axes) != len(shape) or not {"y", "x"} <= set(axes):
        raise DataError(
            f"{name} has the shape {shape} and the axes {listed or 'none'}; a stack is (z, y, x): "
            "save it so"
        )
    kept = [i for i, axis in enumerate(axes) if shape[i] > 1 or axis in ("y", "x")]
    sections = [i for i in kept if axes[i] not in ("y", "x", "c")]
    if len(sections) > 1:
        raise DataError(
            f"{name} has the axes {listed}; a stack has one axis of sections: save the stack that "
            "you mean alone"
        )
    section = sections[0] if sections else None
    plane = [axes.index("y"), axes.index("x"), *(i for i in kept if axes[i] == "c")]
    count = 1 if section is None else shape[section]
    return Order(section, plane, (count, *(shape[i] for i in plane)))


def planes(array: Any, order: Order) -> Iterator[np.ndarray]:
    """Give every section of an array of zarr or HDF5, (h, w) or (h, w, c), in blocks of chunks."""
    first = [] if order.section is None else [order.section]
    kept = sorted([*first, *order.plane])
    turned = [kept.index(i) for i in (*first, *order.plane)]
    where: list[Any] = [slice(None) if i in kept else 0 for i in range(array.ndim)]
    if order.section is None:
        yield np.asarray(array[tuple(where)]).transpose(turned)
        return
    plane = array.dtype.itemsize * math.prod(order.shape[1:])
    chunk = array.chunks[order.section] if array.chunks else 1
    step = max(1, min(int(chunk), _BLOCK_BYTES // max(plane, 1)))
    for start in range(0, order.shape[0], step):
        where[order.section] = slice(start, start + step)
        yield from np.asarray(array[tuple(where)]).transpose(turned)
