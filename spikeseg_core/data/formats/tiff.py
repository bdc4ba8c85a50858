"""TIFF files by tifffile: whatever they declare, ImageJ, OME, BigTIFF, LSM, STK.

tifffile alone lacks some compressions (LZW among them); pages of these are decoded by Pillow.
"""

from __future__ import annotations

import io
import logging
import math
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image

from spikeseg_core.data.formats.png import our_limits, pillow
from spikeseg_core.data.formats.tiff_pages import (
    by_tifffile,
    check_whole,
    count_alike,
    depth_of,
    first_of,
    left_over,
    opened_again,
    planes_of,
)
from spikeseg_core.data.formats.volume import (
    Volume,
    channel_numbers,
    check_pixels,
)
from spikeseg_core.errors import DataError

Source = Path | bytes

_STALE = "shaped series shape does not match page shape"
"""tifffile then reads the pages as they are, which is right for a file that was cropped since."""
_ALPHA = (1, 2)  # ExtraSamples
_NM = {
    "nm": 1.0,
    "nanometer": 1.0,
    "micron": 1e3,
    "um": 1e3,
    "µm": 1e3,
    "μm": 1e3,
    "\\u00b5m": 1e3,
    "mm": 1e6,
    "cm": 1e7,
    "å": 0.1,
    "pm": 1e-3,
}
"""Units of length in nm."""


def open_tiff(source: Source, name: str) -> Volume:
    """Read what a TIFF declares.

    Raises
    ------
    DataError
        If it is truncated, holds several stacks, or has a compression or colour that cannot be
        read here.
    """
    with _opened(source, name) as (tif, pages):
        start = tif.pages.first
        if not (start.imagewidth and start.imagelength):
            raise ValueError("its first page declares no pixels")
        if start.dtype is None or start.dtype.kind not in "buif":
            raise DataError(
                f"{name} has pixels of {start.dtype or depth_of(start)}; whole and "
                "floating-point numbers are read: convert it to 8 or 16 bits"
            )
        series, notes = _series(tif, name)
        first = series[0]
        page = first.keyframe
        axes = _Axes(first, tif, name)
        count = axes.sections * len(series)
        shape = (count, axes.height, axes.width)
        pixels = math.prod(shape[1:]) * max(1, len(axes.channels))
        check_pixels(pixels, count, np.dtype(page.dtype), name)
        native = by_tifffile(page, name)
        check_whole(series, pages, tif, name)
        notes = (*notes, *left_over(series, tif))
        photometric = page.photometric.name
        if photometric not in ("MINISBLACK", "MINISWHITE", "RGB", "PALETTE", "YCBCR", "MASK"):
            raise DataError(
                f"{name} is in colour ({photometric}); only grey images are supported: convert it "
                "to grey"
            )
        colours = page.colormap if photometric == "PALETTE" else None
        palette = None if colours is None else (colours.T >> 8).astype(np.uint8)
        # Pillow inverts 1 and 8 bits, but not 16.
        inverted = photometric == "MINISWHITE" and (native or page.bitspersample > 8)
        if photometric == "RGB" and page.planarconfig == 2:
            notes = (*notes, "if its planes are sections, save them as grey pages")
        dtype = np.dtype(page.dtype if page.bitspersample != 12 else "u2")
        pixel = _pixel_nm(tif, page)
        flavour = "OME" if tif.is_ome else "ImageJ" if tif.is_imagej else ""

    def decode() -> Iterator[np.ndarray]:
        if native:
            with _opened(source, name, known=True) as (tif, _):
                for one in _series(tif, name)[0]:
                    yield from axes.planes(one)
        else:
            yield from _by_pillow(source, name, axes)

    return Volume(
        name,
        "TIFF",
        shape,
        dtype,
        decode,
        channels=axes.channels,
        colour=photometric in ("RGB", "YCBCR"),
        white_is_zero=inverted,
        palette=palette,
        pixel_nm=pixel,
        flavour=flavour,
        notes=(*notes, *axes.notes),
    )


class _Axes:
    """Which axes of a series are sections, height, width and channels."""

    def __init__(self, series: Any, tif: tifffile.TiffFile, name: str) -> None:
        sizes = [(axis, size) for axis, size in zip(series.axes, series.shape, strict=True)]
        self.notes: tuple[str, ...] = ()
        self.dtype = series.dtype
        self.pages = [int(page.index) for page in series.pages if page is not None]
        kept = [i for i, (axis, size) in enumerate(sizes) if size > 1 or axis in "YX"]
        letters = [sizes[i][0] for i in kept]
        if "Y" not in letters or "X" not in letters:
            raise DataError(f"{name} holds {series.axes} {series.shape} and no plane of pixels")
        self._kept = [sizes[i][1] for i in kept]
        channel = next((i for i in range(len(kept)) if letters[i] in "SC"), None)
        stacked = [i for i in range(len(kept)) if letters[i] not in "YXSC"]
        if channel is not None and letters[channel] == "C" and not stacked:
            mode = (tif.imagej_metadata or {}).get("mode", "grayscale")
            if series.kind == "imagej" and "S" in letters:
                stacked, channel = [channel], letters.index("S")
            elif series.kind == "imagej" and mode == "grayscale":
                # So tifffile writes any stack for ImageJ.
                stacked, channel = [channel], None
        if len(stacked) > 1 or len(letters) > 3 + (channel is not None):
            axes = ", ".join(f"{sizes[i][0]} = {sizes[i][1]}" for i in kept)
            raise DataError(
                f"{name} has the axes {axes}; a stack has one axis of sections: save the stack "
                "that you mean alone"
            )
        y, x = letters.index("Y"), letters.index("X")
        self.height, self.width = self._kept[y], self._kept[x]
        self.sections = self._kept[stacked[0]] if stacked else 1
        self._order = [*stacked, y, x, *([] if channel is None else [channel])]
        self._stacked = bool(stacked)
        self.channels: tuple[str, ...] = ()
        if channel is not None:
            count = self._kept[channel]
            self.channels = _channel_names(series, tif, letters[channel], count, name)
            if len(self.channels) == 1 and count > 1:
                self.notes = ("transparency is not read",)
        self._drop_alpha = channel is not None and len(self.channels) == 1
        if self._drop_alpha:
            self.channels = ()

    @property
    def _has_samples(self) -> bool:
        return bool(self.channels) or self._drop_alpha

    def _in_a_row(self, series: Any) -> Iterator[np.ndarray]:
        """Read sections that lie one after the other, as ImageJ writes a large stack."""
        file, dtype = series.parent.filehandle, np.dtype(series.dtype)
        pixels = self.height * self.width
        for index in range(self.sections):
            file.seek(series.dataoffset + index * pixels * dtype.itemsize)
            plane = file.read_array(series.parent.byteorder + dtype.char, pixels)
            yield plane.reshape(self.height, self.width)

    def planes(self, series: Any) -> Iterator[np.ndarray]:
        """Every section of a series, (h, w) or (h, w, c)."""
        page_shapes = {tuple(s for s in page.shape if s > 1) for page in series.pages[:1]}
        whole = tuple(s for s in (self.height, self.width) if s > 1)
        if page_shapes == {whole} and len(series.pages) == self.sections and not self.channels:
            for page in series.pages:
                with opened_again(page.parent.filehandle):
                    plane = page.asarray()
                yield plane.reshape(self.height, self.width)
            return
        if series.dataoffset is not None and self._order == [0, 1, 2] and not self._has_samples:
            yield from self._in_a_row(series)
            return
        # A stack that is no page by page is mapped, so that it need not fit in memory.
        out = "memmap" if series.parent.filehandle.is_file else None
        values = series.asarray(out=out).reshape(self._kept).transpose(self._order)
        if not self._stacked:
            values = values[np.newaxis]
        if self._drop_alpha:
            values = values[..., 0]
        elif self.channels:
            values = values[..., : len(self.channels)]
        yield from values


def _channel_names(
    series: Any, tif: tifffile.TiffFile, axis: str, count: int, name: str
) -> tuple[str, ...]:
    page, numbers = series.keyframe, channel_numbers(count, name)
    if axis == "S":
        alpha = sum(int(kind) in _ALPHA for kind in page.extrasamples or ())
        if page.photometric.name in ("RGB", "YCBCR"):
            return ("red", "green", "blue", *numbers[3 : count - alpha])
        return numbers[: count - alpha]
    names: list[str] = []
    if tif.is_ome:
        parsed = tifffile.xml2dict(tif.ome_metadata or "")
        image = first_of(parsed.get("OME", {}).get("Image", {}))
        found = image.get("Pixels", {}).get("Channel", [])
        names = [str(c.get("Name", "")) for c in (found if isinstance(found, list) else [found])]
    return tuple(
        names[i] if i < len(names) and names[i] and len(names) == count else number
        for i, number in enumerate(numbers)
    )


def _series(tif: tifffile.TiffFile, name: str) -> tuple[list[Any], tuple[str, ...]]:
    """Return the stack: one series, or several of single sections."""
    every = list(tif.series)
    reduced = [s for s in every if s.keyframe.is_reduced]
    kept = [s for s in every if not s.keyframe.is_reduced] or every
    notes = () if len(kept) == len(every) else (f"{len(reduced)} reduced copies are not read",)
    if not kept:
        raise DataError(f"{name} is damaged: it has no pages; copy it again")
    stacks = [s for s in kept if planes_of(s) > 1]
    if len(kept) > 1 and (stacks or kept[0].kind == "ome"):
        shapes = ", ".join(f"{s.axes} {s.shape}" for s in kept[:4])
        raise DataError(
            f"{name} holds {len(kept)} images ({shapes}); save the stack that you mean alone"
        )
    return kept, notes


def _by_pillow(source: Source, name: str, axes: _Axes) -> Iterator[np.ndarray]:
    with tempfile.TemporaryFile() as copy:
        if isinstance(source, bytes):
            # From memory, Pillow would hand the whole file to libtiff for every page.
            copy.write(source)
            copy.seek(0)
        with pillow(copy if isinstance(source, bytes) else source, "TIFF") as image:
            for index in axes.pages:
                with our_limits():
                    image.seek(index)
                    plane = _plane(image, axes)
                yield plane


def _plane(image: Image.Image, axes: _Axes) -> np.ndarray:
    if image.mode in ("RGB", "RGBA", "RGBX", "YCbCr"):
        return np.asarray(image.convert("RGB"))
    plane = np.asarray(image)
    if plane.ndim == 3:
        return plane[..., 0]
    if image.mode == "1" or plane.dtype.kind == "f" or axes.dtype is None:
        return plane
    return plane.astype(axes.dtype if plane.dtype.itemsize > 1 else np.uint8)


def _pixel_nm(tif: tifffile.TiffFile, page: Any) -> tuple[float, float] | None:
    """Return the declared pixel size; the dots per inch that most programs invent do not count."""
    try:
        if tif.is_ome:
            pixels = first_of(tifffile.xml2dict(tif.ome_metadata or "")["OME"]["Image"])["Pixels"]
            units = (pixels.get(f"PhysicalSize{axis}Unit", "µm") for axis in "YX")
            sizes = (float(pixels[f"PhysicalSize{axis}"]) for axis in "YX")
            height, width = (
                size * _NM[str(u).lower()] for size, u in zip(sizes, units, strict=True)
            )
            return height, width
        unit = str((tif.imagej_metadata or {}).get("unit", "")).lower()
        if unit in _NM:
            across, down = page.tags["XResolution"].value, page.tags["YResolution"].value
            return _NM[unit] * down[1] / down[0], _NM[unit] * across[1] / across[0]
    except (KeyError, IndexError, TypeError, ValueError, ZeroDivisionError):
        return None
    return None


@contextmanager
def _opened(
    source: Source, name: str, *, known: bool = False
) -> Iterator[tuple[tifffile.TiffFile, int]]:
    """Open a TIFF, and count its pages; unless they are known, they must be alike.

    What tifffile logs as an error (and then reads less) is one.
    """
    log, errors = logging.getLogger("tifffile"), _Errors()
    log.addFilter(errors)
    try:
        with tifffile.TiffFile(io.BytesIO(source) if isinstance(source, bytes) else source) as tif:
            if not len(tif.pages):
                raise ValueError("it has no pages")
            errors.check()
            check_pixels(0, len(tif.pages), np.dtype("u1"), name)
            pages = 0 if known else count_alike(tif.pages, name)
            _ = tif.series
            errors.check()
            yield tif, pages
            errors.check()
    finally:
        log.removeFilter(errors)


class _Errors(logging.Filter):
    """Keeps what this thread logs off the terminal, and the errors in it."""

    def __init__(self) -> None:
        super().__init__()
        self._thread, self._found = threading.get_ident(), ""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.thread != self._thread:
            return True
        text = record.getMessage().split("> ", 1)[-1][:160]
        if record.levelno >= logging.ERROR and not self._found and _STALE not in text:
            of_series = "series" in text
            self._found = f"its description and its pages disagree: {text}" if of_series else text
        return False

    def check(self) -> None:
        if self._found:
            raise ValueError(self._found)
