from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.spikeseg_core.data.inputs import (
    CELLS,
    COUNT,
    GREY,
    MASKS,
    MEMBRANE,
    Built,
    h5,
    jpeg,
    pngs,
    raw,
    tif,
)
from tests.spikeseg_core.data.labelled import check_found, check_not_found, pair, stacks

IDS = np.where(MEMBRANE, 0, CELLS)


def dangling_label(folder: Path) -> Path:
    (folder / "masks" / "6.png").symlink_to("gone.png")
    return folder


FOUND: dict[str, tuple[Built, str]] = {
    "image, label": (lambda d: pair(d, "image", "label"), "images in image/, labels in label/"),
    "raw, membranes": (lambda d: pair(d, "raw", "membranes"), "images in raw/, labels in membr"),
    "Images, Labels": (lambda d: pair(d, "Images", "Labels"), "images in Images/"),
    "images, masks": (lambda d: pair(d, "images", "masks"), "labels in masks/"),
    "IMG, GT": (lambda d: pair(d, "IMG", "GT"), "labels in GT/"),
    "train/raw, train/seg": (lambda d: pair(d / "train", "raw", "seg").parent, "labels in seg/"),
    "train_images": (lambda d: pair(d, "train_images", "train_masks"), "train_masks/"),
    "trainImages": (lambda d: pair(d, "trainImages", "trainLabels"), "images in trainImages/"),
    "images/train": (lambda d: pair(d, "images/train", "labels/train"), "paired by name"),
    "a sheet and a text file are named": (
        lambda d: raw(raw(pair(d, "raw", "masks") / "a.xlsx", b"PK").parent / "b.txt", b"x").parent,
        "not read: a.xlsx, b.txt",
    ),
    "another stack is named": (
        lambda d: tif(pair(d, "raw", "masks") / "overview.tif", GREY[0]).parent,
        "not read: overview.tif",
    ),
    "two stacks of any name": (lambda d: stacks(d, "stapel.tif", "umriss.tif"), "in umriss.tif"),
    "imagesTr": (lambda d: pair(d, "imagesTr", "labelsTr"), "labels in labelsTr/"),
    "one folder down": (lambda d: pair(d / "my-data", "raw", "masks").parent, "raw/"),
    "unpacked on a Mac": (
        lambda d: raw(pngs(pair(d / "x", "raw", "masks").parent / "__MACOSX", GREY) / "._a", b"x")
        .parent.parent,
        "raw/",
    ),
    "train-volume.TIF": (lambda d: stacks(d, "train-volume.TIF", "train-labels.TIF"), "TIF"),
    "stacks of odd suffix": (lambda d: stacks(d, "raw.btf", "membranes.stk"), "raw.btf"),
    "a stack and a folder": (
        lambda d: tif(pngs(d / "labels", MASKS).parent / "raw.tif", GREY).parent, "raw.tif"),
    "beside a test volume": (
        lambda d: tif(stacks(d, "train-volume.tif", "train-labels.tif") / "test-volume.tif",
                      GREY).parent, "train-volume.tif"),
    "the stack itself": (
        lambda d: stacks(d, "a.tif", "a-labels.tif") / "a.tif", "a.tif and the labels beside"),
    "the stack itself, _masks": (lambda d: stacks(d, "a.TIF", "a_masks.tif") / "a.TIF", "a.TIF"),
    "side by side": (
        lambda d: pngs(pngs(d, GREY, [f"s{i}_raw.png" for i in range(COUNT)]), MASKS,
                       [f"s{i}_mask.png" for i in range(COUNT)]), "6 files"),
    "sections beside a folder of labels": (
        lambda d: pngs(d / "masks", MASKS) and pngs(d, GREY), "6 files beside the labels"),
    "two folders of any name": (lambda d: pair(d, "stapel", "umriss"), "labels in umriss/"),
    "stray files are named": (
        lambda d: raw(pair(d, "raw", "masks") / "raw" / "notes.txt", b"x").parent.parent,
        "not read: notes.txt"),
    "HDF5 as CREMI has it": (
        lambda d: h5(d / "a.h5", {"resolution": (40.0, 4.0, 4.0)}, volumes__raw=GREY,
                     volumes__labels__neuron_ids=IDS.astype(np.uint64),
                     volumes__labels__clefts=IDS.astype(np.uint64),
                     annotations__locations=np.zeros((5, 3))),
        "pixel size 4 x 4 nm"),
    "a folder with one HDF5": (
        lambda d: h5(d / "a.h5", raw=GREY, membranes=MASKS).parent,
        "images in a.h5:raw, labels in :membranes",
    ),
    "two HDF5": (
        lambda d: h5(h5(d / "raw.h5", data=GREY).parent / "labels.h5", data=MASKS).parent,
        "images in raw.h5, labels in labels.h5",
    ),
    "pixel size of OME": (
        lambda d: tif(
            pngs(d / "masks", MASKS).parent / "raw.ome.tif", GREY,
            metadata={"axes": "ZYX", "PhysicalSizeX": 0.005, "PhysicalSizeXUnit": "µm",
                      "PhysicalSizeY": 0.005, "PhysicalSizeYUnit": "µm"}).parent,
        "pixel size 5 x 5 nm"),
    "pixel size of ImageJ": (
        lambda d: tif(pngs(d / "masks", MASKS).parent / "raw.tif", GREY, imagej=True,
                      resolution=(0.25, 0.25), metadata={"unit": "nm", "axes": "ZYX"}).parent,
        "pixel size 4 x 4 nm"),
}  # fmt: skip


@pytest.mark.parametrize("kind", FOUND)
def test_labelled_sections_that_are_read(kind: str, tmp_path: Path) -> None:
    build, said = FOUND[kind]
    check_found(build(tmp_path), said)


NOT_FOUND: dict[str, tuple[Built, str]] = {
    "no labels": (lambda d: pngs(d / "raw", GREY).parent, "raw has no label beside it"),
    "no images": (lambda d: pngs(d / "masks", MASKS).parent, "masks has no image beside it"),
    "nothing": (lambda d: d, "no sections with labels.*it holds nothing.*spikeseg.yaml"),
    "ambiguous": (
        lambda d: pngs(pair(d, "raw", "masks") / "gt", MASKS).parent,
        r"labels may be gt/ or masks/; say which.*'labels: gt/'"),
    "label link to nothing": (
        lambda d: dangling_label(pair(d, "raw", "masks")), r"6\.png is a link to gone\.png"),
    "label JPEG": (
        lambda d: jpeg(pair(d, "raw", "masks") / "masks" / "6.jpg").parent.parent,
        r"6\.jpg is JPEG"),
    "N5 inside": (
        lambda d: (d / "raw.n5").mkdir() or d, r"raw\.n5 is N5, which is not read"),
    "CSV": (lambda d: raw(d / "a.csv", b"1,2"), "neither a folder, nor a zip, nor a TIFF"),
    "HDF5 with two kinds of labels": (
        lambda d: h5(d / "a.h5", raw=GREY, labels__ids=CELLS, labels__membranes=MASKS),
        "2 datasets may be the labels"),
}  # fmt: skip


@pytest.mark.parametrize("kind", NOT_FOUND)
def test_labelled_sections_that_are_refused(kind: str, tmp_path: Path) -> None:
    build, message = NOT_FOUND[kind]
    check_not_found(build(tmp_path), message)
