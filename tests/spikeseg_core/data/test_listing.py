from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.spikeseg_core.data.inputs import (
    COUNT,
    GREY,
    Built,
    check_read,
    check_refused,
    jpeg,
    png,
    pngs,
    raw,
    tif,
)


def dangling(folder: Path, name: str) -> Path:
    pngs(folder, GREY)
    (folder / name).symlink_to("/nowhere/at/all.png")
    return folder


READ: dict[str, tuple[Built, np.ndarray]] = {
    "one column": (lambda d: pngs(d / "f", GREY[:, :, :1]), GREY[:, :, :1]),
    "superscript digits": (
        lambda d: pngs(d / "f", GREY, [f"10²5_{i}.png" for i in range(COUNT)]), GREY),
    "odd names": (
        lambda d: pngs(
            d / "[" / "x] $\\frac{$", GREY, [f"{i}{odd}" for i, odd in enumerate(
                ("[x].png", "$\\frac{$.png", "\n.png", "%s {0}.png", "é.PNG", ".png"))]),
        GREY),
}  # fmt: skip


@pytest.mark.parametrize("kind", READ)
def test_what_is_read(kind: str, tmp_path: Path) -> None:
    build, expected = READ[kind]
    check_read(build(tmp_path), expected)


REFUSED: dict[str, tuple[Built, str]] = {
    "no such path": (lambda d: d / "nowhere", r"nowhere does not exist; give a folder"),
    "JPEG among PNG": (
        lambda d: jpeg(pngs(d / "f", GREY) / "6.jpg").parent, r"6\.jpg is JPEG.*move it away"),
    "no image": (
        lambda d: raw(d / "notes.txt", b"x").parent, r"holds no image \(it holds notes\.txt"),
    "link to nothing": (
        lambda d: dangling(d / "f", "6.png"), r"6\.png is a link to /nowhere/at/all\.png, which"),
    "same number twice": (
        lambda d: png(pngs(d / "f", GREY) / "01.png", GREY[0]).parent,
        "01.png and 1.png have the same"),
    "PNG and TIFF of one name": (
        lambda d: tif(pngs(d / "f", GREY) / "1.tif", GREY[0]).parent,
        "1.png and 1.tif have the same"),
    "a stack among sections": (
        lambda d: tif(pngs(d / "f", GREY) / "7.tif", GREY).parent, "7.tif has 6 pages next to 6"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_refused(kind: str, tmp_path: Path) -> None:
    build, message = REFUSED[kind]
    check_refused(build(tmp_path), message)
