"""What people bring as sections with labels: input, result, message."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from spikeseg_core.config import DatasetConfig
from spikeseg_core.data.polarity import choose_polarity, membrane_labels
from spikeseg_core.data.sources import read_source
from spikeseg_core.errors import DataError
from tests.spikeseg_core.data.inputs import (
    CELLS,
    COUNT,
    GREY,
    MASKS,
    MEMBRANE,
    RGB,
    UNIT,
    WIDTH,
    Built,
    changed,
    h5,
    jpeg,
    one_sentence,
    pair_of,
    png,
    pngs,
    raw,
    settings,
    tif,
    zarr,
)
from tests.spikeseg_core.listener import Listener

NUMBERS = [f"sec{i:02}_512.png" for i in range(COUNT)]
WORDS = ["alpha", "beta", "delta", "eps", "gamma", "zeta"]


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


IDS = np.where(MEMBRANE, 0, CELLS)
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
    "settings one folder down": (
        lambda d: settings(pair(d / "set", "a/x", "a/y"), "images: a/x\nlabels: a/y").parent,
        "stated in spikeseg.yaml",
    ),
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
    "padding differs": (
        lambda d: names(d, [f"{i}.png" for i in range(COUNT)],
                        [f"{i:03}.png" for i in range(COUNT)]), "paired by name"),
    "names with the same end": (lambda d: names(d, NUMBERS, NUMBERS), "sec00_512.png with sec00"),
    "prefix and suffix": (
        lambda d: names(d, [f"em_z{i}_raw.png" for i in range(COUNT)],
                        [f"annotated z{i}.png" for i in range(COUNT)]), "z5"),
    "words for names": (
        lambda d: names(d, [f"{w}.png" for w in WORDS],
                        [f"{w}_mask.png" for w in WORDS]),
        "alpha.png with alpha_mask.png"),
    "pairs by order": (
        lambda d: settings(
            names(d, [f"{w}.png" for w in "abcdef"], [f"{w}.png" for w in "ghijkl"]),
            "pairs: order"), "paired by order"),
    "stated": (
        lambda d: settings(pair(d, "x/one", "x/two"), "images: x/one/*.png\nlabels: x/two"),
        "stated in spikeseg.yaml"),
    "stated polarity": (
        lambda d: settings(pair(d, "raw", "masks"), "polarity: membrane_dark"), "stated"),
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
    "an ignored value": (ignored(128, "ignore: 128"), "label 128 is ignored: its 0.5%"),
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
    "channel of OME": (
        lambda d: settings(
            tif(pngs(d / "masks", MASKS).parent / "raw.ome.tif", np.stack([255 - GREY, GREY]),
                metadata={"axes": "CZYX", "Channel": {"Name": ["gold", "SEM"]}}).parent,
            "channel: sem"), "images in raw.ome.tif"),
    "channel of colour": (
        lambda d: settings(
            pngs(d / "raw", RGB) and pngs(d / "masks", MASKS).parent, "channel: red"), "raw/"),
}  # fmt: skip
"""Each is read with the same membranes as :data:`MEMBRANE`."""

LOOSER = {"labels that were JPEG", "an ignored value", "numbers of cells, few"}
"""Inputs whose labels are not exactly those."""


@pytest.mark.parametrize("kind", FOUND)
def test_labelled_sections_that_are_read(kind: str, tmp_path: Path) -> None:
    build, said = FOUND[kind]
    told = Listener()
    config = DatasetConfig(source="folder", path=str(build(tmp_path)))
    found = read_source(config, told)
    np.testing.assert_array_equal(found.images.pixels, GREY)
    polarity = choose_polarity(found.images.pixels, found.labels.pixels, found.polarity).polarity
    membrane = membrane_labels(found.labels.pixels, polarity)
    wrong = float((membrane != MEMBRANE).mean())
    assert wrong < 0.05 if kind in LOOSER else wrong == 0
    assert re.search(said, "\n".join(told.said)), told.said
    assert not [line for line in told.said if line.startswith("WARNING")]
    with_count = [line for line in told.said if line.startswith(f"sections: {COUNT} of 64 x 48")]
    assert len(with_count) == 1


SQUARE = slice(0, 48)
NOT_FOUND: dict[str, tuple[Built, str]] = {
    "05 missing, 10 more": (
        lambda d: names(d, NUMBERS, [n for n in NUMBERS if "05" not in n] + ["sec10_512.png"]),
        r"images without a label: sec05_512\.png; labels without an image: sec10_512\.png"),
    "alpha, beta, gamma": (
        lambda d: names(d, ["alpha.png", "beta.png", "gamma.png"],
                        ["alpha.png", "delta.png", "gamma.png"]),
        r"without a label: beta\.png; labels without an image: delta\.png"),
    "one section of another name": (
        lambda d: names(d, ["alpha.png"], ["delta.png"]), "alpha.png; .*delta.png"),
    "one section of another number": (
        lambda d: names(d, ["s1.png"], ["s2.png"]), "s1.png; .*s2.png"),
    "all of another sample": (
        lambda d: names(d, [f"s1_z{i}.png" for i in range(6)], [f"s2_z{i}.png" for i in range(6)]),
        "do not pair by name"),
    "shifted by one": (
        lambda d: names(d, [f"{i}.png" for i in range(6)], [f"{i + 1}.png" for i in range(6)]),
        r"without a label: 0\.png; labels without an image: 6\.png"),
    "a label too many": (
        lambda d: png(pair(d, "raw", "masks") / "masks" / "6.png", MASKS[0]).parent.parent,
        r"labels without an image: 6\.png"),
    "numbers in other places": (
        lambda d: names(d, [f"{i}_{i + 1}.png" for i in range(6)],
                        [f"{i + 1}_{i}.png" for i in range(6)]), "do not pair"),
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
    "zarr inside": (
        lambda d: zarr(d / "raw.zarr").parent, r"raw\.zarr is zarr, which is not read"),
    "CSV": (lambda d: raw(d / "a.csv", b"1,2"), "neither a folder, nor a zip, nor a TIFF"),
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
    "three values": (
        lambda d: pair(d, "raw", "masks", changed(MASKS, 0, MASKS[0] // 2 + 64)),
        "labels have 4 grey values"),
    "ignored value not declared": (ignored(128, ""), r"3 grey values \(0, 128, 255\).*ignore"),
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
    "pixel sizes that differ": (
        lambda d: two_pixel_sizes(d), "declare pixels of different sizes"),
    "unknown channel": (
        lambda d: settings(pngs(d / "raw", RGB) and pngs(d / "masks", MASKS).parent,
                           "channel: mauve"), "no channel 'mauve'; it has red, green, blue"),
    "HDF5 with two kinds of labels": (
        lambda d: h5(d / "a.h5", raw=GREY, labels__ids=CELLS, labels__membranes=MASKS),
        "2 datasets may be the labels"),
    "YAML with an unknown key": (
        lambda d: settings(pair(d, "raw", "masks"), "polarty: x"), "polarty.*the keys are images"),
    "YAML out of the folder": (
        lambda d: settings(d, "images: ../*.png\nlabels: x"), "leads out of the folder"),
    "YAML without a match": (
        lambda d: settings(d, "images: a*.png\nlabels: b*.png"), "'a.*' matches no file"),
    "YAML with one of two": (lambda d: settings(d, "images: a"), "names images only"),
    "YAML that is no YAML": (lambda d: settings(d, "a: [1"), "spikeseg.yaml cannot be read"),
    "YAML that is a list": (lambda d: settings(d, "- 1"), "spikeseg.yaml: .*the keys are"),
    "YAML that nests deeply": (
        lambda d: settings(d, "- " * 5000), "spikeseg.yaml cannot be read"),
    "YAML of aliases": (
        lambda d: settings(d, "a: &a [x, x]\n" + "\n".join(
            f"{c}: &{c} [{', '.join([f'*{p}'] * 9)}]" for p, c in zip("abcdefghij", "bcdefghijk",
                                                                      strict=True))),
        "the keys are"),
    "YAML that is huge": (lambda d: settings(d, "#" * 100_000), "over 65,536 bytes"),
}  # fmt: skip


def dangling_label(folder: Path) -> Path:
    (folder / "masks" / "6.png").symlink_to("gone.png")
    return folder


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


@pytest.mark.parametrize("kind", NOT_FOUND)
def test_labelled_sections_that_are_refused(kind: str, tmp_path: Path) -> None:
    build, message = NOT_FOUND[kind]
    config = DatasetConfig(source="folder", path=str(build(tmp_path)))
    with pytest.raises(DataError, match=message) as error:
        raw_ = read_source(config)
        choose_polarity(raw_.images.pixels, raw_.labels.pixels, raw_.polarity)
    one_sentence(error.value)
