"""Arrays of zarr (versions 2 and 3) and images of OME-Zarr, by the package zarr."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from spikeseg_core.data.formats.axes import (
    declared_axes,
    order_of,
    pixel_size,
    plain_axes,
    planes,
)
from spikeseg_core.data.formats.volume import (
    Volume,
    channel_numbers,
    check_not_empty,
    shown_name,
)
from spikeseg_core.errors import DataError

_NM = {"angstrom": 0.1, "nanometer": 1.0, "micrometer": 1e3, "millimeter": 1e6, "picometer": 1e-3}
_NM |= {"nm": 1.0, "um": 1e3, "µm": 1e3, "mm": 1e6, "Å": 0.1, "micron": 1e3}
_MOST_ARRAYS = 1000


class _Image(NamedTuple):
    """An array, and what the group around it declares."""

    array: Any
    axes: tuple[str, ...]
    pixel_nm: tuple[float, float] | None = None
    channels: tuple[str, ...] = ()
    levels: int = 1


def images(path: Path) -> dict[str, tuple[int, ...]]:
    """Shapes of all arrays that may hold sections, by their path inside.

    An image of OME-Zarr is its group, at full resolution; the store itself is ``/``.
    """
    return {name: image.array.shape for name, image in _images(path).items()}


def open_zarr(path: Path, name: str, inner: str | None) -> Volume:
    """Read what an array or an image of OME-Zarr declares.

    Raises
    ------
    DataError
        If there is none, several and none is named, its axes make no stack, or it has no chunks.
    """
    there = _images(path)
    if inner is None and len(there) == 1:
        inner = next(iter(there))
    if not there:
        raise DataError(
            f"{name} holds no array of images (numbers with two or more axes); if "
            "it is a plate, name an image in it"
        )
    if inner is not None:
        inner = inner.strip("/") or "/"
    if inner not in there:
        listed = ", ".join(f"{shown_name(n)} {i.array.shape}" for n, i in list(there.items())[:8])
        raise DataError(
            f"{name} has {len(there)} arrays of images ({listed or 'none'}); name one of them "
            f"as {name}:ARRAY in spikeseg.yaml"
        )
    image = there[inner]
    array, own = image.array, name if inner == "/" else f"{name}:{shown_name(inner)}"
    check_not_empty(array.shape, own)
    order = order_of(array.shape, image.axes or plain_axes(array.shape, own), own)
    shape = order.shape
    channels = image.channels if len(shape) == 4 else ()
    if len(shape) == 4 and len(channels) != shape[3]:
        channels = channel_numbers(shape[3], own)
    notes = _missing_chunks(array, own)
    if image.levels > 1:
        notes = (*notes, f"{image.levels - 1} reduced copies are not read")

    def decode() -> Iterator[np.ndarray]:
        yield from planes(array, order)

    return Volume(
        own,
        "zarr",
        (shape[0], shape[1], shape[2]),
        np.dtype(array.dtype),
        decode,
        channels=channels,
        pixel_nm=image.pixel_nm,
        notes=notes,
    )


def _images(path: Path) -> dict[str, _Image]:
    import zarr

    # Metadata of a whole store, kept together, may be older than that of its arrays.
    root = zarr.open(str(path), mode="r", use_consolidated=False)
    found: dict[str, _Image] = {}
    if isinstance(root, zarr.Array):
        return {"/": _Image(root, _plain_axes(root))} if _is_image(root) else {}
    _look(root, "", found)
    return found


def _look(group: Any, name: str, found: dict[str, _Image]) -> None:
    """Collect the images of a group; the levels of an image of OME-Zarr are one."""
    import zarr

    levels: set[str] = set()
    if multiscales := _multiscales(group):
        image, levels = _ome_image(group, multiscales, name)
        if _is_image(image.array):
            found[name or "/"] = image
    for key, member in sorted(group.members()):
        if key in levels:
            continue
        inner = f"{name}/{key}" if name else key
        if len(found) > _MOST_ARRAYS:
            raise DataError(
                f"{shown_name(inner)}: over {_MOST_ARRAYS:,} arrays; give the group that you mean"
            )
        if isinstance(member, zarr.Group):
            _look(member, inner, found)
        elif _is_image(member):
            found[inner] = _Image(member, _plain_axes(member), _plain_pixel_nm(member))


def _is_image(array: Any) -> bool:
    return np.dtype(array.dtype).kind in "buif" and array.ndim >= 2


def _multiscales(group: Any) -> Mapping[str, Any] | None:
    """Metadata of OME-Zarr: version 0.5 has it under ``ome``."""
    attributes = dict(group.attrs)
    ome = attributes.get("ome")
    every = (ome if isinstance(ome, dict) else attributes).get("multiscales")
    first = every[0] if isinstance(every, list) and every else None
    return first if isinstance(first, dict) and first.get("datasets") else None


def _ome_image(group: Any, about: Mapping[str, Any], name: str) -> tuple[_Image, set[str]]:
    paths = [str(level["path"]).strip("/") for level in about["datasets"]]
    if paths[0] not in group:
        raise DataError(
            f"{shown_name(name or group.store_path.store.root.name)} declares the level "
            f"{shown_name(paths[0])}, which is not there; copy it again"
        )
    # The largest: some programs write the smallest first.
    level = max((p for p in paths if p in group), key=lambda p: math.prod(group[p].shape))
    array = group[level]
    axes = about.get("axes") or "tczyx"[5 - array.ndim :]
    names = tuple(str(a.get("name") if isinstance(a, dict) else a).lower() for a in axes)
    if len(names) != array.ndim:
        raise DataError(
            f"{shown_name(name or 'the image')} declares the axes {', '.join(names)} for an array "
            f"of shape {array.shape}; correct its metadata"
        )
    units = [a.get("unit") if isinstance(a, dict) else None for a in axes]
    scales = [
        step["scale"]
        for step in (
            *about["datasets"][paths.index(level)].get("coordinateTransformations", ()),
            *about.get("coordinateTransformations", ()),
        )
        if step.get("type") == "scale" and len(step.get("scale", ())) == array.ndim
    ]
    scale = np.prod(scales, axis=0) if scales else None
    pixel = None
    if scale is not None and {"y", "x"} <= set(names):
        y, x = names.index("y"), names.index("x")
        if units[y] in _NM and units[x] in _NM and scale[y] > 0 and scale[x] > 0:
            pixel = float(scale[y]) * _NM[str(units[y])], float(scale[x]) * _NM[str(units[x])]
    return _Image(array, names, pixel, _channel_names(group), len(paths)), {
        path.split("/")[0] for path in paths
    }


def _channel_names(group: Any) -> tuple[str, ...]:
    attributes = dict(group.attrs)
    ome = attributes.get("ome")
    omero = (ome if isinstance(ome, dict) else attributes).get("omero")
    channels = omero.get("channels", ()) if isinstance(omero, dict) else ()
    return tuple(str(c.get("label") or index) for index, c in enumerate(channels))


def _plain_axes(array: Any) -> tuple[str, ...]:
    """Axes by their declared names; none if they are not declared."""
    declared = getattr(array.metadata, "dimension_names", None) or dict(array.attrs).get(
        "_ARRAY_DIMENSIONS"
    )
    return declared_axes(declared or (), array.ndim)


def _plain_pixel_nm(array: Any) -> tuple[float, float] | None:
    """Return the voxel size (z, y, x) in nm, as CREMI and N5 give it."""
    return pixel_size(dict(array.attrs).get("resolution", ()), _plain_axes(array))


def _missing_chunks(array: Any, name: str) -> tuple[str, ...]:
    """Say how many chunks are not there: they are read as one value."""
    there, all_ = int(array.nchunks_initialized), int(array.nchunks)
    if there == 0:
        raise DataError(f"{name} has none of its {all_:,} chunks; copy it again")
    if there < all_:
        return (
            f"{all_ - there:,} of {all_:,} chunks are not there and read as {array.fill_value}",
        )
    return ()


def is_ome(path: Path) -> bool:
    """Whether a store's own group is an image of OME-Zarr."""
    for file in (path / "zarr.json", path / ".zattrs"):
        try:
            about = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        attributes = about.get("attributes", about) if isinstance(about, dict) else {}
        if "multiscales" in attributes or "multiscales" in attributes.get("ome", {}):
            return True
    return False
