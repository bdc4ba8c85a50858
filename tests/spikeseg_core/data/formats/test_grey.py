from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.spikeseg_core.data.inputs import (
    DEEP,
    GREY,
    RGB,
    UNIT,
    Built,
    check_read,
    check_refused,
    png,
    settings,
    tif,
)


def float_folder(folder: Path) -> Path:
    """Values that fit 8 bits in one section and not in the other."""
    tif(folder / "0.tif", np.round(UNIT[0], 2))
    tif(folder / "1.tif", UNIT[1] * 3 - 1)
    return folder


READ: dict[str, tuple[Built, np.ndarray]] = {
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
    "RGBA of grey": (
        lambda d: tif(d / "a.tif", np.stack([GREY[0]] * 3 + [255 - GREY[0]], -1),
                      photometric="rgb", extrasamples=["unassalpha"]), GREY[:1]),
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
}  # fmt: skip


@pytest.mark.parametrize("kind", READ)
def test_what_is_read(kind: str, tmp_path: Path) -> None:
    build, expected = READ[kind]
    check_read(build(tmp_path), expected)


REFUSED: dict[str, tuple[Built, str]] = {
    "colour PNG": (lambda d: png(d / "a.png", RGB[0]), r"a\.png is in colour.*channel: red"),
    "colour stack": (
        lambda d: tif(d / "a.tif", RGB, photometric="rgb"), r"a\.tif is in colour.*channel: red"),
    "values beyond 16 bits": (
        lambda d: tif(d / "a.tif", GREY.astype(np.uint32) * 1_000_000),
        "more than 16 bits.*labels"),
    "not a number": (
        lambda d: tif(d / "a.tif", np.where(GREY[0] > 200, np.nan, UNIT[0])), "NaN"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_refused(kind: str, tmp_path: Path) -> None:
    build, message = REFUSED[kind]
    check_refused(build(tmp_path), message)
