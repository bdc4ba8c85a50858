"""What looks wrong is said with its figure; what is refused is in test_layout."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from spikeseg_core.config import DatasetConfig
from spikeseg_core.data.sources import read_source
from tests.spikeseg_core.data.inputs import GREY, MASKS, WIDTH, changed, pair_of
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
