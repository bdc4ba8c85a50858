from __future__ import annotations

import re

import numpy as np
import pytest
from scipy.ndimage import zoom

from spikeseg_core.data.sources.synthetic import synthetic_sections
from spikeseg_core.inference.known import Known, without_training

IMAGES, LABELS = synthetic_sections(4, 256, 5)
KNOWN = Known.of(IMAGES[:3], LABELS[:3])
OTHER, SHARE = IMAGES[3], float(LABELS[3].mean())


def test_a_section_like_those_of_the_training_is_not_doubted() -> None:
    assert KNOWN.doubts(OTHER, SHARE) == []


@pytest.mark.parametrize(
    "section",
    [OTHER // 2, OTHER.astype(np.uint16) * 200, np.clip(OTHER.astype(int) + 20, 0, 255)],
)
def test_brightness_and_contrast_do_not_matter(section: np.ndarray) -> None:
    assert KNOWN.doubts(section, SHARE) == []


@pytest.mark.parametrize(
    ("section", "says"),
    [
        (255 - OTHER, r"contrast looks inverted: .* skewness of \+\d\.\d\d, and -\d"),
        (np.full_like(OTHER, 7), "it is blank: every pixel is 7"),
        (np.where(OTHER > 120, 255, OTHER).astype(np.uint8), r"saturated .*: \d+\.\d% of the"),
        (zoom(OTHER, 4, order=1), r"pixel size looks different: .* over \d+\.\d px, and \d"),
    ],
    ids=["inverted", "blank", "saturated", "four times the size"],
)
def test_a_section_that_the_network_cannot_know(section: np.ndarray, says: str) -> None:
    doubts = KNOWN.doubts(section, SHARE)
    assert [doubt for doubt in doubts if re.search(says, doubt)], doubts


def test_a_mask_that_is_hardly_one() -> None:
    (doubt,) = KNOWN.doubts(OTHER, 0.9)
    assert doubt.startswith("90.0% of its mask is membrane, and 2")


def test_without_training_only_blank_sections_are_doubted() -> None:
    assert without_training(255 - OTHER) == []
    assert without_training(np.zeros((4, 4), np.uint8)) == ["it is blank: every pixel is 0"]


def test_figures_are_plain_numbers() -> None:
    assert Known(**KNOWN.to_json()) == KNOWN
