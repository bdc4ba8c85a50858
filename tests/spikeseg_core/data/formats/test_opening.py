"""Damaged, cut or large: a file is read whole, or one sentence of ours says what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from spikeseg_core.data.formats.opening import open_bytes, open_volume
from spikeseg_core.data.readers import read_stack
from spikeseg_core.errors import DataError
from tests.spikeseg_core.data.inputs import (
    DEEP,
    GREY,
    check_refused,
    h5,
    one_sentence,
    pillow_tiff,
    png,
    raw,
    tif,
)

SMALL = GREY[:2, :16, :24]
WRITE: dict[str, Callable[[Path], Path]] = {
    "ImageJ": lambda path: tif(path, SMALL, imagej=True, truncate=True),
    "deflate": lambda path: tif(path, DEEP[:2, :16, :24], compression="zlib", predictor=True),
    "tiles": lambda path: tif(path, SMALL, bigtiff=True, tile=(16, 16)),
    "LZW": lambda path: pillow_tiff(path, SMALL, "tiff_lzw"),
    "raw": lambda path: pillow_tiff(path, SMALL, "raw"),
    "PNG": lambda path: png(path, SMALL[0]),
    "HDF5": lambda path: h5(path, raw=SMALL),
}


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from(sorted(WRITE)),
    st.lists(st.tuples(st.integers(0, 2**31), st.integers(0, 255)), min_size=1),
)
def test_whatever_is_damaged_the_message_is_ours(
    tmp_path_factory: pytest.TempPathFactory, kind: str, damage: list[tuple[int, int]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged"
    data = bytearray(WRITE[kind](path).read_bytes())
    for position, value in damage:
        data[position % len(data)] = value
    path.write_bytes(bytes(data))
    try:
        read_stack(path)
    except DataError as error:
        one_sentence(error)


@pytest.mark.parametrize("kept", [0.0, 0.01, 0.3, 0.6, 0.9, 0.95])
@pytest.mark.parametrize("kind", [kind for kind in WRITE if kind != "HDF5"])
def test_a_truncated_file_in_memory_is_refused(kind: str, kept: float, tmp_path: Path) -> None:
    data = WRITE[kind](tmp_path / "a").read_bytes()
    with pytest.raises(DataError, match="cut is damaged"):
        list(open_bytes(data[: int(len(data) * kept)], "cut").decode())


@pytest.mark.parametrize("kind", [kind for kind in WRITE if kind != "HDF5"])
def test_a_file_in_memory_is_the_file(kind: str, tmp_path: Path) -> None:
    path = WRITE[kind](tmp_path / "a")
    found, expected = open_bytes(path.read_bytes(), "a"), open_volume(path)
    assert found.names == expected.names
    for one, other in zip(found.decode(), expected.decode(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_is_no_image() -> None:
    with pytest.raises(DataError, match=r"not a PNG or TIFF \(it is GIF\)"):
        open_bytes(b"GIF89a and so on", "x.png")


def test_an_empty_file(tmp_path: Path) -> None:
    check_refused(raw(tmp_path / "a.tif", b""), r"a\.tif is damaged.*it has 0 bytes")


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
