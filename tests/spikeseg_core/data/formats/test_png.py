from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from spikeseg_core.data.readers import read_stack
from tests.spikeseg_core.data.inputs import (
    DEEP,
    DEEP_RGB_PNG,
    GREY,
    MASKS,
    Built,
    check_read,
    check_refused,
    cut,
    huge_png,
    png,
    raw,
    sparse,
)

LEVELS = (GREY[0] % 5).astype(np.uint16)
"""Five levels in 16 bits."""


def _clear(path: Path, mode: str, **options: Any) -> Path:
    """A picture that is clear where :data:`MASKS` is 0, or at one value."""
    picture = Image.fromarray(GREY[0]).convert(mode.removesuffix("A"))
    if mode.endswith("A"):
        picture.putalpha(Image.fromarray(MASKS[0]))
    picture.save(path, "PNG", **options)
    return path


CLEAR: dict[str, Built] = {
    "grey": lambda d: _clear(d / "a.png", "LA"),
    "colour": lambda d: _clear(d / "a.png", "RGBA"),
    "one value of grey": lambda d: _clear(d / "a.png", "L", transparency=100),
    "one colour": lambda d: _clear(d / "a.png", "RGB", transparency=(100, 100, 100)),
    "a palette": lambda d: _clear(d / "a.png", "P", transparency=bytes([0] * 100)),
}


@pytest.mark.parametrize("kind", CLEAR)
def test_what_is_clear_is_read_as_it_is_stored_and_said(kind: str, tmp_path: Path) -> None:
    path = CLEAR[kind](tmp_path)
    check_read(path, GREY[:1])
    assert read_stack(path).notes == ("a.png: transparency is not read",)


READ: dict[str, tuple[Built, np.ndarray]] = {
    "4-bit PNG": (lambda d: png(d / "a.png", GREY[0] // 16 * 17, "L"), GREY[:1] // 16 * 17),
    "16 bits": (lambda d: png(d / "a.png", DEEP[0]), DEEP[:1]),
    "16 bits of five levels": (lambda d: png(d / "a.png", LEVELS), LEVELS[None]),
    "more bytes after its end": (
        lambda d: raw(d / "b.png", png(d / "a.png", GREY[0]).read_bytes() + b"x" * 99), GREY[:1]),
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
    "cut PNG": (lambda d: cut(png(d / "a.png", GREY[0]), 0.7), r"a\.png is damaged"),
    "too many pixels in one PNG": (
        lambda d: huge_png(d / "a.png", 40_000), r"a\.png has 1,600,000,000 pixels.*1,073,741,824"),
    "16-bit colour PNG": (lambda d: raw(d / "a.png", DEEP_RGB_PNG), "at 16 bits, of which only 8"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_refused(kind: str, tmp_path: Path) -> None:
    build, message = REFUSED[kind]
    check_refused(build(tmp_path), message)
