from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.spikeseg_core.data.inputs import (
    DEEP,
    GREY,
    Built,
    check_read,
    check_refused,
    cut,
    h5,
)


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


READ: dict[str, tuple[Built, np.ndarray]] = {
    "HDF5": (lambda d: h5(d / "a.h5", raw=DEEP), DEEP),
    "HDF5 without a suffix": (lambda d: h5(d / "a", volumes__raw=GREY), GREY),
    "folder of one HDF5": (lambda d: h5(d / "a.h5", raw=GREY).parent, GREY),
    "HDF5 of one section": (lambda d: h5(d / "a.h5", raw=GREY[0]), GREY[:1]),
    "big-endian HDF5": (lambda d: h5(d / "a.h5", raw=DEEP.astype(">u2")), DEEP),
    "HDF5 with odd attributes": (
        lambda d: h5(d / "a.h5", {"resolution": "4 nm", "element_size_um": [0, 0, 0]}, raw=GREY),
        GREY,
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", READ)
def test_what_is_read(kind: str, tmp_path: Path) -> None:
    build, expected = READ[kind]
    check_read(build(tmp_path), expected)


REFUSED: dict[str, tuple[Built, str]] = {
    "truncated HDF5": (lambda d: cut(h5(d / "a.h5", raw=DEEP), 0.6), r"a\.h5 is damaged"),
    "HDF5 with several datasets": (
        lambda d: h5(d / "a.h5", raw=DEEP, other=GREY), r"a\.h5 has 2 datasets.*other.*raw"),
    "HDF5 of text": (lambda d: _text_h5(d / "a.h5"), "no dataset of images .notes has the"),
    "HDF5 with a filter that is not here": (
        lambda d: _filtered(d / "a.h5"), r"HDF5 filter 32099 \(.*\), which is not here.*h5repack",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_refused(kind: str, tmp_path: Path) -> None:
    build, message = REFUSED[kind]
    check_refused(build(tmp_path), message)
