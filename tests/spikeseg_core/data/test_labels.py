from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.spikeseg_core.data.inputs import (
    CELLS,
    GREY,
    MASKS,
    MEMBRANE,
    UNIT,
    WIDTH,
    Built,
    changed,
    pngs,
    settings,
)
from tests.spikeseg_core.data.labelled import check_found, check_not_found, pair, with_labels

IDS = np.where(MEMBRANE, 0, CELLS)


def palette_labels(folder: Path) -> Path:
    pngs(folder / "images", GREY)
    (folder / "labels").mkdir()
    for index, mask in enumerate(MASKS):
        picture = Image.fromarray((mask == 0).astype(np.uint8) ^ index % 2, "P")
        # The indices change places from file to file; the colours do not.
        colours = [(10, 10, 200), (250, 230, 20)]
        picture.putpalette([v for c in (colours[::-1] if index % 2 else colours) for v in c])
        picture.save(folder / "labels" / f"{index}.png")
    return folder


def jpeg_masks() -> np.ndarray:
    found = []
    for mask in MASKS:
        buffer = io.BytesIO()
        Image.fromarray(mask).save(buffer, "JPEG", quality=80)
        found.append(np.asarray(Image.open(buffer)))
    return np.array(found)


def ignored(value: int, text: str) -> Built:
    def build(folder: Path) -> Path:
        masks = MASKS.copy()
        masks[:, 20:24, 20:24] = value
        return settings(with_labels(folder, masks), text)

    return build


COLOURS = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [0, 0, 0]], np.uint8)


def _unlabelled(labels: np.ndarray) -> np.ndarray:
    found = labels.copy()
    found[:, 20:26, 20:30] = 255
    return found


FOUND: dict[str, tuple[Built, str]] = {
    "bright membrane": (lambda d: pair(d, "raw", "masks", 255 - MASKS), "label 255 is membrane"),
    "1-bit PNG labels": (
        lambda d: pngs(d / "masks", MASKS, mode="1") and pngs(d / "raw", GREY).parent, "membrane"),
    "labels 0 and 1": (lambda d: with_labels(d, MASKS // 255), "label 0 is membrane"),
    "labels 1 and 2": (lambda d: with_labels(d, 2 - MASKS // 255), "label 2 is membrane"),
    "float labels": (lambda d: with_labels(d, (MASKS / 255).astype(np.float32)), "label 0"),
    "bool TIFF labels": (lambda d: with_labels(d, MASKS > 0), "label 0 is membrane"),
    "probabilities, nearly two values": (
        lambda d: with_labels(d, np.where(MEMBRANE, 0.02, 0.99).astype(np.float32)), "0 to 255"),
    "near-binary": (
        lambda d: with_labels(d, MASKS + np.arange(WIDTH, dtype=np.uint8) % 2
                              * np.where(MASKS, 254, 1).astype(np.uint8) % 255), "labels"),
    "labels that were JPEG": (lambda d: with_labels(d, jpeg_masks()), "they are cut at 127"),
    "palette of colours": (palette_labels, "label 16442900 is membrane|label 657"),
    "two colours": (
        lambda d: pngs(d / "masks", np.where(MEMBRANE[..., None], np.uint8((255, 0, 0)),
                                             np.uint8((0, 0, 0))))
        and pngs(d / "raw", GREY).parent, "label 16711680 is membrane"),
    "numbers of cells": (
        lambda d: with_labels(d, CELLS), "numbers of cells .*membrane is made"),
    "numbers of cells, uint64, 0 between": (
        lambda d: with_labels(d, IDS.astype(np.uint64) * 10**12), "numbers of cells"),
    "numbers of cells, few": (
        lambda d: settings(with_labels(d, CELLS.astype(np.uint8) % 5 + 1), "instances: true"),
        "numbers of cells"),
    "numbers of cells, one of them large": (
        lambda d: with_labels(d, np.where(CELLS == 7, 60_000, CELLS)), "numbers of cells"),
    "255 where nobody labelled, declared": (
        lambda d: settings(with_labels(d, _unlabelled(MASKS // 255)), "ignore: 255"), "is ignored"),
    "an ignored value": (ignored(128, "ignore: 128"), "label 128 is ignored: its 0.5%"),
}  # fmt: skip


LOOSER = {
    "labels that were JPEG",
    "numbers of cells, few",
    "numbers of cells, one of them large",
    "255 where nobody labelled, declared",
    "an ignored value",
}
"""Inputs whose labels are not exactly those of :data:`MEMBRANE`."""


@pytest.mark.parametrize("kind", FOUND)
def test_labelled_sections_that_are_read(kind: str, tmp_path: Path) -> None:
    build, said = FOUND[kind]
    check_found(build(tmp_path), said, exact=kind not in LOOSER)


NOT_FOUND: dict[str, tuple[Built, str]] = {
    "three values": (
        lambda d: pair(d, "raw", "masks", changed(MASKS, 0, MASKS[0] // 2 + 64)),
        "labels have 4 grey values"),
    "ignored value not declared": (ignored(128, ""), r"3 grey values \(0, 128, 255\).*ignore"),
    "255 where nobody labelled": (
        lambda d: with_labels(d, _unlabelled(MASKS // 255)),
        r"3 grey values \(0, 1, 255\).*ignore"),
    "three classes, and 255": (
        lambda d: with_labels(d, _unlabelled(CELLS.astype(np.uint8) % 3)), "4 grey values"),
    "classes of four colours": (
        lambda d: pngs(d / "masks", COLOURS[CELLS % 4]) and pngs(d / "raw", GREY).parent,
        r"4 grey values \(0, 255, 65280, 16711680\)"),
    "ignored value that is not there": (
        lambda d: settings(pair(d, "raw", "masks"), "ignore: 7"), "no pixel has the label 7"),
    "most is ignored": (
        lambda d: settings(pair(d, "raw", "masks", changed(MASKS, 0, 128)), "ignore: 128"),
        "all of section 0"),
    "sparse numbers of cells": (
        lambda d: with_labels(d, np.where(CELLS > 30, CELLS, 0)), "belong to no cell"),
    "probabilities as labels": (
        lambda d: with_labels(d, UNIT), r"labels have \d+ grey values"),
    "float labels of any range": (
        lambda d: with_labels(d, UNIT * 7 - 3), "neither whole numbers nor between 0 and 1"),
}  # fmt: skip


@pytest.mark.parametrize("kind", NOT_FOUND)
def test_labelled_sections_that_are_refused(kind: str, tmp_path: Path) -> None:
    build, message = NOT_FOUND[kind]
    check_not_found(build(tmp_path), message)
