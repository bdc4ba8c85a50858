"""PNG files, by Pillow."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image

from spikeseg_core.data.formats.volume import Volume, check_pixels, check_upright
from spikeseg_core.errors import DataError

_GREY = {"1": "?", "L": "u1", "LA": "u1", "I": "u2", "I;16": "u2", "I;16B": "u2", "I;16L": "u2"}
_COLOUR = ("RGB", "RGBA", "PA")
_limit = threading.RLock()


@contextmanager
def our_limits() -> Iterator[None]:
    """Let Pillow decode over its own limit of 89 Mpx, and raise where it would only warn."""
    with _limit, warnings.catch_warnings():
        # Pillow only warns about truncated directories.
        warnings.filterwarnings("error", message="(Corrupt EXIF|Truncated File)")
        before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before


def pillow(source: Path | IO[bytes], kind: str) -> Image.Image:
    """Open an image; every decoding also needs :func:`our_limits`."""
    with our_limits():
        return Image.open(source, formats=(kind,))


def open_png(source: Path | IO[bytes], name: str) -> Volume:
    """Read the header of a PNG.

    Raises
    ------
    DataError
        If it holds several pictures, or colour of 16 bits.
    """
    with pillow(source, "PNG") as image:
        width, height = image.size
        mode, frames = image.mode, getattr(image, "n_frames", 1)
        check_upright(_orientation(image), name)
        clear = mode in ("LA", "RGBA", "PA") or "transparency" in image.info
        palette = None
        if mode == "P":
            colours = image.getpalette("RGB") or []
            palette = np.array(colours, dtype=np.uint8).reshape(-1, 3)
    check_pixels(width * height, 1, np.dtype("u1"), name)
    if frames > 1:
        raise DataError(f"{name} is an animated PNG of {frames} pictures; save each as a file")
    if mode not in _GREY and mode != "P" and mode not in _COLOUR:
        raise DataError(f"{name} has pixels of type {mode!r}; convert it to grey of 8 or 16 bits")
    if mode in ("LA", "RGB", "RGBA") and _depth(source) == 16:
        raise DataError(
            f"{name} has colour or transparency at 16 bits, of which only 8 would be read: save it "
            "as grey of 16 bits"
        )

    def decode() -> Iterator[np.ndarray]:
        with pillow(source, "PNG") as image, our_limits():
            plane = np.asarray(image.convert("RGB") if image.mode in _COLOUR else image)
        yield plane[..., 0] if mode == "LA" else plane.astype(_GREY.get(mode, "u1"))

    colour = mode in _COLOUR
    return Volume(
        name,
        "PNG",
        (1, height, width),
        np.dtype(_GREY.get(mode, "u1")),
        decode,
        channels=("red", "green", "blue") if colour else (),
        colour=colour,
        palette=palette,
        notes=("transparency is not read",) if clear else (),
    )


def _orientation(image: Image.Image) -> object:
    """EXIF's orientation; asking Pillow for it would decode the whole picture."""
    exif = Image.Exif()
    exif.load(image.info.get("exif", b""))
    return exif.get(274)


def _depth(source: Path | IO[bytes]) -> int:
    """Bits per sample, which stand at byte 24 of every PNG."""
    if isinstance(source, Path):
        with source.open("rb") as file:
            return file.read(25)[24]
    source.seek(0)
    return source.read(25)[24]
