from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spikeseg_core.data.readers import read_stack
from spikeseg_core.errors import DataError
from tests.spikeseg_core.data.inputs import DEEP, GREY, h5, one_sentence, pillow_tiff, png, tif


def _small(path: Path, kind: int) -> Path:
    sections = GREY[:2, :16, :24]
    write = (
        lambda: tif(path, sections, imagej=True, truncate=True),
        lambda: tif(path, DEEP[:2, :16, :24], compression="zlib", predictor=True),
        lambda: tif(path, sections, bigtiff=True, tile=(16, 16)),
        lambda: pillow_tiff(path, sections, "tiff_lzw"),
        lambda: png(path, sections[0]),
        lambda: h5(path, raw=sections),
    )
    return write[kind]()


@settings(max_examples=80, deadline=None)
@given(
    st.integers(0, 5), st.lists(st.tuples(st.integers(0, 2**31), st.integers(0, 255)), min_size=1)
)
def test_whatever_is_damaged_the_message_is_ours(
    tmp_path_factory: pytest.TempPathFactory, kind: int, damage: list[tuple[int, int]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged"
    data = bytearray(_small(path, kind).read_bytes())
    for position, value in damage:
        data[position % len(data)] = value
    path.write_bytes(bytes(data))
    try:
        read_stack(path)
    except DataError as error:
        one_sentence(error)
