"""Datasets of HDF5 files, by h5py."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from shlex import quote

import h5py
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
    own = f"{name}:{shown_name(inner)}"
    with h5py.File(path, "r") as file:
        data = file[inner]
        dtype, pixel, inverted = data.dtype, _pixel_nm(data), _white_is_zero(data)
        _check_filters(data, name)
        notes = (*_elsewhere(data, path, own), *_unwritten(data, own))
        check_not_empty(data.shape, own)
        order = order_of(data.shape, _axes(data) or plain_axes(data.shape, own), own)
    shape = order.shape

    def decode() -> Iterator[np.ndarray]:
        with h5py.File(path, "r") as file:
            yield from planes(file[inner], order)

    return Volume(
        own,
        "HDF5",
        (shape[0], shape[1], shape[2]),
        dtype,
        decode,
        channels=channel_numbers(shape[3], own) if len(shape) == 4 else (),
        white_is_zero=inverted,
        pixel_nm=pixel,
        notes=notes,
    )


def _axes(data: h5py.Dataset) -> tuple[str, ...]:
    """Axes as ilastik or HDF5's own labels name them; none if they do not."""
    names = [axis.label for axis in data.dims]
    with suppress(KeyError, TypeError, ValueError):
        names = [axis["key"] for axis in json.loads(data.attrs["axistags"])["axes"]]
    return declared_axes(names, data.ndim)


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


def _elsewhere(data: h5py.Dataset, path: Path, name: str) -> tuple[str, ...]:
    """Refuse pixels in other files that are gone: HDF5 would read them as one value."""
    room = 0
    for file, offset, size in data.external or ():
        there = Path(file).stat().st_size if Path(file).is_file() else 0
        room += min(size, max(0, there - offset))
    if data.external and room < data.nbytes:
        raise DataError(
            f"{name} has {data.nbytes:,} bytes in other files, of which {room:,} are there "
            f"({shown_name(', '.join(file for file, *_ in data.external[:3]))}): copy them again"
        )
    if not data.is_virtual:
        return ()
    sources = data.virtual_sources()
    files = {source.file_name for source in sources} - {"."}
    gone = sorted(f for f in files if not (path.parent / f).is_file())
    if gone:
        raise DataError(
            f"{name} is a virtual dataset over {len(files)} files, of which {len(gone)} are not "
            f"there ({shown_name(', '.join(gone[:3]))}): copy them, too"
        )
    for source in sources:
        with h5py.File(path if source.file_name == "." else path.parent / source.file_name) as file:
            if source.dset_name not in file:
                raise DataError(
                    f"{name} is a virtual dataset over {shown_name(source.file_name)}, which has "
                    f"no dataset {shown_name(source.dset_name)}: copy the right file"
                )
    missing = data.size - sum(source.vspace.get_select_npoints() for source in sources)
    if missing <= 0:
        return ()
    return (f"{missing:,} of {data.size:,} pixels are in no file and read as {data.fillvalue}",)


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
        if size := pixel_size(data.attrs.get(key, ()), _axes(data)):
            return size[0] * nm, size[1] * nm
    return None


def _white_is_zero(data: h5py.Dataset) -> bool:
    """Read what HDF5's own specification of images calls ``IMAGE_WHITE_IS_ZERO``."""
    declared = data.attrs.get("IMAGE_WHITE_IS_ZERO")
    return data.dtype.kind == "u" and np.size(declared) == 1 and bool(np.all(declared == 1))


def _check_filters(data: h5py.Dataset, name: str) -> None:
    made = data.id.get_create_plist()
    for index in range(made.get_nfilters()):
        code, *_, label = made.get_filter(index)
        if not h5py.h5z.filter_avail(code):
            what = label.decode(errors="replace") or "no name"
            raise DataError(
                f"{name} is compressed with the HDF5 filter {code} ({shown_name(what)}), which is "
                f"not here: convert it with h5repack -f GZIP=4 {quote(name)} out.h5"
            )
