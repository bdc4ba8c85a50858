"""Open a file of images, whatever its suffix."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import UnidentifiedImageError

from spikeseg_core.data.formats import kinds
from spikeseg_core.data.formats.hdf5 import open_hdf5
from spikeseg_core.data.formats.memory import at_most
from spikeseg_core.data.formats.png import open_png
from spikeseg_core.data.formats.tiff import open_tiff
from spikeseg_core.data.formats.volume import Volume, shown_name
from spikeseg_core.data.formats.zarr_store import open_zarr
from spikeseg_core.errors import DataError

HDF5_HEADER_BYTES = 2**28
"""Memory that the headers of an HDF5 file may take: far more than those of any stack do."""


def open_volume(path: Path, inner: str | None = None) -> Volume:
    """Read what a file declares.

    Parameters
    ----------
    inner : str, optional
        Dataset inside an HDF5 file or zarr; not needed if there is only one.

    Raises
    ------
    DataError
        If the file is damaged, or its format is not read; the message says how to convert it.
    """
    name = shown_name(path.name)
    kind = kinds.kind_of(path)
    size = None if kind == "zarr" else path.stat().st_size
    with naming_the_file(name, size):
        if kind == "PNG":
            return _guarded(open_png(path, name), size)
        if kind == "TIFF":
            return _guarded(open_tiff(path, name), size)
        if kind == "HDF5":
            with at_most(HDF5_HEADER_BYTES):
                return _guarded(open_hdf5(path, name, inner), size)
        if kind == "zarr":
            return _guarded(open_zarr(path, name, inner), size)
    raise DataError(kinds.refusal(path, kind))


def open_bytes(data: bytes, name: str) -> Volume:
    """Read what a PNG or TIFF in memory declares; raises as :func:`open_volume`."""
    name = shown_name(name)
    kind = kinds.kind_of_bytes(data[:352])
    with naming_the_file(name, len(data)):
        if kind == "PNG":
            return _guarded(open_png(io.BytesIO(data), name), len(data))
        if kind == "TIFF":
            return _guarded(open_tiff(data, name), len(data))
    found = f"it is {kind}" if kind else "it begins like no image"
    raise DataError(
        f"{name} is damaged or not a PNG or TIFF ({found}); it has {len(data):,} bytes: "
        "compare it with the original and copy it again"
    )


def _guarded(volume: Volume, size: int | None) -> Volume:
    """Check that every section is decoded, whole."""
    decode: Callable[[], Iterator[np.ndarray]] = volume.decode
    shape = volume.shape[1:] + ((len(volume.channels),) if volume.channels else ())

    def checked() -> Iterator[np.ndarray]:
        count = 0
        with naming_the_file(volume.name, size):
            for plane in decode():
                if plane.shape != shape:
                    raise ValueError(f"section {count} has shape {plane.shape}, declared {shape}")
                yield plane
                count += 1
            if count != volume.shape[0]:
                raise ValueError(f"{count} of {volume.shape[0]} sections could be read")

    return replace(volume, decode=checked)


@contextmanager
def naming_the_file(name: str, size: int | None) -> Iterator[None]:
    """Turn whatever a decoder raises into a message that names the file.

    ``size`` is in bytes; None for a folder.
    """
    try:
        yield
    except DataError:
        raise
    except MemoryError as error:
        raise DataError(f"{name} does not fit in memory; split or crop it") from error
    except Exception as error:  # errors for damaged files have no common base
        if "codec" in str(error).lower() and "availab" in str(error).lower():
            raise DataError(
                f"{name} is compressed with a codec that is not here ({_reason(error)}): convert "
                "it to zstd or gzip, or pip install the package that has the codec"
            ) from error
        has = "" if size is None else f"it has {size:,} bytes: "
        raise DataError(
            f"{name} is damaged ({_reason(error)}); {has}compare it with the original and copy it "
            "again"
        ) from error


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "its first bytes make no image"  # Pillow's message shows the address of an object
    return shown_name(str(error)).strip()[:200] or type(error).__name__
