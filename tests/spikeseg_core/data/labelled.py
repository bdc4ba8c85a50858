"""Labelled sections in folders and files, and what reading them has to say."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from spikeseg_core.config import DatasetConfig
from spikeseg_core.data.polarity import choose_polarity, membrane_labels
from spikeseg_core.data.sources import read_source
from spikeseg_core.errors import DataError
from tests.spikeseg_core.data.inputs import COUNT, GREY, MASKS, MEMBRANE, one_sentence, pngs, tif
from tests.spikeseg_core.listener import Listener


def pair(folder: Path, images: str, labels: str, masks: np.ndarray = MASKS) -> Path:
    """Folders of PNG files named as numbers."""
    pngs(folder / images, GREY)
    pngs(folder / labels, masks)
    return folder


def names(folder: Path, images: list[str], labels: list[str]) -> Path:
    pngs(folder / "images", GREY, images)
    pngs(folder / "labels", MASKS, labels)
    return folder


def stacks(folder: Path, images: str, labels: str, masks: np.ndarray = MASKS) -> Path:
    tif(folder / images, GREY)
    tif(folder / labels, masks)
    return folder


def with_labels(folder: Path, labels: np.ndarray, **options: object) -> Path:
    pngs(folder / "images", GREY)
    tif(folder / "labels.tif", labels, **options)
    return folder


def check_found(path: Path, said: str, exact: bool = True) -> None:
    """Check that they are read with the membranes of :data:`MEMBRANE`, and what is said."""
    told = Listener()
    found = read_source(DatasetConfig(source="folder", path=str(path)), told)
    np.testing.assert_array_equal(found.images.pixels, GREY)
    polarity = choose_polarity(found.images.pixels, found.labels.pixels, found.polarity).polarity
    membrane = membrane_labels(found.labels.pixels, polarity)
    wrong = float((membrane != MEMBRANE).mean())
    assert wrong == 0 if exact else wrong < 0.05
    assert re.search(said, "\n".join(told.said)), told.said
    assert not [line for line in told.said if line.startswith("WARNING")]
    with_count = [line for line in told.said if line.startswith(f"sections: {COUNT} of 64 x 48")]
    assert len(with_count) == 1


def check_not_found(path: Path, message: str) -> None:
    config = DatasetConfig(source="folder", path=str(path))
    with pytest.raises(DataError, match=message) as error:
        found = read_source(config)
        choose_polarity(found.images.pixels, found.labels.pixels, found.polarity)
    one_sentence(error.value)
