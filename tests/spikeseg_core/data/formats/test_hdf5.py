from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from spikeseg_core.data.readers import read_stack
from tests.spikeseg_core.data.inputs import (
    COUNT,
    DEEP,
    GREY,
    Built,
    check_read,
    check_refused,
    cut,
    h5,
    raw,
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


def _named(path: Path, stack: np.ndarray, axes: str, *, ilastik: bool = False) -> Path:
    with h5py.File(h5(path, {"resolution": [5, 4, 50]}, raw=stack), "a") as file:
        if ilastik:
            tags = [{"key": axis, "resolution": 0} for axis in axes]
            file["raw"].attrs["axistags"] = json.dumps({"axes": tags})
        else:
            for number, axis in enumerate(axes):
                file["raw"].dims[number].label = axis
    return path


def _virtual(folder: Path, *, source: str = "raw", sections: int = COUNT) -> Path:
    """Map sections of another file."""
    h5(folder / "source.h5", **{source: GREY[:sections]})
    layout = h5py.VirtualLayout(GREY.shape, "u1")
    layout[:sections] = h5py.VirtualSource("source.h5", "raw", (sections, *GREY.shape[1:]))
    with h5py.File(folder / "a.h5", "w") as file:
        file.create_virtual_dataset("raw", layout, fillvalue=7)
    return folder / "a.h5"


def _raw_beside(folder: Path, kept: float) -> Path:
    """Keep the pixels in a file of their own."""
    data = GREY.tobytes()
    beside = raw(folder / "pixels.raw", data)
    with h5py.File(folder / "a.h5", "w") as file:
        file.create_dataset("raw", GREY.shape, "u1", external=[(str(beside), 0, len(data))])
    raw(beside, data[: int(kept * len(data))]) if kept else beside.unlink()
    return folder / "a.h5"


def _checked(path: Path) -> Path:
    with h5py.File(path, "w") as file:
        file.create_dataset("raw", data=GREY, chunks=(1, *GREY.shape[1:]), fletcher32=True)
    data = bytearray(path.read_bytes())
    data[bytes(data).find(GREY[3].tobytes()) + 5] ^= 255
    return raw(path, bytes(data))


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
    "HDF5 in which 0 is white": (
        lambda d: h5(d / "a.h5", {"IMAGE_WHITE_IS_ZERO": np.uint8(1)}, raw=65535 - DEEP), DEEP),
    "HDF5 in which 0 is black": (
        lambda d: h5(d / "a.h5", {"IMAGE_WHITE_IS_ZERO": np.uint8([0])}, raw=DEEP), DEEP),
    "HDF5 whose black and white is text": (
        lambda d: h5(d / "a.h5", {"IMAGE_WHITE_IS_ZERO": "no"}, raw=DEEP), DEEP),
    "HDF5 with axes of ilastik": (
        lambda d: _named(d / "a.h5", GREY[..., None], "zyxc", ilastik=True), GREY),
    "HDF5 with axes of ilastik, x first": (
        lambda d: _named(d / "a.h5", GREY.T, "xyz", ilastik=True), GREY),
    "HDF5 with labelled axes": (lambda d: _named(d / "a.h5", GREY, "ZYX"), GREY),
    "HDF5 with labelled axes, x first": (lambda d: _named(d / "a.h5", GREY.T, "xyz"), GREY),
    "HDF5 whose axes have other labels": (lambda d: _named(d / "a.h5", GREY, "abc"), GREY),
    "HDF5 with its pixels beside it": (lambda d: _raw_beside(d, 1), GREY),
    "virtual HDF5": (lambda d: _virtual(d), GREY),
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
    "HDF5 of channels first": (
        lambda d: _named(d / "a.h5", GREY[:3], "cyx", ilastik=True), "a.h5:raw has 3 channels"),
    "HDF5 of times": (
        lambda d: _named(d / "a.h5", np.stack([GREY] * 2), "tzyx"), "the axes t = 2, z = 6"),
    "HDF5 whose pixels are gone": (
        lambda d: _raw_beside(d, 0), r"18,432 bytes in other files, of which 0 are .*pixels\.raw"),
    "HDF5 whose pixels are cut": (lambda d: _raw_beside(d, 0.5), "of which 9,216 are there"),
    "virtual HDF5 over another dataset": (
        lambda d: _virtual(d, source="other"), r"over source\.h5, which has no dataset raw"),
    "HDF5 with a wrong checksum": (lambda d: _checked(d / "a.h5"), "a.h5:raw is damaged"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_refused(kind: str, tmp_path: Path) -> None:
    build, message = REFUSED[kind]
    check_refused(build(tmp_path), message)


def test_the_size_of_a_pixel_follows_labelled_axes(tmp_path: Path) -> None:
    assert read_stack(_named(tmp_path / "a.h5", GREY.T, "xyz")).pixel_nm == (4, 5)


def test_what_a_virtual_dataset_leaves_out_is_said(tmp_path: Path) -> None:
    stack = read_stack(_virtual(tmp_path, sections=3))
    np.testing.assert_array_equal(stack.pixels[:3], GREY[:3])
    assert stack.notes == ("a.h5:raw: 9,216 of 18,432 pixels are in no file and read as 7",)
