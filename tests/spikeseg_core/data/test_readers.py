"""Readers: every accepted format gives the same pixels, every damage a clear message."""

import contextlib
import gzip
import os
import re
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from spikeseg_core.config import DatasetConfig
from spikeseg_core.data import readers
from spikeseg_core.data.readers import pair_files, read_pair, read_stack
from spikeseg_core.data.sources import read_source
from spikeseg_core.errors import DataError
from tests.spikeseg_core.data import inputs
from tests.spikeseg_core.data.inputs import (
    CELLS,
    COUNT,
    GREY,
    MEMBRANE,
    check_read,
    check_refused,
    h5,
    pngs,
    raw,
    tif,
)
from tests.spikeseg_core.data.labelled import check_found, check_not_found, pair, with_labels
from tests.spikeseg_core.data.sources.challenge import png, tiff, write_images
from tests.spikeseg_core.listener import Listener

IMAGES = np.random.default_rng(0).integers(0, 256, (12, 20, 30)).astype(np.uint8)
MASKS = np.where(IMAGES > 60, 255, 0).astype(np.uint8)


def write_zip(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


@pytest.mark.parametrize("suffix", [".png", ".tif", ".tiff"])
def test_folders_are_read_in_numeric_order(tmp_path, suffix):
    folder = write_images(tmp_path / "images", IMAGES, suffix)
    (folder / ".hidden.png").write_bytes(b"")
    (folder / "notes.txt").write_text("not an image")
    stack = read_stack(folder)
    np.testing.assert_array_equal(stack.pixels, IMAGES)
    assert stack.names[9:11] == (f"9{suffix}", f"10{suffix}")


def test_sections_must_be_alike(tmp_path):
    folder = write_images(tmp_path / "a", IMAGES[:2])
    (folder / "2.png").write_bytes(png(IMAGES[0, :10]))
    with pytest.raises(DataError, match=r"2\.png has size 30 x 10, but 0\.png has 30 x 20"):
        read_stack(folder)
    (folder / "2.png").write_bytes(png(IMAGES[0].astype(np.uint16)))
    with pytest.raises(DataError, match=r"2\.png has depth 16 bits"):
        read_stack(folder)


@pytest.mark.parametrize(
    ("image", "label"), [("image", "label"), ("images", "labels"), ("train/image", "train/label")]
)
def test_pairs_of_folders(tmp_path, image, label):
    write_images(tmp_path / image, IMAGES)
    write_images(tmp_path / label, MASKS)
    images, labels = read_pair(tmp_path)
    np.testing.assert_array_equal(images.pixels, IMAGES)
    np.testing.assert_array_equal(labels.pixels, MASKS)


def test_pairs_of_stacks_and_a_zip(tmp_path):
    (tmp_path / "train-volume.tif").write_bytes(tiff(IMAGES))
    (tmp_path / "train-labels.tif").write_bytes(tiff(MASKS))
    zipped = write_zip(
        tmp_path / "challenge.zip",
        {
            "data/train-volume.tif": tiff(IMAGES),
            "data/train-labels.tif": tiff(MASKS),
            "../../evil.tif": b"never read",
        },
    )
    for path in (tmp_path, tmp_path / "train-volume.tif", zipped):
        images, labels = read_pair(path)
        np.testing.assert_array_equal(images.pixels, IMAGES)
        np.testing.assert_array_equal(labels.pixels, MASKS)
    assert sorted(p.name for p in tmp_path.parent.rglob("evil*")) == []


def test_files_of_a_pair(tmp_path):
    write_images(tmp_path / "image", IMAGES[:2])
    volume, labels = tmp_path / "a.tif", tmp_path / "a-labels.tif"
    volume.write_bytes(tiff(IMAGES))
    with pytest.raises(DataError, match="no labels beside it"):
        pair_files(volume)
    labels.write_bytes(tiff(MASKS))
    assert pair_files(volume) == [volume, labels]
    names = [file.name for file in pair_files(tmp_path)]
    assert names == ["a-labels.tif", "a.tif", "0.png", "1.png"]
    with pytest.raises(DataError, match="does not exist"):
        pair_files(tmp_path / "nowhere")


def test_pairs_that_do_not_match(tmp_path):
    write_images(tmp_path / "image", IMAGES)
    with pytest.raises(DataError, match="image has no label beside it"):
        read_pair(tmp_path)
    labels = write_images(tmp_path / "label", MASKS[:11])
    with pytest.raises(DataError, match=r"12 images and 11 labels .* without a label: 11\.png\)"):
        read_pair(tmp_path)
    (labels / "12.png").write_bytes(png(MASKS[11]))
    with pytest.raises(DataError, match=r"label: 11\.png; labels without an image: 12\.png\)"):
        read_pair(tmp_path)


def test_paths_that_hold_no_pair(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        read_pair(tmp_path / "nowhere")
    with pytest.raises(DataError, match="no sections with labels"):
        read_pair(tmp_path)
    (tmp_path / "a.tif").write_bytes(tiff(IMAGES))
    with pytest.raises(DataError, match=r"no labels beside it; expected a-labels\.tif"):
        read_pair(tmp_path / "a.tif")
    (tmp_path / "a.csv").write_text("1,2")
    with pytest.raises(DataError, match="neither a folder, nor a zip, nor a TIFF"):
        read_pair(tmp_path / "a.csv")


def test_bad_zips(tmp_path, monkeypatch):
    volume, labels = tiff(IMAGES), tiff(MASKS)
    with pytest.raises(DataError, match=r"one train-labels\.tif and has 0"):
        read_pair(write_zip(tmp_path / "missing.zip", {"train-volume.tif": volume}))
    twice = {"a/train-volume.tif": volume, "b/train-volume.tif": volume}
    with pytest.raises(DataError, match=r"one train-volume\.tif and has 2"):
        read_pair(write_zip(tmp_path / "twice.zip", twice))
    whole = write_zip(
        tmp_path / "whole.zip", {"train-volume.tif": volume, "train-labels.tif": labels}
    )
    (tmp_path / "cut.zip").write_bytes(whole.read_bytes()[:-30])
    with pytest.raises(DataError, match="not a readable zip"):
        read_pair(tmp_path / "cut.zip")
    damaged = bytearray(whole.read_bytes())
    damaged[200:260] = b"\0" * 60
    (tmp_path / "damaged.zip").write_bytes(bytes(damaged))
    with pytest.raises(DataError, match="not a readable zip"):
        read_pair(tmp_path / "damaged.zip")
    monkeypatch.setattr(readers, "MAX_MEMBER_BYTES", 1000)
    with pytest.raises(DataError, match="unpacks to over 1,000 bytes"):
        read_pair(whole)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2**31), st.integers(0, 255)), min_size=1, max_size=5))
def test_whatever_is_damaged_the_message_is_ours(tmp_path_factory, damage):
    path = tmp_path_factory.getbasetemp() / "damaged.zip"
    whole = write_zip(
        path, {"train-volume.tif": tiff(IMAGES), "train-labels.tif": tiff(MASKS, "tiff_lzw")}
    )
    data = bytearray(whole.read_bytes())
    for position, value in damage:
        data[position % len(data)] = value
    path.write_bytes(bytes(data))
    with contextlib.suppress(DataError):
        read_pair(path)


OURS = inputs.MASKS


def turned(path, code):
    exif = Image.Exif()
    exif[274] = code
    Image.fromarray(GREY[0]).save(path, exif=exif)
    return path


def unwritten(path, written):
    with h5py.File(path, "w") as file:
        data = file.create_dataset("raw", GREY.shape, "u1", chunks=(1, 48, 64))
        data[:written] = GREY[:written]
    return path


def renamed_settings(folder):
    (pair(folder, "x", "y") / "SpikeSeg.yml").write_text("images: x\nlabels: y")
    return folder


def saturated(folder):
    clipped = np.where(GREY[2] > 90, 255, GREY[2]).astype(np.uint8)
    return inputs.pair_of(folder, inputs.changed(GREY, 2, clipped), OURS)


def packed(path, data):
    return raw(path, gzip.compress(data))


GONE = np.where(MEMBRANE, -1, CELLS.astype(np.int32))
NO_LABEL = np.where(MEMBRANE, 2**64 - 1, CELLS.astype(np.uint64)).astype(np.uint64)
SIGNED = GREY.astype(np.int32) - 100
MIXED = inputs.changed(255 - OURS, 2, (255 - OURS[2]) // 255)

KINDS = {
    # kind: (input, the pixels or None, what is said or how it is refused)
    "a pipe among sections": (
        lambda d: os.mkfifo(pngs(d / "f", GREY) / "7.png") or d / "f", GREY, ""),
    "a folder called PNG": (lambda d: (pngs(d / "f", GREY) / "x.png").mkdir() or d / "f", GREY, ""),
    "negative numbers in names": (
        lambda d: pngs(d / "f", GREY, [f"z_{i}.png" for i in range(-3, 3)]), GREY, ""),
    "dates in names": (
        lambda d: pngs(d / "f", GREY, [f"2020-1-{i}.png" for i in (1, 2, 3, 9, 10, 11)]), GREY, ""),
    "fractions in names": (
        lambda d: pngs(d / "f", GREY, [f"z{i / 10}.png" for i in range(COUNT)]), GREY, ""),
    "numbers of 200 digits": (
        lambda d: pngs(d / "f", GREY[:2], ["1.png", "9" * 200 + ".png"]), GREY[:2], ""),
    "HDF5 (1, z, y, x)": (lambda d: h5(d / "a.h5", raw=GREY[None]), GREY, ""),
    "HDF5 (1, 1, z, y, x)": (lambda d: h5(d / "a.h5", raw=GREY[None, None]), GREY, ""),
    "HDF5 (z, y, x, 1)": (lambda d: h5(d / "a.h5", raw=GREY[..., None]), GREY, ""),
    "HDF5 with a chunk missing": (
        lambda d: unwritten(d / "a.h5", 5), inputs.changed(GREY, 5, 0),
        "1 of 6 chunks are not there and read as 0"),
    "signed 32 bits": (
        lambda d: tif(d / "a.tif", SIGNED), (SIGNED - SIGNED.min()).astype(np.uint16),
        r"read as value \+ \d+"),
    "a channel of one": (
        lambda d: inputs.settings(tif(d / "a.tif", GREY).parent, "channel: 9") / "a.tif", GREY,
        "a.tif has one channel, which is read instead of 9"),
    "zarr (1, z, y, x)": (lambda d: inputs.zarr_array(d / "a.zarr", GREY[None]), GREY, ""),
    "bioformats2raw": (lambda d: inputs.ome_zarr(d / "a.zarr" / "0", GREY), GREY, "1 reduced"),
    "HDF5 (c, z, y, x)": (
        lambda d: h5(d / "a.h5", raw=np.stack([GREY, GREY])), None,
        r"a\.h5:raw has the shape \(2, 6, 48, 64\); a stack is \(z, y, x\)"),
    "zarr (c, z, y, x)": (
        lambda d: inputs.zarr_array(d / "a.zarr", np.stack([GREY, GREY])), None,
        r"has the shape \(2, 6, 48, 64\)"),
    "HDF5 of no sections": (lambda d: h5(d / "a.h5", raw=GREY[:0]), None, "is empty: its shape"),
    "HDF5 never written": (
        lambda d: unwritten(d / "a.h5", 0), None, "raw was created, but nothing was written"),
    "TIFF lying on its side": (
        lambda d: tif(d / "a.tif", GREY, extratags=[(274, 3, 1, 6, True)]), None,
        "declares orientation 6, so it is to be turned.*python -c"),
    "TIFF upside down": (
        lambda d: tif(d / "a.tif", GREY, extratags=[(274, 3, 1, 3, True)]), None, "orientation 3"),
    "TIFF that is upright": (
        lambda d: tif(d / "a.tif", GREY, extratags=[(274, 3, 1, 1, True)]), GREY, ""),
    "PNG lying on its side": (
        lambda d: turned(d / "a.png", 6), None, r"a\.png declares orientation 6"),
    "PNG that is upright": (lambda d: turned(d / "a.png", 1), GREY[:1], ""),
    "packed TIFF": (
        lambda d: packed(d / "a.tif.gz", b"x"), None, r"a\.tif\.gz is packed \(gzip\).*gunzip "),
    "packed TIFF among sections": (
        lambda d: packed(pngs(d / "f", GREY) / "7.png.gz", b"x").parent, None, "gunzip"),
    "zarr in a zip": (
        lambda d: raw(d / "a.zarr.zip", b"PK\3\4"), None, r"unzip -d \S*a\.zarr \S*a\.zarr\.zip"),
    "MATLAB 7.3": (
        lambda d: raw(d / "a.mat", b"MATLAB 7.3 MAT-file" + b" " * 500), None, "h5py.File"),
    "NIfTI-2": (lambda d: raw(d / "a", b"\x1c\2\0\0n+2\0" + b"\0" * 540), None, "nibabel"),
    "Analyze": (lambda d: raw(d / "a.hdr", b"\0" * 348), None, "is NIfTI.*nibabel"),
    "MetaImage": (lambda d: raw(d / "a.mha", b"ObjectType = Image"), None, "SimpleITK"),
    "PGM without a suffix": (lambda d: raw(d / "a", b"P5 4 4 255 "), None, "a is PGM.*python -c"),
    "CZI without a suffix": (lambda d: raw(d / "a", b"ZISRAWFILE"), None, "is Zeiss CZI.*Fiji"),
    "TGA": (lambda d: raw(d / "a.tga", b"\0"), None, "a.tga is TGA.*python -c"),
    "AVIF": (lambda d: raw(d / "a.avif", b"\0\0\0 ftypavif"), None, "is AVIF"),
    "JPEG XL": (lambda d: raw(d / "a.jxl", b"\xff\n"), None, "is JPEG XL"),
    "OpenEXR": (lambda d: raw(d / "a.exr", b"v/1\1"), None, "is OpenEXR"),
    "raw bytes": (lambda d: raw(d / "a.raw", b"\0" * 99), None, "numpy.fromfile.*HEIGHT"),
    "tomogram": (lambda d: raw(d / "a.rec", b"\0" * 1024), None, "is MRC.*mrcfile"),
    "float16": (
        lambda d: tif(d / "a.tif", (GREY > 99).astype(np.float16)),
        np.where(GREY > 99, 255, 0).astype(np.uint8), "0 to 1 are read as 0 to 255"),
    "CMYK": (
        lambda d: tif(d / "a.tif", np.stack([GREY[0]] * 4, -1), photometric="separated"), None,
        "is in colour"),
    "ImageJ with an inverting look-up table": (
        lambda d: tif(d / "a.tif", GREY, imagej=True, metadata={"LUTs": [
            np.stack([np.arange(256)[::-1]] * 3).astype(np.uint8)]}), GREY, ""),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_an_input_of_any_kind_is_read_whole_or_refused_with_a_sentence(kind, tmp_path):
    build, expected, said = KINDS[kind]
    path = build(tmp_path)
    if expected is None:
        check_refused(path, said)
        return
    check_read(path, expected)
    notes = " ".join(read_stack(path).notes)
    assert re.search(said, notes), notes


LABELLED = {
    "cells, background -1": (lambda d: with_labels(d, GONE), "numbers of cells"),
    "cells, background 2^64 - 1": (lambda d: with_labels(d, NO_LABEL), "numbers of cells"),
    "0 and 1 beside 0 and 255": (
        lambda d: inputs.pair_of(d, GREY, MIXED), "1 is read as 255"),
    "HDF5 of any image name": (lambda d: h5(d / "a.h5", main=GREY, labels=OURS), "a.h5:main"),
    "HDF5 with its labels beside it": (
        lambda d: h5(h5(d / "s_raw.h5", main=GREY).parent / "s_labels.h5", main=OURS).parent
        / "s_raw.h5", "s_raw.h5 and the labels beside it"),
    "zarr and TIFF": (
        lambda d: tif(inputs.zarr_array(d / "raw.zarr", GREY).parent / "gt.tif", OURS).parent,
        "images in raw.zarr, labels in gt.tif"),
    "settings called .yml": (renamed_settings, None),
    "half-resolution labels": (
        lambda d: inputs.pair_of(d, GREY, OURS[:, ::2, ::2]), None),
    "labels in the transparency": (
        lambda d: pngs(pngs(d / "raw", GREY).parent / "masks", np.concatenate(
            [np.zeros((*OURS.shape, 3), np.uint8), OURS[..., None]], -1)).parent, None),
}  # fmt: skip
WHY = {
    "settings called .yml": r"SpikeSeg\.yml is not read: call it spikeseg\.yaml",
    "half-resolution labels": r"labels \(6, 24, 32\) .* differ",
    "labels in the transparency": "labels have 1 grey value",
}


@pytest.mark.parametrize("kind", LABELLED)
def test_labelled_sections_of_any_kind(kind, tmp_path):
    build, said = LABELLED[kind]
    if said is None:
        check_not_found(build(tmp_path), WHY[kind])
    else:
        check_found(build(tmp_path), said)


def test_a_saturated_section_is_warned_about(tmp_path):
    listener = Listener()
    read_source(DatasetConfig(source="folder", path=str(saturated(tmp_path))), listener)
    warned = [line for line in listener.said if "is it saturated" in line]
    assert len(warned) == 1
    assert re.search(r"section 2\.png: \d\d\.\d% of the pixels have", warned[0])
