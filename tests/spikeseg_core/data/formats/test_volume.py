from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from spikeseg_core.data.formats.volume import Volume, channel_numbers
from spikeseg_core.data.readers import read_stack
from spikeseg_core.errors import DataError
from tests.spikeseg_core.data.inputs import (
    COUNT,
    GREY,
    HEIGHT,
    Built,
    check_refused,
    huge_png,
    pngs,
    tif,
)


def _wide(path: Path) -> Path:
    """Declare 600 Mpx of 64 bits."""
    tif(path, GREY[0].astype(np.float64), rowsperstrip=HEIGHT, metadata=None)
    with tifffile.TiffFile(path, mode="r+") as file:
        file.pages[0].tags["ImageWidth"].overwrite(30_000)
        file.pages[0].tags["ImageLength"].overwrite(20_000)
        file.pages[0].tags["RowsPerStrip"].overwrite(20_000)
    return path


def _many_headers(folder: Path) -> Path:
    folder.mkdir()
    for index in range(49):
        huge_png(folder / f"{index}.png", 5_000)
    return folder


REFUSED: dict[str, tuple[Built, str]] = {
    "too many pixels over all files": (
        lambda d: _many_headers(d / "f"), r"f has 1,225,000,000 pixels in 49 sections"),
    "too many bytes over all files": (
        lambda d: _wide(d / "a.tif"),
        r"a\.tif has 4,800,000,000 bytes of pixels \(float64\); at most 4,294,967,296",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_refused(kind: str, tmp_path: Path) -> None:
    build, message = REFUSED[kind]
    check_refused(build(tmp_path), message)


def test_a_name_that_is_no_utf_8_is_shown_escaped(tmp_path: Path) -> None:
    stack = read_stack(pngs(tmp_path / "f", GREY, [f"{i}\udcff.png" for i in range(COUNT)]))
    assert stack.names[0] == "0\\xff.png"
    np.testing.assert_array_equal(stack.pixels, GREY)


def test_the_limit_is_that_of_a_section_where_sections_are_decoded_one_by_one() -> None:
    deep = np.dtype(np.uint16)
    assert Volume("a.tif", "TIFF", (2000, 4096, 4096), deep, lambda: iter(())).pixels > 3e10
    with pytest.raises(DataError, match="1,600,000,000 pixels in 1 sections; at most"):
        Volume("a.tif", "TIFF", (1, 40_000, 40_000), deep, lambda: iter(()))
    with pytest.raises(DataError, match="100,001 sections"):
        Volume("a.tif", "TIFF", (100_001, 4, 4), deep, lambda: iter(()))


def test_channels_without_names_have_numbers_and_billions_are_refused() -> None:
    assert channel_numbers(3, "a.tif") == ("0", "1", "2")
    with pytest.raises(DataError, match=r"a\.tif has 1,000,000,000 channels; at most 10,000"):
        channel_numbers(10**9, "a.tif")
