"""What looks wrong is said with its figure, or refused."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from spikeseg_core.config import DatasetConfig
from spikeseg_core.data.sources import read_source
from tests.spikeseg_core.data.inputs import GREY, MASKS, WIDTH, Built, changed, pair_of, pngs, tif
from tests.spikeseg_core.data.labelled import check_not_found, pair
from tests.spikeseg_core.listener import Listener


def stretched(section: np.ndarray) -> np.ndarray:
    """The middle at half the pixel size."""
    middle = section[12:36, 16:48]
    return middle.repeat(2, axis=0).repeat(2, axis=1)


WARNED: dict[str, tuple[np.ndarray, np.ndarray, str]] = {
    "half the pixel size": (
        changed(GREY, 3, stretched(GREY[3])), changed(MASKS, 3, stretched(MASKS[3])),
        r"section 3\.png: grey values stay alike over .* another pixel size"),
    "a section twice": (
        changed(GREY, 3, GREY[2]),
        changed(MASKS, 3, MASKS[2]),
        r"sections 2\.png and 3\.png are the same in all 3,072 pixels",
    ),
    "a label with little membrane": (
        GREY, changed(MASKS, 3, np.where(np.arange(WIDTH) < 50, 255, MASKS[3])),
        r"label 3\.png: .*% of the pixels .* in the other sections \(median\); is it complete"),
    "labels of another stack": (
        GREY[::-1] // 2 + np.random.default_rng(3).integers(0, 120, GREY.shape).astype(np.uint8),
        np.roll(MASKS, (17, 23), (1, 2)), "have a correlation of 0.0|cannot tell"),
    "one label of another section": (
        GREY, changed(MASKS, 2, np.roll(MASKS[2], (17, 23), (0, 1))),
        r"label 2\.png: its correlation with the grey values is .*does it belong here"),
}  # fmt: skip


@pytest.mark.parametrize("kind", WARNED)
def test_what_looks_wrong_is_said_with_its_figure(kind: str, tmp_path: Path) -> None:
    images, masks, message = WARNED[kind]
    pair_of(tmp_path, images, masks)
    told = Listener()
    config = DatasetConfig(source="folder", path=str(tmp_path), polarity="membrane_dark")
    read_source(config, told)
    warnings = [line for line in told.said if line.startswith("WARNING")]
    assert [line for line in warnings if re.search(message, line)], told.said


SQUARE = slice(0, 48)


def two_pixel_sizes(folder: Path) -> Path:
    pngs(folder / "masks", MASKS)
    for index, section in enumerate(GREY):
        tif(
            folder / "raw" / f"{index}.tif",
            section,
            imagej=True,
            resolution=(0.25, 0.25) if index else (0.125, 0.125),
            metadata={"unit": "nm"},
        )
    return folder


NOT_FOUND: dict[str, tuple[Built, str]] = {
    "blank label": (
        lambda d: pair(d, "raw", "masks", changed(MASKS, 3, 255)), r"label 3\.png \(all 255\)"),
    "blank section": (
        lambda d: pngs(pair(d, "raw", "masks") / "raw", changed(GREY, 2, 90)).parent,
        r"section 2\.png \(all 90\).* is blank"),
    "transposed labels": (
        lambda d: pair_of(d, GREY[:, :, SQUARE], MASKS[:, :, SQUARE].swapaxes(1, 2)),
        r"fit when they are transposed: .* is then 0\.\d\d, and 0\.\d\d as they are"),
    "transposed labels, other shape": (
        lambda d: pair(d, "raw", "masks", MASKS.swapaxes(1, 2)), "labels are transposed"),
    "mirrored labels": (
        lambda d: pair(d, "raw", "masks", MASKS[:, :, ::-1]), "fit when they are mirrored"),
    "upside-down labels": (
        lambda d: pair(d, "raw", "masks", MASKS[:, ::-1]), "fit when they are upside down"),
    "one mirrored label": (
        lambda d: pair(d, "raw", "masks", changed(MASKS, 2, MASKS[2, :, ::-1])),
        r"label 2\.png fits when it is mirrored: .* 0\.\d\d as it is",
    ),
    "a label of another section": (
        lambda d: pair(d, "raw", "masks", changed(MASKS, 2, MASKS[3])),
        r"labels 2\.png and 3\.png are the same in all 3,072 pixels, and their sections are not",
    ),
    "inverted contrast of one section": (
        lambda d: pngs(pair(d, "raw", "masks") / "raw", changed(GREY, 4, 255 - GREY[4])).parent,
        r"section 4\.png is inverted: .* -0\.\d\d and \+0\.\d\d in the others"),
    "one label inverted": (
        lambda d: pair(d, "raw", "masks", changed(MASKS, 1, 255 - MASKS[1])),
        r"label 1\.png is inverted"),
    "inverted contrast throughout": (
        lambda d: pngs(pair(d, "raw", "masks") / "raw", 255 - GREY).parent,
        "cannot tell which label is membrane"),
    "half the size": (
        lambda d: pair(d, "raw", "masks", MASKS[:, ::2, ::2]), r"labels \(6, 24, 32\)"),
    "pixel sizes that differ": (
        lambda d: two_pixel_sizes(d), "declare pixels of different sizes"),
}  # fmt: skip


@pytest.mark.parametrize("kind", NOT_FOUND)
def test_labelled_sections_that_are_refused(kind: str, tmp_path: Path) -> None:
    build, message = NOT_FOUND[kind]
    check_not_found(build(tmp_path), message)
