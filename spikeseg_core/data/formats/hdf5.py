"""Datasets of HDF5 files, by h5py."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np

from spikeseg_core.data.formats.volume import Volume, channel_numbers, plain_axes, shown_name
from spikeseg_core.errors import DataError

_PIXEL_SIZES = {"resolution": 1.0, "element_size_um": 1000.0}
"""Attributes that give the size of a voxel (z, y, x), and the nm of their unit."""


def datasets(path: Path) -> dict[str, tuple[int, ...]]:
    """Shapes of all datasets that may hold sections, by their path inside the file."""
    found: dict[str, tuple[int, ...]] = {}

    def look(name: str, item: h5py.HLObject) -> None:
        if isinstance(item, h5py.Dataset) and item.dtype.kind in "buif" and item.ndim >= 2:
            found[name] = item.shape

    with h5py.File(path, "r") as file:
        file.visititems(look)
    return found


def open_hdf5(path: Path, name: str, inner: str | None) -> Volume:
    """Read the header of a dataset: (h, w), (z, h, w) or (z, h, w, c), after axes of length 1.

    Raises
    ------
    DataError
        If there is no such dataset, several and none is named, its shape is another, or nothing
        was written to it.
    """
    there = datasets(path)
    if inner is None and len(there) == 1:
        inner = next(iter(there))
    if not there:
        raise DataError(f"{name} holds no dataset of images{_why_none(path)}")
    if inner is None or inner.strip("/") not in there:
        listed = ", ".join(f"{shown_name(d)} {shape}" for d, shape in list(there.items())[:8])
        raise DataError(
            f"{name} has {len(there)} datasets of images ({listed or 'none'}); name one of them "
            f"as {name}:DATASET in spikeseg.yaml"
        )
    inner = inner.strip("/")
    with h5py.File(path, "r") as file:
        data = file[inner]
        shape, dtype = data.shape, data.dtype
        pixel = _pixel_nm(data)
        _check_filters(data, name)
        _check_sources(data, path, f"{name}:{shown_name(inner)}")
        notes = _unwritten(data, f"{name}:{shown_name(inner)}")
    lead = plain_axes(shape, f"{name}:{shown_name(inner)}").count("1")
    shape = shape[lead:]
    flat = len(shape) == 2
    if flat:
        shape = (1, *shape)
    several = len(shape) == 4 and shape[3] > 1
    channels = channel_numbers(shape[3], f"{name}:{shown_name(inner)}") if several else ()

    def decode() -> Iterator[np.ndarray]:
        with h5py.File(path, "r") as file:
            data = file[inner]
            for index in range(shape[0]):
                plane = data[(0,) * lead if flat else (*(0,) * lead, index)]
                yield plane[..., 0] if plane.ndim == 3 and not channels else plane

    return Volume(
        f"{name}:{shown_name(inner)}",
        "HDF5",
        (shape[0], shape[1], shape[2]),
        dtype,
        decode,
        channels=channels,
        pixel_nm=pixel,
        notes=notes,
    )


def _why_none(path: Path) -> str:
    """Say what is there instead: links to elsewhere, and datasets that are no numbers."""
    found: list[str] = []

    def look(name: str, link: object) -> None:
        if isinstance(link, h5py.ExternalLink):
            found.append(f"{name} is a link to {link.path} in {link.filename}: name that file")
        elif isinstance(link, h5py.SoftLink) and file.get(name) is None:
            found.append(f"{name} is a link to {link.path}, which does not exist")
        elif isinstance(item := file.get(name), h5py.Dataset):
            kind = "fields" if item.dtype.names else str(item.dtype)
            found.append(f"{name} has the shape {item.shape} and values of {kind}")

    with h5py.File(path, "r") as file:
        file.visititems_links(look)
    listed = shown_name("; ".join(found[:4]))
    return f" ({listed}); save the stack as numbers (z, y, x)" if found else "; it is empty"


def _check_sources(data: h5py.Dataset, path: Path, name: str) -> None:
    """Refuse a virtual dataset whose files are gone: HDF5 would read them as one value."""
    if not data.is_virtual:
        return
    files = {source.file_name for source in data.virtual_sources()} - {"."}
    if gone := sorted(f for f in files if not (path.parent / f).is_file()):
        raise DataError(
            f"{name} is a virtual dataset over {len(files)} files, of which {len(gone)} are not "
            f"there ({shown_name(', '.join(gone[:3]))}): copy them, too"
        )


def _unwritten(data: h5py.Dataset, name: str) -> tuple[str, ...]:
    """Say which chunks were never written: they are read as one value."""
    if data.is_virtual:
        return ()
    if data.size and data.id.get_storage_size() == 0 and data.external is None:
        raise DataError(f"{name} was created, but nothing was written to it; write it again")
    if data.chunks is None:
        return ()
    every = math.prod(
        -(-size // chunk) for size, chunk in zip(data.shape, data.chunks, strict=True)
    )
    missing = every - int(data.id.get_num_chunks())
    if missing <= 0:
        return ()
    return (f"{missing:,} of {every:,} chunks are not there and read as {data.fillvalue}",)


def _pixel_nm(data: h5py.Dataset) -> tuple[float, float] | None:
    for key, nm in _PIXEL_SIZES.items():
        size = np.asarray(data.attrs.get(key, ()))
        if size.shape in ((2,), (3,)) and size.dtype.kind in "uif" and (size > 0).all():
            return float(size[-2]) * nm, float(size[-1]) * nm
    return None


def _check_filters(data: h5py.Dataset, name: str) -> None:
    made = data.id.get_create_plist()
    for index in range(made.get_nfilters()):
        code, *_, label = made.get_filter(index)
        if not h5py.h5z.filter_avail(code):
            what = label.decode(errors="replace") or "no name"
            raise DataError(
                f"{name} is compressed with the HDF5 filter {code} ({shown_name(what)}), which is "
                f"not here: convert it with h5repack -f GZIP=4 {name} out.h5"
            )
