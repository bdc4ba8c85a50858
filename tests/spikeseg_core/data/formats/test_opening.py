"""What people bring as sections: input, result, message. Nothing is lost without a word."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
from PIL import Image

from spikeseg_core.data.readers import read_stack
from spikeseg_core.errors import DataError
from tests.spikeseg_core.data.inputs import (
    COUNT,
    DEEP,
    DEEP_RGB_PNG,
    GREY,
    HEIGHT,
    MASKS,
    RGB,
    UNIT,
    Built,
    cut,
    h5,
    huge_png,
    jpeg,
    one_sentence,
    pillow_tiff,
    png,
    pngs,
    raw,
    settings,
    sparse,
    tif,
    zarr,
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


def dangling(folder: Path, name: str) -> Path:
    pngs(folder, GREY)
    (folder / name).symlink_to("/nowhere/at/all.png")
    return folder


def float_folder(folder: Path) -> Path:
    """Values that fit 8 bits in one section and not in the other."""
    tif(folder / "0.tif", np.round(UNIT[0], 2))
    tif(folder / "1.tif", UNIT[1] * 3 - 1)
    return folder


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
    ".stk": (lambda d: tif(d / "vol.stk", GREY), GREY),
    ".lsm": (lambda d: tif(d / "vol.lsm", GREY), GREY),
    ".btf": (lambda d: tif(d / "vol.btf", GREY, bigtiff=True), GREY),
    "no suffix": (lambda d: tif(d / "vol", GREY), GREY),
    "unknown suffix": (lambda d: tif(d / "vol.final", GREY), GREY),
    "capital suffix": (lambda d: tif(d / "VOL.TIFF", GREY), GREY),
    "TIFF called PNG": (lambda d: tif(d / "vol.png", GREY), GREY),
    "PNG called TIFF": (lambda d: png(d / "vol.tif", GREY[0]), GREY[:1]),
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
    "uint32 of 16 bits": (lambda d: tif(d / "a.tif", DEEP.astype(np.uint32)), DEEP),
    "uint64 of 16 bits": (lambda d: tif(d / "a.tif", DEEP.astype(np.uint64)), DEEP),
    "int16 without negative values": (
        lambda d: tif(d / "a.tif", (DEEP // 2).astype(np.int16)), DEEP // 2),
    "int16 with negative values": (
        lambda d: tif(d / "a.tif", (DEEP.astype(np.int32) - 32768).astype(np.int16)), DEEP),
    "int8": (
        lambda d: tif(d / "a.tif", (GREY.astype(np.int16) - 128).astype(np.int8)), GREY),
    "float32 in [0, 1], of 8 bits": (lambda d: tif(d / "a.tif", UNIT), GREY),
    "float32 in [0, 1], finer": (
        lambda d: tif(d / "a.tif", DEEP.astype(np.float32) / 65535), DEEP),
    "float64 in [0, 1]": (lambda d: tif(d / "a.tif", DEEP.astype(np.float64) / 65535), DEEP),
    "float32 of whole numbers": (lambda d: tif(d / "a.tif", DEEP.astype(np.float32)), DEEP),
    "float32 of another range": (
        lambda d: tif(d / "a.tif", np.linspace(-3, 5, 65536, dtype=np.float64).reshape(256, 256)),
        np.arange(65536, dtype=np.uint16).reshape(1, 256, 256)),
    "16-bit planar grey RGB": (
        lambda d: tif(
            d / "a.tif", np.stack([DEEP[0]] * 3), photometric="rgb", planarconfig="separate"),
        DEEP[:1]),
    "16-bit grey RGB": (
        lambda d: tif(d / "a.tif", np.stack([DEEP[0]] * 3, axis=-1), photometric="rgb"), DEEP[:1]),
    "RGB stack of grey": (
        lambda d: tif(d / "a.tif", np.stack([GREY] * 3, axis=-1), photometric="rgb"), GREY),
    "grey with transparency": (
        lambda d: tif(d / "a.tif", np.stack([GREY[0], 255 - GREY[0]], -1),
                      extrasamples=["unassalpha"], planarconfig="contig"), GREY[:1]),
    "RGBA of grey": (
        lambda d: tif(d / "a.tif", np.stack([GREY[0]] * 3 + [255 - GREY[0]], -1),
                      photometric="rgb", extrasamples=["unassalpha"]), GREY[:1]),
    "grey palette TIFF": (
        lambda d: tif(d / "a.tif", GREY[0], photometric="palette",
                      colormap=np.stack([np.arange(256, dtype=np.uint16)[::-1] * 257] * 3)),
        255 - GREY[:1]),
    "with a thumbnail": (lambda d: with_thumbnail(d / "a.tif"), GREY),
    "4-bit PNG": (lambda d: png(d / "a.png", GREY[0] // 16 * 17, "L"), GREY[:1] // 16 * 17),
    "cropped, with the old description": (
        lambda d: tif(
            d / "a.tif", GREY[0, :7, :9], metadata=None, description='{"shape": [6, 48, 64]}'
        ),
        GREY[:1, :7, :9],
    ),
    "one row": (lambda d: tif(d / "a.tif", GREY[:, :1]), GREY[:, :1]),
    "one column": (lambda d: pngs(d / "f", GREY[:, :, :1]), GREY[:, :, :1]),
    "HDF5": (lambda d: h5(d / "a.h5", raw=DEEP), DEEP),
    "HDF5 without a suffix": (lambda d: h5(d / "a", volumes__raw=GREY), GREY),
    "folder of float sections": (
        lambda d: float_folder(d / "f"),
        np.round((np.stack([np.round(UNIT[0], 2), UNIT[1] * 3 - 1]).astype(np.float64)
                  - (UNIT[1] * 3 - 1).min()) * 65535
                 / (max(np.round(UNIT[0], 2).max(), (UNIT[1] * 3 - 1).max())
                    - np.float64((UNIT[1] * 3 - 1).min()))).astype(np.uint16)),
    "channel of colour": (
        lambda d: settings(png(d / "a.png", RGB[0]).parent, "channel: blue") / "a.png",
        RGB[:1, ..., 2],
    ),
    "folder of one HDF5": (lambda d: h5(d / "a.h5", raw=GREY).parent, GREY),
    "HDF5 of one section": (lambda d: h5(d / "a.h5", raw=GREY[0]), GREY[:1]),
    "big-endian HDF5": (lambda d: h5(d / "a.h5", raw=DEEP.astype(">u2")), DEEP),
    "HDF5 with odd attributes": (
        lambda d: h5(d / "a.h5", {"resolution": "4 nm", "element_size_um": [0, 0, 0]}, raw=GREY),
        GREY,
    ),
    "superscript digits": (
        lambda d: pngs(d / "f", GREY, [f"10²5_{i}.png" for i in range(COUNT)]), GREY),
    "odd names": (
        lambda d: pngs(
            d / "[" / "x] $\\frac{$", GREY, [f"{i}{odd}" for i, odd in enumerate(
                ("[x].png", "$\\frac{$.png", "\n.png", "%s {0}.png", "é.PNG", ".png"))]),
        GREY),
}  # fmt: skip


@pytest.mark.parametrize("kind", READ)
def test_stacks_that_are_read(kind: str, tmp_path: Path) -> None:
    build, expected = READ[kind]
    stack = read_stack(build(tmp_path))
    assert stack.pixels.dtype == expected.dtype
    np.testing.assert_array_equal(stack.pixels, expected)
    assert len(stack.names) == len(expected)


REFUSED: dict[str, tuple[Built, str]] = {
    "no such path": (lambda d: d / "nowhere", r"nowhere does not exist; give a folder"),
    "colour PNG": (lambda d: png(d / "a.png", RGB[0]), r"a\.png is in colour.*channel: red"),
    "colour stack": (
        lambda d: tif(d / "a.tif", RGB, photometric="rgb"), r"a\.tif is in colour.*channel: red"),
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
    "values beyond 16 bits": (
        lambda d: tif(d / "a.tif", GREY.astype(np.uint32) * 1_000_000),
        "more than 16 bits.*labels"),
    "not a number": (
        lambda d: tif(d / "a.tif", np.where(GREY[0] > 200, np.nan, UNIT[0])), "NaN"),
    "JPEG alone": (lambda d: jpeg(d / "a.jpg"), r"a\.jpg is JPEG.*python -c .*a\.png"),
    "JPEG called PNG": (lambda d: jpeg(d / "a.png"), r"a\.png is JPEG"),
    "JPEG among PNG": (
        lambda d: jpeg(pngs(d / "f", GREY) / "6.jpg").parent, r"6\.jpg is JPEG.*move it away"),
    "WebP": (lambda d: _saved(d / "a.webp", "WEBP"), r"a\.webp is WebP"),
    "JPEG 2000": (lambda d: _saved(d / "a.jp2", "JPEG2000"), r"a\.jp2 is JPEG 2000"),
    "BMP": (lambda d: _saved(d / "a.bmp", "BMP"), r"a\.bmp is BMP"),
    "GIF": (lambda d: _saved(d / "a.gif", "GIF"), r"a\.gif is GIF"),
    "JPEG 2000 in TIFF": (
        lambda d: _compression(d / "a.tif", 34712), "compressed with JPEG_?2000"),
    "WebP in TIFF": (lambda d: _compression(d / "a.tif", 50001), "compressed with WEBP"),
    "link to nothing": (
        lambda d: dangling(d / "f", "6.png"), r"6\.png is a link to /nowhere/at/all\.png, which"),
    "zarr v3": (lambda d: zarr(d / "a.zarr"), r"a\.zarr is zarr.*pip install zarr.*python -c"),
    "zarr v2 without a suffix": (lambda d: zarr(d / "a", ".zgroup"), "a is zarr.*python -c"),
    "MRC": (lambda d: raw(d / "a.mrc", b"\0" * 208 + b"MAP " + b"\0" * 900), "mrcfile.read"),
    "MRC called .st": (lambda d: raw(d / "a.st", b"\0" * 208 + b"MAP " + b"\0" * 900), "is MRC"),
    "NIfTI": (lambda d: raw(d / "a.nii", b"\0" * 344 + b"n+1\0"), "nibabel.load"),
    "NIfTI, packed": (lambda d: raw(d / "a.nii.gz", b"\x1f\x8b\x08"), r"nibabel.*a\.tif"),
    "NumPy": (lambda d: raw(d / "a.npy", b"\x93NUMPY\1\0"), r"numpy\.load"),
    "Gatan": (lambda d: raw(d / "a.dm3", b"\0\0\0\3"), "Fiji"),
    "text": (lambda d: raw(d / "a.txt", b"hello"), "a.txt is no image that is read"),
    "empty file": (lambda d: raw(d / "a.tif", b""), r"a\.tif is damaged.*it has 0 bytes"),
    "empty PNG": (lambda d: raw(d / "a.png", b""), r"a\.png is damaged"),
    "sparse TIFF of 200 GB": (lambda d: sparse(d / "a.tif", b""), r"a\.tif is damaged"),
    "sparse TIFF with a header": (
        lambda d: sparse(d / "a.tif", b"II*\0\x08\0\0\0"), r"a\.tif is damaged"),
    "sparse PNG of 200 GB": (
        lambda d: sparse(d / "a.png", b"\x89PNG\r\n\x1a\n"), r"a\.png is damaged"),
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
    "truncated HDF5": (lambda d: cut(h5(d / "a.h5", raw=DEEP), 0.6), r"a\.h5 is damaged"),
    "HDF5 with several datasets": (
        lambda d: h5(d / "a.h5", raw=DEEP, other=GREY), r"a\.h5 has 2 datasets.*other.*raw"),
    "HDF5 of text": (lambda d: _text_h5(d / "a.h5"), "0 datasets of images"),
    "too many pixels in one PNG": (
        lambda d: huge_png(d / "a.png", 40_000), r"a\.png has 1,600,000,000 pixels.*1,073,741,824"),
    "too many pixels over all files": (
        lambda d: _many_headers(d / "f"), r"f has 1,225,000,000 pixels in 49 sections"),
    "too many bytes over all files": (
        lambda d: _wide(d / "a.tif"),
        r"a\.tif has 4,800,000,000 bytes of pixels \(float64\); at most 4,294,967,296",
    ),
    "compressed beyond reason": (lambda d: _bomb(d / "a.tif"), "compressed bytes of page 0 are"),
    "HDF5 with a filter that is not here": (
        lambda d: _filtered(d / "a.h5"), r"HDF5 filter 32099 \(.*\), which is not here.*h5repack",
    ),
    "MATLAB": (lambda d: raw(d / "a.mat", b"MATLAB 5.0"), "scipy.io.loadmat"),
    "planes that may be sections": (
        lambda d: tif(d / "a.tif", GREY[:3], photometric="rgb", planarconfig="separate"),
        "if its planes are sections, save them as grey pages",
    ),
    "16-bit colour PNG": (lambda d: raw(d / "a.png", DEEP_RGB_PNG), "at 16 bits, of which only 8"),
    "same number twice": (
        lambda d: png(pngs(d / "f", GREY) / "01.png", GREY[0]).parent,
        "01.png and 1.png have the same"),
    "PNG and TIFF of one name": (
        lambda d: tif(pngs(d / "f", GREY) / "1.tif", GREY[0]).parent,
        "1.png and 1.tif have the same"),
    "a stack among sections": (
        lambda d: tif(pngs(d / "f", GREY) / "7.tif", GREY).parent, "7.tif has 6 pages next to 6"),
}  # fmt: skip


def _two_pages(path: Path, *pages: np.ndarray) -> Path:
    with tifffile.TiffWriter(path) as writer:
        for page in pages:
            writer.write(page, photometric="minisblack")
    return path


def _saved(path: Path, kind: str) -> Path:
    Image.fromarray(GREY[0]).save(path, kind)
    return path


def _compression(path: Path, code: int) -> Path:
    """Declare another compression than the file has."""
    tif(path, GREY[0])
    with tifffile.TiffFile(path, mode="r+") as file:
        file.pages[0].tags["Compression"].overwrite(code)
    return path


def _text_h5(path: Path) -> Path:
    with h5py.File(path, "w") as file:
        file["notes"] = "nothing to see"
    return path


def _filtered(path: Path) -> Path:
    with h5py.File(path, "w") as file:
        made = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        made.set_chunk(GREY.shape)
        made.set_filter(32099, h5py.h5z.FLAG_OPTIONAL)
        space = h5py.h5s.create_simple(GREY.shape)
        h5py.h5d.create(file.id, b"raw", h5py.h5t.NATIVE_UINT8, space, made)
    return path


def _wide(path: Path) -> Path:
    """Declare 600 Mpx of 64 bits."""
    tif(path, GREY[0].astype(np.float64), rowsperstrip=HEIGHT, metadata=None)
    with tifffile.TiffFile(path, mode="r+") as file:
        file.pages[0].tags["ImageWidth"].overwrite(30_000)
        file.pages[0].tags["ImageLength"].overwrite(20_000)
        file.pages[0].tags["RowsPerStrip"].overwrite(20_000)
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


def _many_headers(folder: Path) -> Path:
    folder.mkdir()
    for index in range(49):
        huge_png(folder / f"{index}.png", 5_000)
    return folder


@pytest.mark.parametrize("kind", REFUSED)
def test_stacks_that_are_refused(kind: str, tmp_path: Path) -> None:
    build, message = REFUSED[kind]
    path = build(tmp_path)
    with pytest.raises(DataError, match=message) as error:
        read_stack(path)
    one_sentence(error.value)


@pytest.mark.parametrize("compression", ["png", "tiff_lzw"])
def test_a_section_of_10_000_by_10_000_is_read(compression: str, tmp_path: Path) -> None:
    picture = Image.new("1", (10_000, 10_000))
    picture.putpixel((9_999, 9_998), 1)
    path = tmp_path / "a"
    if compression == "png":
        picture.save(path, "PNG", compress_level=1)
    else:
        picture.save(path, "TIFF", compression=compression)
    pixels = read_stack(path).pixels
    assert pixels.shape == (1, 10_000, 10_000)
    assert np.argwhere(pixels[0, -2:]).tolist() == [[0, 9_999]]


def test_10_000_pages_are_read_in_seconds(tmp_path: Path) -> None:
    pages = np.arange(10_000 * 16, dtype=np.uint16).reshape(10_000, 4, 4)
    path = tif(tmp_path / "a.tif", pages, metadata=None)
    np.testing.assert_array_equal(read_stack(path).pixels, pages)


def test_a_name_that_is_no_utf_8_is_shown_escaped(tmp_path: Path) -> None:
    stack = read_stack(pngs(tmp_path / "f", GREY, [f"{i}\udcff.png" for i in range(COUNT)]))
    assert stack.names[0] == "0\\xff.png"
    np.testing.assert_array_equal(stack.pixels, GREY)
