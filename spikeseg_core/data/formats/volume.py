"""What every format gives: sections as declared by a file, decoded one by one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

import numpy as np

from spikeseg_core.errors import DataError

MAX_PIXELS = 2**30
"""Maximum pixels that are held at once, over all files and channels of a stack, 1 Gpx."""
MAX_BYTES = 2**32
"""Maximum size as stored of the pixels that are held at once, 4 GiB."""
MAX_SECTIONS = 100_000
"""Maximum sections in one stack."""
MAX_CHANNELS = 10_000
"""Maximum channels of a section, of which one is read."""


@dataclass(frozen=True)
class Volume:
    """Sections of one file, not decoded yet.

    Attributes
    ----------
    name : str
        What messages call the file.
    kind : str
        ``PNG``, ``TIFF``, ``HDF5`` or ``zarr``.
    shape : (int, int, int)
        Sections, height and width, px.
    dtype : dtype
        Of the samples as stored.
    decode : callable
        Gives every section in order: (h, w), or (h, w, c) if there are channels.
    channels : tuple of str
        Names of the channels; empty for one.
    colour : bool
        Whether the channels are red, green and blue, which may all be the same grey.
    white_is_zero : bool
        Whether the file declares that 0 is white.
    palette : uint8 array (entries, 3), optional
        Colours, if the samples are indices.
    pixel_nm : (float, float), optional
        Declared height and width of a pixel, nm.
    notes : tuple of str
        What was left out or assumed.
    flavour : str
        ``OME`` or ``ImageJ``, if a TIFF has their description.
    """

    name: str
    kind: str
    shape: tuple[int, int, int]
    dtype: np.dtype
    decode: Callable[[], Iterator[np.ndarray]]
    channels: tuple[str, ...] = ()
    colour: bool = False
    white_is_zero: bool = False
    palette: np.ndarray | None = None
    pixel_nm: tuple[float, float] | None = None
    notes: tuple[str, ...] = ()
    flavour: str = ""

    def __post_init__(self) -> None:
        check_not_empty(self.shape, self.name)
        # Whole stacks are checked where they are held whole: many can be decoded one by one.
        check_pixels(self.pixels // self.shape[0], self.shape[0], self.dtype, self.name)

    @property
    def pixels(self) -> int:
        """Pixels of all sections and channels."""
        return math.prod(self.shape) * max(1, len(self.channels))

    @property
    def names(self) -> tuple[str, ...]:
        """Name of every section: the file, or file and page."""
        count = self.shape[0]
        return (self.name,) if count == 1 else tuple(f"{self.name}#{i}" for i in range(count))

    @property
    def size(self) -> str:
        """Width x height."""
        return f"{self.shape[2]} x {self.shape[1]}"

    @property
    def depth(self) -> str:
        """Bits per sample, and their type if it is not an unsigned integer."""
        if self.dtype.kind == "b":
            return "8 bits"  # 1 bit is read as 0 and 255
        signed = {"i": " signed", "f": " floating point"}.get(self.dtype.kind, "")
        return f"{8 * self.dtype.itemsize} bits{signed}"


def channel_numbers(count: int, name: object) -> tuple[str, ...]:
    """Name channels that the file does not name by their numbers.

    Raises
    ------
    DataError
        If there are over 10,000.
    """
    if count > MAX_CHANNELS:
        raise DataError(
            f"{name} has {count:,} channels; at most {MAX_CHANNELS:,} are read: save the one that "
            "shows membranes"
        )
    return tuple(map(str, range(count)))


def check_pixels(pixels: int, sections: int, dtype: np.dtype, name: object) -> None:
    """Refuse more than can be held.

    Raises
    ------
    DataError
        If there are over 1 Gpx, 4 GiB or 100,000 sections.
    """
    if pixels > MAX_PIXELS:
        raise DataError(
            f"{name} has {pixels:,} pixels in {sections:,} sections; at most {MAX_PIXELS:,} "
            "pixels are read at once: split or crop it"
        )
    if (size := pixels * dtype.itemsize) > MAX_BYTES:
        raise DataError(
            f"{name} has {size:,} bytes of pixels ({dtype}); at most {MAX_BYTES:,} are read at "
            "once: split it, or save it with 8 or 16 bits"
        )
    if sections > MAX_SECTIONS:
        raise DataError(
            f"{name} has {sections:,} sections; at most {MAX_SECTIONS:,} are read at once: split it"
        )


def check_not_empty(shape: tuple[int, ...], name: str) -> None:
    """Refuse a shape of no pixels."""
    if 0 in shape:
        raise DataError(f"{name} is empty: its shape is {shape}; write it again")


def check_upright(orientation: object, name: str) -> None:
    """Refuse an image whose rows are not rows: TIFF's tag 274, which EXIF has, too.

    Raises
    ------
    DataError
        If it is to be turned or mirrored before it is shown.
    """
    if orientation in (None, 1):
        return
    turn = python_command(
        "import sys; from PIL import Image, ImageOps; "
        "ImageOps.exif_transpose(Image.open(sys.argv[1])).save('upright.png')",
        name,
    )
    raise DataError(
        f"{name} declares orientation {orientation}, so it is to be turned or mirrored: turn it "
        f"with {turn}, or open it in Fiji and save it"
    )


def python_command(code: str, *files: str | Path) -> str:
    """Write a command for a shell that runs code with files as its arguments."""
    return " ".join(['python -c "' + code + '"', *(quote(shown_name(file)) for file in files)])


def shown_name(name: str | Path) -> str:
    """Name of a file for messages and tables: one line, valid UTF-8."""
    text = str(name).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
