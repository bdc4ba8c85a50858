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
import tifffile
import zarr
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


def linked(path, link):
    with h5py.File(path, "w") as file:
        file["raw"] = link
    return path


def virtual(folder, kept):
    """A virtual dataset over another file."""
    source = h5(folder / "source.h5", raw=GREY)
    layout = h5py.VirtualLayout(GREY.shape, "u1")
    layout[:] = h5py.VirtualSource("source.h5", "raw", GREY.shape)
    with h5py.File(folder / "a.h5", "w") as file:
        file.create_virtual_dataset("raw", layout, fillvalue=7)
    if not kept:
        source.unlink()
    return folder / "a.h5"


def other_files(path):
    """The same file, whose description names none that is there."""
    data = path.read_bytes().replace(b'FileName="0.', b'FileName="9.')
    own = b"00000000-0000-0000-0000-000000000000"
    return raw(path, data.replace(own, b"9" + own[1:], 1))


def thumbnail_first(path):
    with tifffile.TiffWriter(path) as file:
        file.write(GREY[0, ::4, ::4], photometric="minisblack", subfiletype=1, metadata=None)
        for page in GREY:
            file.write(page, photometric="minisblack", metadata=None)
    return path


def pyramids(path):
    about = {"photometric": "minisblack", "metadata": None}
    with tifffile.TiffWriter(path) as file:
        for page in GREY:
            file.write(page, subifds=1, **about)
            file.write(page[::2, ::2], subfiletype=1, **about)
    return path


def interlaced(path):
    Image.fromarray(GREY[0]).save(path, interlace=1)
    return path


def flipped(path, byte):
    data = bytearray(path.read_bytes())
    data[byte] ^= 255
    return raw(path, bytes(data))


def plate(path):
    zarr.open_group(path, mode="w").create_group("A/1")
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


def two_sizes(folder):
    for name, stack, per_nm in (("raw", GREY, 0.25), ("gt", OURS, 0.125)):
        about = {"imagej": True, "metadata": {"unit": "nm", "axes": "ZYX"}}
        tif(folder / f"{name}.tif", stack, resolution=(per_nm, per_nm), **about)
    return folder


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
    "OME over several files": (
        lambda d: inputs.ome_over_files(d / "f", COUNT) / "0.ome.tif", GREY, ""),
    "OME over several files, as a folder": (
        lambda d: inputs.ome_over_files(d / "f", COUNT), None,
        r"is read from any of them: name \S*f/0\.ome\.tif alone"),
    "OME over several files, one there": (
        lambda d: inputs.ome_over_files(d / "f", 1) / "0.ome.tif", None,
        "with the other files of this OME-TIFF"),
    "OME over other files": (
        lambda d: other_files(inputs.ome_over_files(d / "f", 1) / "0.ome.tif"), None,
        r"declares 6 planes \(OME\) and has 1: the others are in files that are not there"),
    "OME over several files, one gone": (
        lambda d: inputs.ome_over_files(d / "f", 5) / "0.ome.tif", None,
        "plane 5 is missing; copy it again, with"),
    "ImageJ stack in colour": (
        lambda d: tif(d / "a.tif", inputs.RGB, imagej=True, photometric="rgb"), None,
        "a.tif is in colour"),
    "ImageJ stack of grey as colour": (
        lambda d: tif(d / "a.tif", np.stack([GREY] * 3, -1), imagej=True, photometric="rgb"),
        GREY, ""),
    "float32 up to 0.001": (
        lambda d: tif(d / "a.tif", (GREY / 255e3).astype(np.float32)),
        np.round((GREY - 41.0) * (65535 / 165)).astype(np.uint16),
        r"from 0\.000160\d* to 0\.000807\d* are read as 0 to 65535"),
    "HDF5 link to another file": (
        lambda d: linked(d / "a.h5", h5py.ExternalLink("b.h5", "s")), None,
        r"no dataset of images \(raw is a link to s in b\.h5: name that file\)"),
    "HDF5 link to nothing": (
        lambda d: linked(d / "a.h5", h5py.SoftLink("/gone")), None,
        "raw is a link to /gone, which does not exist"),
    "HDF5 of fields": (
        lambda d: h5(d / "a.h5", raw=np.zeros((6, 48, 64), "u1,u1")), None,
        r"raw has the shape \(6, 48, 64\) and values of fields"),
    "HDF5 without anything": (lambda d: h5(d / "a.h5"), None, "no dataset of images; it is empty"),
    "HDF5 over several files": (lambda d: virtual(d, True), GREY, ""),
    "HDF5 over several files, gone": (
        lambda d: virtual(d, False), None,
        r"virtual dataset over 1 files, of which 1 are not there \(source\.h5\)"),
    "zarr of no images": (
        lambda d: plate(d / "a.zarr"), None, "holds no array of images .* if it is a plate"),
    "Git LFS": (
        lambda d: raw(d / "a.tif", b"version https://git-lfs.github.com/spec/v1\n"), None,
        "is no image but a pointer of Git LFS: .* git lfs pull"),
    "web page called PNG": (
        lambda d: raw(d / "a.png", b"<!DOCTYPE html><title>Log in"), None,
        r"a\.png is no image but a web page: download the file again"),
    "PDF called TIFF": (lambda d: raw(d / "a.tif", b"%PDF-1.7"), None, "no image but PDF"),
    "DICOM": (lambda d: raw(d / "a", b"\0" * 128 + b"DICM"), None, "a is DICOM.*Fiji"),
    "FITS": (lambda d: raw(d / "a", b"SIMPLE  =        T"), None, "a is FITS.*Fiji"),
    "Amira": (lambda d: raw(d / "a.am", b"# AmiraMesh 3D"), None, "is Amira.*Fiji"),
    "Leica among sections": (
        lambda d: raw(pngs(d / "f", GREY) / "b.lif", b"\x70\0").parent, None, "is Leica LIF"),
    "thumbnail before the stack": (lambda d: thumbnail_first(d / "a.tif"), GREY, "1 reduced"),
    "pages with smaller copies": (lambda d: pyramids(d / "a.tif"), GREY, ""),
    "OME (1, z, 1, y, x)": (
        lambda d: tif(d / "a.ome.tif", GREY[None, :, None], metadata={"axes": "TZCYX"}), GREY, ""),
    "a border of NaN": (
        lambda d: tif(d / "a.tif", np.pad(inputs.UNIT, 1, constant_values=np.nan)), None,
        r"has [\d,]+ pixels that are no numbers"),
    "float64 of any size": (
        lambda d: tif(d / "a.tif", GREY * 1e300),
        np.round((GREY - 41.0) * (65535 / 165)).astype(np.uint16), "are read as 0 to 65535"),
    "interlaced PNG": (lambda d: interlaced(d / "a.png"), GREY[:1], ""),
    "PNG with one byte changed": (
        lambda d: flipped(inputs.png(d / "a.png", GREY[0]), 90), None, r"a\.png is damaged"),
    "files of a system": (
        lambda d: raw(pngs(d / "f", GREY) / "Thumbs.db", b"\xd0\xcf\x11\xe0").parent, GREY, ""),
    "01 and 1": (lambda d: pngs(d / "f", GREY[:2], ["01.png", "1.png"]), None, "the same number"),
    "Arabic digits": (lambda d: pngs(d / "f", GREY[:3], ["١.png", "٢.png", "٣.png"]), GREY[:3], ""),
    "hexadecimal names": (
        lambda d: pngs(d / "f", GREY, [f"{i:x}.png" for i in range(8, 14)]), GREY, ""),
    "a link to itself": (
        lambda d: (pngs(d / "f", GREY) / "x.png").symlink_to("x.png") or d / "f", None,
        "is a link to x.png, which does not exist"),
    "zarr in shards": (
        lambda d: inputs.zarr_array(d / "a.zarr", GREY, chunks=(1, 16, 16), shards=(2, 48, 64)),
        GREY, ""),
    "OME-Zarr (t, c, z, y, x)": (
        lambda d: inputs.ome_zarr(d / "a.zarr", GREY[None, None], axes="tczyx"), GREY, "1 reduced"),
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
    "labels of 1 and 2": (lambda d: inputs.pair_of(d, GREY, (255 - OURS) // 255 + 1), "label 2 is"),
    "labels of true and false": (lambda d: h5(d / "a.h5", raw=GREY, labels=MEMBRANE), "label 255"),
    "labels of red": (
        lambda d: inputs.pair_of(d, GREY, MEMBRANE[..., None] * np.array([255, 0, 0], np.uint8)),
        "label 16711680 is membrane"),
    "settings with nothing in them": (
        lambda d: inputs.settings(inputs.pair_of(d, GREY, OURS), ""), "raw/, labels in masks/"),
    "a key twice": (
        lambda d: inputs.settings(
            inputs.pair_of(d, GREY, OURS), "polarity: membrane_dark\npolarity: membrane_bright"),
        None),
    "backslashes": (
        lambda d: inputs.settings(
            inputs.pair_of(d / "x", GREY, OURS).parent, "images: x\\raw\nlabels: x\\masks"), None),
    "labels with sections last": (
        lambda d: tif(tif(d / "raw.tif", GREY).parent / "gt.tif", OURS.transpose(1, 2, 0)).parent,
        None),
    "labels of another pixel size": (lambda d: two_sizes(d), None),
    "one section for two labels": (
        lambda d: inputs.pair_of(d, inputs.changed(GREY, 4, GREY[1]), OURS), None),
    "two samples": (
        lambda d: [inputs.pair_of(d / x, GREY, OURS) for x in "AB"] and d, None),
    "probabilities with NaN": (
        lambda d: with_labels(d, np.where(MEMBRANE, np.nan, 0).astype(np.float32)), None),
    "half-resolution labels": (
        lambda d: inputs.pair_of(d, GREY, OURS[:, ::2, ::2]), None),
    "labels in the transparency": (
        lambda d: pngs(pngs(d / "raw", GREY).parent / "masks", np.concatenate(
            [np.zeros((*OURS.shape, 3), np.uint8), OURS[..., None]], -1)).parent, None),
}  # fmt: skip
WHY = {
    "settings called .yml": r"SpikeSeg\.yml is not read: call it spikeseg\.yaml",
    "a key twice": r"polarity is there twice\); correct it",
    "backslashes": r"matches no file; correct it \(folders are parted by /\)",
    "labels with sections last": r"the axes of the labels are in another order: save both as \(z",
    "labels of another pixel size": "declare pixels of 4 x 4 nm, their labels of 8 x 8 nm",
    "one section for two labels": r"sections 1\.png and 4\.png are the same.*labels are not",
    "two samples": r"has no sections with labels \(it holds A, B\)",
    "probabilities with NaN": "pixels that are no numbers",
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


def test_labels_in_reverse_order_are_warned_about(tmp_path):
    listener = Listener()
    path = str(inputs.pair_of(tmp_path, GREY, OURS[::-1]))
    read_source(DatasetConfig(source="folder", path=path), listener)
    (warned,) = [line for line in listener.said if "WARNING" in line]
    assert re.search(r"labels fit the sections in reverse order better: .* 0\.8\d there", warned)


def test_a_saturated_section_is_warned_about(tmp_path):
    listener = Listener()
    read_source(DatasetConfig(source="folder", path=str(saturated(tmp_path))), listener)
    warned = [line for line in listener.said if "is it saturated" in line]
    assert len(warned) == 1
    assert re.search(r"section 2\.png: \d\d\.\d% of the pixels have", warned[0])
