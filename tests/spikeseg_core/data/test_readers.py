"""Readers: every accepted format gives the same pixels, every damage a clear message."""

import contextlib
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spikeseg_core.data import readers
from spikeseg_core.data.readers import pair_files, read_pair, read_stack
from spikeseg_core.errors import DataError
from tests.spikeseg_core.data.sources.challenge import png, tiff, write_images

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
