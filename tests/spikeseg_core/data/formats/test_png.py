from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.spikeseg_core.data.inputs import (
    DEEP,
    DEEP_RGB_PNG,
    GREY,
    MASKS,
    Built,
    check_read,
    check_refused,
    huge_png,
    png,
    raw,
    sparse,
)

READ: dict[str, tuple[Built, np.ndarray]] = {
    "4-bit PNG": (lambda d: png(d / "a.png", GREY[0] // 16 * 17, "L"), GREY[:1] // 16 * 17),
    "16 bits": (lambda d: png(d / "a.png", DEEP[0]), DEEP[:1]),
    "1 bit": (lambda d: png(d / "a.png", MASKS[0], "1"), MASKS[:1]),
    "grey with transparency": (lambda d: png(d / "a.png", GREY[0], "LA"), GREY[:1]),
    "grey as colour": (lambda d: png(d / "a.png", GREY[0], "RGB"), GREY[:1]),
    "grey as colour with transparency": (lambda d: png(d / "a.png", GREY[0], "RGBA"), GREY[:1]),
    "grey palette": (lambda d: png(d / "a.png", GREY[0], "P"), GREY[:1]),
}  # fmt: skip


@pytest.mark.parametrize("kind", READ)
def test_what_is_read(kind: str, tmp_path: Path) -> None:
    build, expected = READ[kind]
    check_read(build(tmp_path), expected)


REFUSED: dict[str, tuple[Built, str]] = {
    "empty PNG": (lambda d: raw(d / "a.png", b""), r"a\.png is damaged"),
    "sparse PNG of 200 GB": (
        lambda d: sparse(d / "a.png", b"\x89PNG\r\n\x1a\n"), r"a\.png is damaged"),
    "too many pixels in one PNG": (
        lambda d: huge_png(d / "a.png", 40_000), r"a\.png has 1,600,000,000 pixels.*1,073,741,824"),
    "16-bit colour PNG": (lambda d: raw(d / "a.png", DEEP_RGB_PNG), "at 16 bits, of which only 8"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_refused(kind: str, tmp_path: Path) -> None:
    build, message = REFUSED[kind]
    check_refused(build(tmp_path), message)
