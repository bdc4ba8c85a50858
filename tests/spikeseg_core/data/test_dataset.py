"""The dataset folder: what is written comes back, damage is found."""

import json
import os

import numpy as np
import pyarrow.parquet as pq
import pytest

from spikeseg_core.config import DatasetConfig
from spikeseg_core.data.dataset import load_dataset, prepare_dataset
from spikeseg_core.data.readers import pixel_sha256
from spikeseg_core.data.sources import fingerprint
from spikeseg_core.data.sources.synthetic import synthetic_sections
from spikeseg_core.data.tiles import standardize
from spikeseg_core.errors import DataError
from spikeseg_core.storage import load_arrays, save_arrays
from tests.spikeseg_core.data.own_set import own_set
from tests.spikeseg_core.data.sources.challenge import write_images
from tests.spikeseg_core.listener import Listener

SMALL = DatasetConfig(
    source="synthetic", train_sections=2, validation_sections=1, test_sections=1, synthetic_size=128
)


def test_what_is_written_comes_back(tmp_path):
    listener = Listener()
    made = prepare_dataset(SMALL, 64, tmp_path, listener)
    read = load_dataset(tmp_path)
    np.testing.assert_array_equal(read.images, made.images)
    np.testing.assert_array_equal(read.labels, made.labels)
    assert {name: block.tolist() for name, block in read.splits.items()} == {
        "train": [0, 1],
        "validation": [2],
        "test": [3],
    }
    assert read.is_synthetic
    assert read.note == made.note
    assert (read.sha256, read.names, read.polarity) == (made.sha256, made.names, "membrane_dark")
    assert (read.grid.tile, read.grid.tiles_per_axis) == (64, 4)
    assert listener.said[0].startswith("SYNTHETIC")
    assert "label 0 is membrane, detected" in listener.said[1]
    files = {file.name for file in tmp_path.iterdir()}
    assert files == {"dataset.json", "manifest.parquet", "sections.npz"}


def test_a_declared_pixel_size_comes_back(tmp_path):
    images, labels = synthetic_sections(4, 96, seed=0)
    folder = own_set(tmp_path / "own", images, labels, "OME-Zarr")
    config = DatasetConfig(source="folder", path=str(folder))
    made = prepare_dataset(config, 64, tmp_path / "made")
    assert made.pixel_nm is not None
    assert load_dataset(tmp_path / "made").pixel_nm == made.pixel_nm
    assert prepare_dataset(SMALL, 64, tmp_path / "synthetic").pixel_nm is None


def test_a_folder_that_does_not_say_its_pixel_size_is_read(tmp_path):
    prepare_dataset(SMALL, 64, tmp_path)
    file = tmp_path / "dataset.json"
    facts = json.loads(file.read_text())
    del facts["pixel_nm"]
    file.write_text(json.dumps(facts))
    assert load_dataset(tmp_path).pixel_nm is None


def test_split_is_what_the_network_sees(tmp_path):
    dataset = prepare_dataset(SMALL, 64, tmp_path)
    images, labels = dataset.split("train")
    np.testing.assert_array_equal(images, standardize(dataset.images[:2]))
    np.testing.assert_array_equal(labels, dataset.labels[:2])
    assert dataset.split("train")[0] is images
    assert not images.flags.writeable
    fewer = dataset.first(1)
    np.testing.assert_array_equal(fewer.split("train")[0], images[:1])
    assert dataset.first(None).split("train")[0].shape == images.shape
    with pytest.raises(DataError, match="no split 'holdout'; the dataset has train, validation"):
        dataset.split("holdout")


def test_manifest(tmp_path):
    dataset = prepare_dataset(SMALL, 64, tmp_path)
    table = pq.read_table(tmp_path / "manifest.parquet")
    rows = table.to_pylist()
    assert [row["split"] for row in rows] == ["train", "train", "validation", "test"]
    for row, image, label in zip(rows, dataset.images, dataset.labels, strict=True):
        assert row["image_sha256"] == pixel_sha256(image)
        stored = np.where(label == 1, 0, 255).astype(np.uint8)
        assert row["label_sha256"] == pixel_sha256(stored)
        assert (row["height"], row["width"], row["dtype"]) == (128, 128, "uint8")
        assert row["membrane_fraction"] == pytest.approx(label.mean())
    facts = table.schema.metadata
    assert facts[b"image_stack_sha256"].decode() == pixel_sha256(dataset.images)
    assert facts[b"source"] == b"synthetic"


def test_digest_depends_on_pixels_and_splits_only(tmp_path):
    first = prepare_dataset(SMALL, 64, tmp_path / "a")
    same = prepare_dataset(SMALL.model_copy(update={"tiles_per_axis": 2}), 32, tmp_path / "b")
    other_split = SMALL.model_copy(update={"train_sections": 1, "test_sections": 2})
    other = prepare_dataset(other_split, 64, tmp_path / "c")
    assert first.sha256 == same.sha256
    assert first.sha256 != other.sha256


def with_unlabelled(folder):
    """Settings with two sections without labels, larger than the others."""
    images, _ = synthetic_sections(2, 160, 9)
    write_images(folder, images)
    return SMALL.model_copy(update={"unlabelled": str(folder)}), images


def test_sections_without_labels_have_a_file_and_a_digest_of_their_own(tmp_path):
    config, images = with_unlabelled(tmp_path / "more")
    listener = Listener()
    made = prepare_dataset(config, 64, tmp_path / "with", listener)
    plain = prepare_dataset(SMALL, 64, tmp_path / "without")
    assert "2 sections without labels" in listener.said
    assert (made.sha256, made.pixels_sha256) == (plain.sha256, plain.pixels_sha256)
    read = load_dataset(tmp_path / "with", unlabelled=True)
    np.testing.assert_array_equal(read.unlabelled.pixels, images)
    np.testing.assert_array_equal(read.without_labels(), standardize(images))
    assert set(read.splits) == {"train", "validation", "test"}
    assert plain.without_labels().shape == (0, 128, 128)
    for file in ("sections.npz",):
        kept = [(tmp_path / folder / file).read_bytes() for folder in ("with", "without")]
        assert kept[0] == kept[1]
    rows = pq.read_table(tmp_path / "with" / "manifest.parquet").to_pylist()[4:]
    assert [(row["section"], row["name"], row["split"]) for row in rows] == [
        (0, "0.png", "unlabelled"),
        (1, "1.png", "unlabelled"),
    ]
    assert [row["image_sha256"] for row in rows] == [pixel_sha256(image) for image in images]
    assert {(row["height"], row["label_sha256"], row["membrane_fraction"]) for row in rows} == {
        (160, None, None)
    }
    (tmp_path / "with" / "unlabelled.npz").unlink()
    assert load_dataset(tmp_path / "with").unlabelled is None
    with pytest.raises(DataError, match=r"unlabelled\.npz does not exist"):
        load_dataset(tmp_path / "with", unlabelled=True)


def test_a_section_that_is_labelled_is_not_learned_from_without_its_label(tmp_path):
    plain = prepare_dataset(SMALL, 64, tmp_path / "without")
    write_images(tmp_path / "more", plain.images[3:])
    config = SMALL.model_copy(update={"unlabelled": str(tmp_path / "more")})
    with pytest.raises(DataError, match=r"0\.png has the pixels of synthetic-3, which is labelled"):
        prepare_dataset(config, 64, tmp_path / "with")


def test_changed_files_without_labels_change_the_fingerprint(tmp_path):
    config, _ = with_unlabelled(tmp_path / "more")
    before = fingerprint(config)
    assert fingerprint(SMALL) == {"source": "synthetic"} != before
    (tmp_path / "more" / "1.png").unlink()
    assert fingerprint(config) not in (before, fingerprint(SMALL))
    missing = SMALL.model_copy(update={"unlabelled": str(tmp_path / "nowhere")})
    for look in (fingerprint, lambda config: prepare_dataset(config, 64, tmp_path / "out")):
        with pytest.raises(DataError, match="nowhere does not exist"):
            look(missing)


def test_the_folds_of_a_stack(tmp_path):
    """All sections of the source, in the same pixels; what they are for is part of the content."""
    made = {}
    for fold in range(4):
        config = SMALL.model_copy(update={"folds": 4, "fold": fold})
        prepare_dataset(config, 64, tmp_path / str(fold))
        made[fold] = load_dataset(tmp_path / str(fold))
    assert [made[fold].splits["test"].tolist() for fold in range(4)] == [[0], [1], [2], [3]]
    assert [made[fold].splits["validation"].tolist() for fold in range(4)] == [[1], [2], [3], [0]]
    assert made[1].splits["train"].tolist() == [0, 3]
    np.testing.assert_array_equal(made[1].split("train")[1], made[1].labels[[0, 3]])
    facts = json.loads((tmp_path / "1" / "dataset.json").read_text())
    assert facts["splits"] == {"train": [[0, 1], [3, 4]], "validation": [[2, 3]], "test": [[1, 2]]}
    assert len({dataset.pixels_sha256 for dataset in made.values()}) == 1
    assert len({dataset.sha256 for dataset in made.values()}) == 4
    assert len({(tmp_path / str(f) / "sections.npz").read_bytes() for f in range(4)}) == 4
    with pytest.raises(DataError, match="5 folds need at least 5 sections, the stack has 4"):
        prepare_dataset(SMALL.model_copy(update={"folds": 5}), 64, tmp_path / "five")


def test_16_bit_folder_with_bright_membranes_and_spare_sections(tmp_path):
    made = prepare_dataset(SMALL, 64, tmp_path / "synthetic")
    deep = made.images.astype(np.uint16) * 100
    write_images(tmp_path / "own" / "image", deep)
    write_images(tmp_path / "own" / "label", made.labels * np.uint8(255))
    config = DatasetConfig(
        source="folder",
        path=str(tmp_path / "own"),
        train_sections=1,
        validation_sections=1,
        test_sections=1,
    )
    dataset = prepare_dataset(config, 64, tmp_path / "out")
    assert dataset.polarity == "membrane_bright"
    assert not dataset.is_synthetic
    np.testing.assert_array_equal(dataset.labels, made.labels)
    np.testing.assert_allclose(standardize(dataset.images), standardize(made.images), atol=1e-5)
    manifest = pq.read_table(tmp_path / "out" / "manifest.parquet")
    assert manifest["split"].to_pylist() == ["train", "validation", "test", "unused"]
    assert load_dataset(tmp_path / "out").images.dtype == np.uint16


def test_too_few_sections(tmp_path):
    made = prepare_dataset(SMALL, 64, tmp_path / "synthetic")
    masks = np.where(made.labels == 1, 0, 255).astype(np.uint8)
    write_images(tmp_path / "own" / "image", made.images)
    write_images(tmp_path / "own" / "label", masks)
    config = DatasetConfig(source="folder", path=str(tmp_path / "own"), train_sections=20)
    with pytest.raises(DataError, match=r"need 30 sections .* the stack has 4"):
        prepare_dataset(config, 64, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_changed_or_damaged_folder_is_found(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        load_dataset(tmp_path)
    prepare_dataset(SMALL, 64, tmp_path)
    arrays = load_arrays(tmp_path / "sections.npz")
    save_arrays(tmp_path / "sections.npz", arrays | {"split/test": np.array([2])})
    with pytest.raises(DataError, match="was changed"):
        load_dataset(tmp_path)
    (tmp_path / "dataset.json").write_text("{")
    with pytest.raises(DataError, match="is not a dataset folder"):
        load_dataset(tmp_path)


@pytest.mark.skipif(
    not os.environ.get("SPIKESEG_ISBI2012_DIR"), reason="needs the challenge's data"
)
def test_isbi2012(tmp_path):
    dataset = prepare_dataset(DatasetConfig(source="isbi2012"), 192, tmp_path)
    assert dataset.images.shape == (30, 512, 512)
    assert dataset.labels.mean() == pytest.approx(0.2196, abs=1e-4)
    assert dataset.polarity == "membrane_dark"
    assert dataset.splits["test"].tolist() == list(range(24, 30))
    assert dataset.without_labels().shape == (30, 512, 512)


@pytest.mark.parametrize("shape", [(240, 240), (239, 251)])
def test_a_set_is_prepared_with_no_option_but_its_path_in_any_format(tmp_path, shape):
    images, labels = synthetic_sections(20, 256, 3)
    images, labels = images[:, : shape[0], : shape[1]], labels[:, : shape[0], : shape[1]]
    made, said = {}, {}
    for kind in ("folders", "OME-Zarr", "HDF5"):
        folder = tmp_path / kind
        path = own_set(folder, images, labels, kind)
        listener = Listener()
        config = DatasetConfig(source="folder", path=str(path))
        made[kind] = prepare_dataset(config, 64, folder / "prepared", listener)
        said[kind] = "\n".join(listener.said)
        np.testing.assert_array_equal(made[kind].labels, labels)
        assert (
            "splits fitted to 20 sections: 13 to train on, 3 to validate and 4 to test"
            in (said[kind])
        )
        assert "--set dataset.train_sections=13 --set dataset.validation_sections=3" in said[kind]
        assert f"sections: 20 of {shape[1]} x {shape[0]} px, 8 bits" in said[kind]
        assert "label 255 is membrane, detected as the minority and the darker class" in said[kind]
        assert "WARNING" not in said[kind]
    assert "paired by name, 0.tif with 0.png to 19.tif with 19.png" in said["folders"]
    assert len({dataset.sha256 for dataset in made.values()}) == 1


def test_one_section_is_trained_on_by_blocks(tmp_path):
    images, labels = (stack[:1] for stack in synthetic_sections(4, 160, 3))
    path = own_set(tmp_path, images, labels, "folders")
    listener = Listener()
    config = DatasetConfig(source="folder", path=str(path))
    made = prepare_dataset(config, 64, tmp_path / "out", listener)
    assert made.images.shape == (6, 80, 53)
    assert {name: len(s) for name, s in made.splits.items()} == {
        "train": 4,
        "validation": 1,
        "test": 1,
    }
    np.testing.assert_array_equal(made.labels[4], labels[0, 80:160, 53:106])
    assert made.names[4] == "0.tif[80:160, 53:106]"
    assert "1 section cut into 6 blocks of 53 x 80 px" in made.note
    assert any("are better than on other sections" in line for line in listener.said)
    stated = config.model_copy(update={"train_sections": 1})
    with pytest.raises(DataError, match="the stack has 1: leave the sizes of the splits out"):
        prepare_dataset(stated, 64, tmp_path / "stated")
