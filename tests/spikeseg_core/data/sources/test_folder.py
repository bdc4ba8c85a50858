import os

import numpy as np

from spikeseg_core.config import DatasetConfig
from spikeseg_core.data.sources import fingerprint, read_source
from tests.spikeseg_core.data.sources.challenge import IMAGES, MASKS, tiff


def test_folder(tmp_path):
    (tmp_path / "images.tif").write_bytes(tiff(IMAGES))
    (tmp_path / "labels.tif").write_bytes(tiff(255 - MASKS))
    source = read_source(DatasetConfig(source="folder", path=str(tmp_path)))
    assert source.source == "folder"
    np.testing.assert_array_equal(source.labels.pixels, 255 - MASKS)


def test_other_files_are_another_fingerprint(tmp_path):
    config = DatasetConfig(source="folder", path=str(tmp_path))
    (tmp_path / "images.tif").write_bytes(tiff(IMAGES))
    (tmp_path / "labels.tif").write_bytes(tiff(255 - IMAGES))
    before = fingerprint(config)
    assert [name for name, *_ in before["files"]] == ["images.tif", "labels.tif"]
    os.utime(tmp_path / "labels.tif", ns=(0, 0))
    assert fingerprint(config) != before
