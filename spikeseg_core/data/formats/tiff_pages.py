"""Pages of a TIFF: whether all are what the first is, all are there, and who decodes them.

tifffile decodes a page by the header of the first, where a description (ImageJ, OME or its own)
says that they are alike; a page that is not gives other pixels without an error. So every header is
read here.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import tifffile

from spikeseg_core.data.formats.volume import check_upright, python_command, shown_name
from spikeseg_core.errors import DataError

_OWN = {
    "NONE": "raw",
    "DEFLATE": "deflate",
    "ADOBE_DEFLATE": "deflate",
    "PACKBITS": "packbits",
    "PACKBITS_": "packbits",
    "LZMA": "lzma",
}
"""Compressions that tifffile decodes by itself."""
_PILLOW = ("LZW", "CCITTRLE", "CCITTFAX3", "CCITTFAX4", "JPEG", "ZSTD", *_OWN)
_SLACK_BYTES = 2**16
_WRITERS = {"ome": "OME", "imagej": "ImageJ", "shaped": "tifffile"}
"""Who describes a stack as a whole, by tifffile's name of the kind."""


def depth_of(page: Any) -> str:
    """Bits of a sample, and their type if it is not an unsigned integer."""
    kind = page.sampleformat if isinstance(page.sampleformat, int) else 1
    return f"{page.bitspersample} bits" + {2: " signed", 3: " floating point"}.get(int(kind), "")


def _name(value: Any) -> str:
    return str(getattr(value, "name", value))


_ALIKE: dict[str, Callable[[Any], Any]] = {
    "size": lambda page: f"{page.imagewidth} x {page.imagelength}",
    "depth": depth_of,
    "samples per pixel": lambda page: page.samplesperpixel,
    "colours": lambda page: _name(page.photometric),
    "compression": lambda page: _name(page.compression),
}


def check_alike(page: Any, first: Any, name: str) -> None:
    """Refuse a page that is not upright, or not decoded as the first is.

    Raises
    ------
    DataError
        The message says what differs.
    """
    other = f"page {first.index}"
    if page.parent is not first.parent:
        name, other = page.parent.filename, f"{other} of {name}"
    check_upright(page.tags.valueof(274), name)
    for kind, of in _ALIKE.items():
        if of(page) != of(first):
            raise DataError(
                f"{shown_name(name)}: page {page.index} has {kind} {of(page)}, but {other} has "
                f"{of(first)}; all sections of a stack must match"
            )
    ours, its = ((None if p.colormap is None else p.colormap.tobytes()) for p in (first, page))
    what = "another palette" if ours != its else "strips, tiles or planes of another kind"
    if ours != its or page.hash != first.hash:
        raise DataError(
            f"{shown_name(name)}: page {page.index} has {what} than {other}; save the stack again, "
            "as grey pages of one kind"
        )


def count_alike(pages: Iterable[Any], name: str, first: Any = None) -> int:
    """Count the pages that are no reduced copies; all must be alike (:func:`check_alike`).

    Parameters
    ----------
    first : TiffPage, optional
        What they must be like, if not the first of them.
    """
    count = 0
    for frame in pages:
        if frame.is_virtual:  # of ScanImage: it has no header of its own
            count += 1
            continue
        with opened_again(frame.parent.filehandle):
            page = frame.aspage()
        if not page.is_reduced:
            count += 1
            first = first or page
            check_alike(page, first, name)
    return count


def planes_of(series: Any) -> int:
    """Pages that a series is to have, whether or not each has a header."""
    return int(math.prod(series.shape) // math.prod(series.keyframe.shape))


def check_whole(series: Sequence[Any], pages: int, tif: tifffile.TiffFile, name: str) -> None:
    """Refuse what a description leaves out, and pages whose data is not there.

    Parameters
    ----------
    series : sequence of TiffPageSeries
        All that is read.
    pages : int
        Pages of the file that are no reduced copies.

    Raises
    ------
    DataError
        If the file has more pages than it describes, or fewer; if data is missing, goes past the
        end of the file, or is far more than its pixels.
    """
    first = series[0]
    others = {id(p.parent): p.parent for one in series for p in one.pages if p is not None}
    for other in others.values():
        if other is not tif:
            pages += count_alike(other.pages, name, first.keyframe)
    planes = sum(planes_of(one) for one in series)
    if pages > planes:
        again = python_command(
            "import sys, tifffile; "
            "tifffile.imwrite('all.tif', tifffile.imread(sys.argv[1], key=slice(None)))",
            name,
        )
        raise DataError(
            f"{name} has {pages} pages, of which its description "
            f"({_WRITERS.get(first.kind, first.kind)}) names {planes}; if all of them are sections,"
            f" write them again with {again}"
        )
    if tif.is_ome and first.kind != "ome":
        _check_ome(tif, name)
    for one in series:
        _check_data(one, tif.filehandle.size, name)


def _check_ome(tif: tifffile.TiffFile, name: str) -> None:
    """Refuse a file whose OME description, which tifffile had to give up, has other planes."""
    about = first_of(tifffile.xml2dict(tif.ome_metadata or "").get("OME", {}).get("Image", {}))
    pixels = about.get("Pixels", {})
    try:
        planes = math.prod(int(pixels[f"Size{axis}"]) for axis in "ZTC")
    except (KeyError, TypeError, ValueError):
        return
    if planes > len(tif.pages):
        raise DataError(
            f"{name} declares {planes} planes (OME) and has {len(tif.pages)}: the others are in "
            "files that are not there, or were not copied; put all of them into one folder"
        )


def first_of(found: Any) -> Any:
    """Return what XML has once, or the first of several."""
    return found[0] if isinstance(found, list) else found


def _check_data(series: Any, size: int, name: str) -> None:
    for number, page in enumerate(series.pages):
        if page is None:
            of_others = series.kind == "ome"
            raise DataError(
                f"{name} is damaged: plane {number} is missing; copy it again"
                + (", with the other files of this OME-TIFF" if of_others else "")
            )
        ends = [o + n for o, n in zip(page.dataoffsets, page.databytecounts, strict=False)]
        if not ends or 0 in page.databytecounts:
            raise DataError(
                f"{name} is damaged: page {page.index} has parts without data; copy it again"
            )
        if page.compression != 1 and sum(page.databytecounts) > 2 * page.nbytes + _SLACK_BYTES:
            raise DataError(
                f"{name} is damaged: the {sum(page.databytecounts):,} compressed bytes of page "
                f"{page.index} are more than its {page.nbytes:,} bytes of pixels; copy it again"
            )
        if max(ends) > size:
            raise DataError(
                f"{name} is damaged: page {page.index} ends at byte {max(ends):,}, the file at "
                f"{size:,}; copy it again"
            )
    if len(series.pages) == 1 and series.dataoffset is not None and series.nbytes:
        end = series.dataoffset + series.nbytes
        if end > size:
            raise DataError(
                f"{name} is damaged: its data ends at byte {end:,}, the file at {size:,}; copy it "
                "again"
            )


def left_over(series: Sequence[Any], tif: tifffile.TiffFile) -> tuple[str, ...]:
    """Say that a file of one page is longer by a page or more: sections may be there unnamed."""
    page, size = series[0].keyframe, tif.filehandle.size
    if len(tif.pages) > 1 or page.compression != 1 or page.subifds:
        return ()
    rest = size - series[0].nbytes - sum(tag.valuebytecount for tag in page.tags)
    if rest < page.nbytes:
        return ()
    return (f"{rest:,} of its {size:,} bytes are in no page: are these sections?",)


def by_tifffile(page: Any, name: str) -> bool:
    """Whether tifffile decodes a page, or else Pillow.

    Raises
    ------
    DataError
        If neither does.
    """
    compression = _name(page.compression)
    if importlib.util.find_spec("imagecodecs"):
        return True
    bits = page.bitspersample
    plain = bits in (1, 8, 16, 32, 64) and page.predictor in (1, 2)
    if compression in _OWN and plain and page.photometric.name != "YCBCR":
        return True
    floating = int(page.sampleformat) == 3
    grey = page.samplesperpixel == 1 and (bits == 32 if floating else bits in (1, 2, 4, 8, 12, 16))
    if compression in _PILLOW and (grey or (bits == 8 and not floating)):
        return False
    kind = f"{depth_of(page)}, {page.samplesperpixel} samples per pixel"
    what = f"has {kind}" if compression == "NONE" else f"is compressed with {compression} ({kind})"
    raise DataError(
        f"{name} {what}, which is not read here: save it uncompressed with 8 or 16 bits, or pip "
        "install imagecodecs"
    )


@contextmanager
def opened_again(file: Any) -> Iterator[None]:
    """Open the file of a page, if it is another than the one that declares the stack."""
    closed = file.closed
    if closed:
        file.open()
    try:
        yield
    finally:
        if closed:
            file.close()
