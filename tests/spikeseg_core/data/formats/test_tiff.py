from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import tifffile

from spikeseg_core.data.formats.opening import open_bytes
from spikeseg_core.errors import DataError
from tests.fuzz.targets import CORPUS
from tests.spikeseg_core.data.inputs import (
    DEEP,
    GREY,
    MASKS,
    Built,
    check_read,
    check_refused,
    cut,
    pillow_tiff,
    sparse,
    tif,
)


def by_tiff_writer(path: Path) -> Path:
    with tifffile.TiffWriter(path) as writer:
        for section in GREY:
            writer.write(section, photometric="minisblack")
    return path


def with_thumbnail(path: Path) -> Path:
    with tifffile.TiffWriter(path) as writer:
        writer.write(GREY, photometric="minisblack", metadata=None)
        writer.write(GREY[0, ::4, ::4], photometric="minisblack", subfiletype=1, metadata=None)
    return path


def _two_pages(path: Path, *pages: np.ndarray) -> Path:
    with tifffile.TiffWriter(path) as writer:
        for page in pages:
            writer.write(page, photometric="minisblack")
    return path


def _compression(path: Path, code: int) -> Path:
    """Declare another compression than the file has."""
    tif(path, GREY[0])
    with tifffile.TiffFile(path, mode="r+") as file:
        file.pages[0].tags["Compression"].overwrite(code)
    return path


def _bomb(path: Path) -> Path:
    """Declare few pixels over a strip of many bytes."""
    noise = np.random.default_rng(0).integers(0, 256, (600, 600), dtype=np.uint8)
    tif(path, noise, compression="zlib", rowsperstrip=600)
    with tifffile.TiffFile(path, mode="r+") as file:
        file.pages[0].tags["ImageWidth"].overwrite(8)
        file.pages[0].tags["ImageLength"].overwrite(8)
        file.pages[0].tags["RowsPerStrip"].overwrite(8)
    return path


READ: dict[str, tuple[Built, np.ndarray]] = {
    "ImageJ stack in one directory": (
        lambda d: tif(d / "a.tif", GREY, imagej=True, truncate=True), GREY),
    "ImageJ stack": (lambda d: tif(d / "a.tif", DEEP, imagej=True), DEEP),
    "ImageJ hyperstack with Z": (
        lambda d: tif(d / "a.tif", GREY, imagej=True, metadata={"axes": "ZYX"}), GREY),
    "ImageJ time series": (
        lambda d: tif(d / "a.tif", GREY, imagej=True, metadata={"axes": "TYX"}), GREY),
    "ImageJ, 32-bit in one directory": (
        lambda d: tif(d / "a.tif", GREY.astype(np.float32), imagej=True, truncate=True), GREY),
    "OME-TIFF": (lambda d: tif(d / "a.ome.tif", DEEP, metadata={"axes": "ZYX"}), DEEP),
    "written section by section": (lambda d: by_tiff_writer(d / "a.tif"), GREY),
    "16-bit WhiteIsZero": (
        lambda d: tif(d / "a.tif", 65535 - DEEP, photometric="miniswhite"), DEEP),
    "8-bit WhiteIsZero": (
        lambda d: tif(d / "a.tif", 255 - GREY, photometric="miniswhite"), GREY),
    "16-bit WhiteIsZero, LZW-like": (
        lambda d: tif(d / "a.tif", 65535 - DEEP, photometric="miniswhite", compression="zlib"),
        DEEP),
    "big-endian 16 bits": (lambda d: tif(d / "a.tif", DEEP, byteorder=">"), DEEP),
    "big-endian 16 bits, deflated": (
        lambda d: tif(d / "a.tif", DEEP, byteorder=">", compression="zlib", predictor=True), DEEP),
    "tiled": (lambda d: tif(d / "a.tif", DEEP, tile=(16, 16)), DEEP),
    "LZW": (lambda d: pillow_tiff(d / "a.tif", GREY, "tiff_lzw"), GREY),
    "LZW, 16 bits": (lambda d: pillow_tiff(d / "a.tif", DEEP, "tiff_lzw"), DEEP),
    "group 4": (lambda d: pillow_tiff(d / "a.tif", MASKS, "group4", "1"), MASKS),
    "PackBits": (lambda d: pillow_tiff(d / "a.tif", GREY, "packbits"), GREY),
    "LZMA": (lambda d: pillow_tiff(d / "a.tif", GREY, "lzma"), GREY),
    "zstd": (lambda d: pillow_tiff(d / "a.tif", GREY, "zstd"), GREY),
    "grey with transparency": (
        lambda d: tif(d / "a.tif", np.stack([GREY[0], 255 - GREY[0]], -1),
                      extrasamples=["unassalpha"], planarconfig="contig"), GREY[:1]),
    "grey palette TIFF": (
        lambda d: tif(d / "a.tif", GREY[0], photometric="palette",
                      colormap=np.stack([np.arange(256, dtype=np.uint16)[::-1] * 257] * 3)),
        255 - GREY[:1]),
    "with a thumbnail": (lambda d: with_thumbnail(d / "a.tif"), GREY),
    "cropped, with the old description": (
        lambda d: tif(
            d / "a.tif", GREY[0, :7, :9], metadata=None, description='{"shape": [6, 48, 64]}'
        ),
        GREY[:1, :7, :9],
    ),
    "one row": (lambda d: tif(d / "a.tif", GREY[:, :1]), GREY[:, :1]),
}  # fmt: skip


@pytest.mark.parametrize("kind", READ)
def test_what_is_read(kind: str, tmp_path: Path) -> None:
    build, expected = READ[kind]
    check_read(build(tmp_path), expected)


REFUSED: dict[str, tuple[Built, str]] = {
    "colour in planes": (
        lambda d: tif(d / "a.tif", DEEP[:3], photometric="rgb", planarconfig="separate"),
        "a.tif is in colour"),
    "OME with channels": (
        lambda d: tif(d / "a.ome.tif", np.stack([DEEP, DEEP + 1]),
                      metadata={"axes": "CZYX", "Channel": {"Name": ["SEM", "gold"]}}),
        r"a\.ome\.tif has 2 channels.*'channel: SEM' \(there are SEM, gold\)"),
    "ImageJ composite": (
        lambda d: tif(d / "a.tif", np.stack([DEEP, DEEP + 1], 1), imagej=True,
                      metadata={"axes": "ZCYX"}), "a.tif has 2 channels"),
    "time and depth": (
        lambda d: tif(d / "a.tif", np.stack([DEEP, DEEP + 1]), imagej=True,
                      metadata={"axes": "TZYX"}), r"the axes T = 2, Z = 6.*save the stack"),
    "pages of several sizes": (
        lambda d: _two_pages(d / "a.tif", GREY[0], GREY[1, :10]),
        r"a\.tif: page 1 has size 64 x 10, but page 0 has 64 x 48"),
    "pages of several depths": (
        lambda d: _two_pages(d / "a.tif", GREY[0], DEEP[1]),
        "page 1 has depth 16 bits, but page 0 has 8 bits"),
    "complex numbers": (
        lambda d: tif(d / "a.tif", GREY[0].astype(np.complex64)), "a.tif .*complex"),
    "JPEG 2000 in TIFF": (
        lambda d: _compression(d / "a.tif", 34712), "compressed with JPEG_?2000"),
    "WebP in TIFF": (lambda d: _compression(d / "a.tif", 50001), "compressed with WEBP"),
    "sparse TIFF of 200 GB": (lambda d: sparse(d / "a.tif", b""), r"a\.tif is damaged"),
    "sparse TIFF with a header": (
        lambda d: sparse(d / "a.tif", b"II*\0\x08\0\0\0"), r"a\.tif is damaged"),
    "truncated ImageJ directory": (
        lambda d: cut(tif(d / "a.tif", GREY, imagej=True, truncate=True), 0.6), "is damaged"),
    "a page of a stack, with the stack's description": (
        lambda d: tif(
            d / "a.tif", GREY[0], metadata=None, description="ImageJ=1.54\nimages=6\nslices=6\n"
        ),
        "its description and its pages disagree",
    ),
    "truncated, deflated": (
        lambda d: cut(tif(d / "a.tif", GREY, compression="zlib"), 0.6), "is damaged"),
    "compressed beyond reason": (lambda d: _bomb(d / "a.tif"), "compressed bytes of page 0 are"),
    "planes that may be sections": (
        lambda d: tif(d / "a.tif", GREY[:3], photometric="rgb", planarconfig="separate"),
        "if its planes are sections, save them as grey pages",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_refused(kind: str, tmp_path: Path) -> None:
    build, message = REFUSED[kind]
    check_refused(build(tmp_path), message)


def test_a_later_page_that_says_to_be_larger_takes_no_memory() -> None:
    """Found by fuzzing: its 1,224,736,776 rows were reserved, where logging was switched off."""
    data = (CORPUS / "image" / "tall-page.tif").read_bytes()
    logging.disable(logging.CRITICAL)
    try:
        with pytest.raises(DataError, match="page 1 has size 12 x 1224736776, but page 0 has 12 x"):
            open_bytes(data, "x.tif")
    finally:
        logging.disable(logging.NOTSET)
