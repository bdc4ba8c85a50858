"""Every page of a TIFF is what the first says, or one sentence says which is not."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from spikeseg_core.data.readers import read_stack
from tests.spikeseg_core.data.inputs import (
    DEEP,
    GREY,
    HEIGHT,
    MASKS,
    RGB,
    WIDTH,
    Built,
    check_read,
    check_refused,
    ome_over_files,
    pngs,
    raw,
    tif,
)

IMAGEJ = "ImageJ=1.54f\nimages=6\nslices=6\nloop=false\n"
SHAPED = '{"shape": [6, 48, 64]}'
RAMP = np.stack([np.arange(256, dtype=np.uint16) * 257] * 3)


def _ome(path: Path, sections: int) -> str:
    """Return OME's description of so many sections."""
    tif(path / "about.ome.tif", GREY[:sections], metadata={"axes": "ZYX"})
    with tifffile.TiffFile(path / "about.ome.tif") as file:
        about = file.ome_metadata
    (path / "about.ome.tif").unlink()
    assert about
    return about


def _pages(path: Path, pages: Any, description: str | None = None, **third: Any) -> Path:
    """Write page by page under the description of a whole stack; options are for page 2."""
    with tifffile.TiffWriter(path) as writer:
        for index, page in enumerate(pages):
            own = {"description": description} if index == 0 and description else {}
            own |= third if index == 2 else {}
            writer.write(page, **{"photometric": "minisblack", "metadata": None} | own)
    return path


def _odd(third: np.ndarray) -> list[np.ndarray]:
    return [*GREY[:2], third, *GREY[3:]]


def _two(path: Path, second: np.ndarray) -> Path:
    tif(path, GREY)
    tifffile.imwrite(path, second, append=True, photometric="minisblack")
    return path


def _stk(path: Path, planes: int, *, cut: bool = False, uic1: int = 33628) -> Path:
    """Write MetaMorph's stack: one directory, then its planes in a row."""
    one = HEIGHT * WIDTH
    size = 2 + 11 * 12 + 4
    data_at = 8 + size + 24 * planes
    fields = [(256, WIDTH), (257, HEIGHT), (258, 8), (259, 1), (262, 1), (273, data_at)]
    fields += [(277, 1), (278, HEIGHT), (279, one)]
    entries = [struct.pack("<HHII", tag, 4, 1, value) for tag, value in fields]
    entries += [struct.pack("<HHII", uic1, 4, 1, 8)]
    entries += [struct.pack("<HHII", 33629, 5, planes, 8 + size)]
    about = b"".join(struct.pack("<6I", 1000 * i, 1000, 2450000, i, 0, 0) for i in range(planes))
    head = b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", 11) + b"".join(entries) + b"\0" * 4
    pixels = GREY[: planes - 2 if cut else planes].tobytes()
    return raw(path, head + about + pixels)


def _bits(path: Path, bits: int) -> Path:
    tif(path, DEEP[0], metadata=None)
    with tifffile.TiffFile(path, mode="r+") as file:
        file.pages[0].tags["BitsPerSample"].overwrite(bits)
    return path


def _of_several_files(folder: Path, third: np.ndarray, *, more: bool = False) -> Path:
    path = ome_over_files(folder, len(GREY)) / "2.ome.tif"
    with tifffile.TiffFile(path) as file:
        about = file.pages[0].description
    _pages(path, [third, third] if more else [third], about)
    return folder / "0.ome.tif"


READ: dict[str, tuple[Built, np.ndarray]] = {
    "OME page by page": (lambda d: _pages(d / "a.ome.tif", GREY, _ome(d, 6)), GREY),
    "OME of deep pages that says 8 bits": (
        lambda d: _pages(d / "a.ome.tif", DEEP, _ome(d, 6)), DEEP),
    "ImageJ page by page": (lambda d: _pages(d / "a.tif", GREY, IMAGEJ), GREY),
    "pages of two resolutions": (
        lambda d: _pages(d / "a.tif", GREY, resolution=(2, 2)), GREY),
    "STK": (lambda d: _stk(d / "a.stk", 6), GREY),
    "OME over files, alike": (
        lambda d: _of_several_files(d / "f", GREY[2]), GREY),
}  # fmt: skip


@pytest.mark.parametrize("kind", READ)
def test_what_is_read(kind: str, tmp_path: Path) -> None:
    build, expected = READ[kind]
    check_read(build(tmp_path), expected)


SIZE = "page 2 has size 64 x 10, but page 0 has 64 x 48; all sections"
DEPTH = "page 2 has depth 16 bits, but page 0 has 8 bits"
PACKED = "page 2 has compression ADOBE_DEFLATE, but page 0 has NONE"
SIGNED = "page 2 has depth 8 bits signed, but page 0 has 8 bits"
WHITE = "page 2 has colours MINISWHITE, but page 0 has MINISBLACK"
REFUSED: dict[str, tuple[Built, str]] = {
    "ImageJ, smaller page": (
        lambda d: _pages(d / "a.tif", _odd(GREY[2, :10]), IMAGEJ), rf"a\.tif: {SIZE}"),
    "ImageJ, larger page": (
        lambda d: _pages(d / "a.tif", _odd(np.pad(GREY[2], 8)), IMAGEJ), "page 2 has size 80 x 64"),
    "ImageJ, turned page": (
        lambda d: _pages(d / "a.tif", _odd(GREY[2].T), IMAGEJ), "page 2 has size 48 x 64"),
    "ImageJ, deep page": (lambda d: _pages(d / "a.tif", _odd(DEEP[2]), IMAGEJ), DEPTH),
    "ImageJ, deep page of as many bytes": (
        lambda d: _pages(d / "a.tif", _odd(DEEP[2, ::2]), IMAGEJ), "page 2 has size 64 x 24"),
    "ImageJ, signed page": (
        lambda d: _pages(d / "a.tif", _odd(GREY[2].view(np.int8)), IMAGEJ), SIGNED),
    "ImageJ, compressed page": (
        lambda d: _pages(d / "a.tif", GREY, IMAGEJ, compression="zlib"), PACKED),
    "ImageJ, page where 0 is white": (
        lambda d: _pages(d / "a.tif", GREY, IMAGEJ, photometric="miniswhite"), WHITE),
    "ImageJ, page in colour": (
        lambda d: _pages(d / "a.tif", _odd(RGB[2]), IMAGEJ, photometric="rgb"),
        "page 2 has samples per pixel 3, but page 0 has 1"),
    "ImageJ, page upside down": (
        lambda d: _pages(d / "a.tif", GREY, IMAGEJ, extratags=[(274, 3, 1, 3, True)]),
        "declares orientation 3, so it is to be turned"),
    "ImageJ, page in tiles": (
        lambda d: _pages(d / "a.tif", GREY, IMAGEJ, tile=(16, 16)),
        "page 2 has strips, tiles or planes of another kind than page 0; save the stack again"),
    "ImageJ, page in other strips": (
        lambda d: _pages(d / "a.tif", GREY, IMAGEJ, rowsperstrip=5), "page 2 has strips"),
    "ImageJ of more pages than it says": (
        lambda d: _pages(d / "a.tif", [*GREY, *GREY[:2]], IMAGEJ),
        r"a\.tif has 8 pages, of which its description \(ImageJ\) names 6; .* python -c"),
    "tifffile, smaller page": (lambda d: _pages(d / "a.tif", _odd(GREY[2, :10]), SHAPED), SIZE),
    "tifffile, signed page": (
        lambda d: _pages(d / "a.tif", _odd(GREY[2].view(np.int8)), SHAPED), SIGNED),
    "tifffile, compressed page": (
        lambda d: _pages(d / "a.tif", GREY, SHAPED, compression="zlib"), PACKED),
    "tifffile, page where 0 is white": (
        lambda d: _pages(d / "a.tif", GREY, SHAPED, photometric="miniswhite"), WHITE),
    "OME, smaller page": (
        lambda d: _pages(d / "a.ome.tif", _odd(GREY[2, :10]), _ome(d, 6)), SIZE),
    "OME, deep page": (lambda d: _pages(d / "a.ome.tif", _odd(DEEP[2]), _ome(d, 6)), DEPTH),
    "OME, compressed page": (
        lambda d: _pages(d / "a.ome.tif", GREY, _ome(d, 6), compression="zlib"), PACKED),
    "OME, page where 0 is white": (
        lambda d: _pages(d / "a.ome.tif", GREY, _ome(d, 6), photometric="miniswhite"), WHITE),
    "OME of more pages than it says": (
        lambda d: _pages(d / "a.ome.tif", GREY, _ome(d, 4)),
        r"has 6 pages, of which its description \(OME\) names 4"),
    "OME of fewer pages than it says": (
        lambda d: _pages(d / "a.ome.tif", GREY[:4], _ome(d, 6)), "plane 4 is missing"),
    "OME over files, smaller page": (
        lambda d: _of_several_files(d / "f", GREY[2, :10]),
        r"2\.ome\.tif: page 0 has size 64 x 10, but page 0 of 0\.ome\.tif has 64 x 48"),
    "OME over files, deep page": (
        lambda d: _of_several_files(d / "f", DEEP[2]), r"2\.ome\.tif: page 0 has depth 16 bits"),
    "OME over files, more pages": (
        lambda d: _of_several_files(d / "f", GREY[2], more=True), "has 7 pages, of which"),
    "no description, compressed page": (
        lambda d: _pages(d / "a.tif", GREY, compression="zlib"), PACKED),
    "no description, page upside down": (
        lambda d: _pages(d / "a.tif", GREY, extratags=[(274, 3, 1, 3, True)]), "orientation 3"),
    "no description, grey page as colour": (
        lambda d: _pages(d / "a.tif", _odd(np.stack([GREY[2]] * 3, -1)), photometric="rgb"),
        "page 2 has samples per pixel 3"),
    "pages of two palettes": (
        lambda d: _pages(d / "a.tif", GREY, photometric="palette", colormap=RAMP),
        "page 2 has colours PALETTE, but page 0 has MINISBLACK"),
    "two stacks of one length": (
        lambda d: _two(d / "a.tif", MASKS), r"holds 2 images .*save the stack that you mean alone"),
    "STK that was cut": (lambda d: _stk(d / "a.stk", 6, cut=True), "its data ends at byte"),
    "10 bits": (
        lambda d: _bits(d / "a.tif", 10),
        r"a\.tif has 10 bits, 1 samples per pixel, which is not read here: save it .* 8 or 16"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_refused(kind: str, tmp_path: Path) -> None:
    build, message = REFUSED[kind]
    check_refused(build(tmp_path), message)


def test_pages_with_palettes_of_their_own_are_refused(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for index in (0, 1):
            colours = RAMP[:, :: 1 - 2 * index]
            writer.write(GREY[index], photometric="palette", colormap=colours, metadata=None)
    check_refused(tmp_path / "a.tif", "page 1 has another palette than page 0")


@pytest.mark.parametrize("kind", ["STK of an old program", "ImageJ whose description is lost"])
def test_bytes_that_belong_to_no_page_are_said(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    if "STK" in kind:
        _stk(path, 6, uic1=33630)
    else:
        data = tif(path, GREY, imagej=True, truncate=True).read_bytes()
        raw(path, data.replace(b"ImageJ=", b"ImageX="))
    stack = read_stack(path)
    assert len(stack.pixels) == 1
    (note,) = stack.notes
    assert "bytes are in no page: are these sections?" in note


def test_a_page_with_a_long_description_is_whole(tmp_path: Path) -> None:
    assert not read_stack(tif(tmp_path / "a.tif", GREY[0], description="x" * 30_000)).notes


def test_what_holds_for_several_files_is_said_once(tmp_path: Path) -> None:
    notes = read_stack(pngs(tmp_path / "f", GREY, mode="RGBA")).notes
    assert notes == ("0.png and 5 others: transparency is not read",)
