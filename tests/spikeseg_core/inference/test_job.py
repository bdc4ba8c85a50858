from __future__ import annotations

import os
from pathlib import Path

import pytest

from spikeseg_core.errors import ConfigError, DataError
from spikeseg_core.inference.job import plan
from tests.spikeseg_core.inference.sections import grey_tiff


def test_images_are_never_replaced_by_results(source: Path, tmp_path: Path) -> None:
    (tmp_path / "probability").symlink_to(source)
    with pytest.raises(ConfigError, match=r"results would replace .*a\.png; name another folder"):
        plan(source, tmp_path, overwrite=True)


def test_there_is_nothing_to_segment(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no image; supported formats: \.png"):
        plan(tmp_path, tmp_path / "out")
    with pytest.raises(DataError, match=r"gone does not exist; give a folder"):
        plan(tmp_path / "gone", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_image_that_cannot_be_read_is_named_before_anything_is_done(
    source: Path, tmp_path: Path
) -> None:
    (source / "z.png").write_bytes((source / "a.png").read_bytes()[:100])
    with pytest.raises(DataError, match=r"z\.png is damaged"):
        plan(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_is_named_before_anything_is_done(
    source: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ConfigError, match=r"cannot be written to .*file.*; name another folder"):
        plan(source, tmp_path / "file")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission(source: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir(mode=0o500)
    with pytest.raises(ConfigError, match="cannot be written"):
        plan(source, tmp_path / "out")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("n" * 246 + ".tif",), "has 250 bytes; results can have names of at most 245: rename it"),
        (("é" * 121 + ".tif",), "has 246 bytes"),
        (("vol.png", "vol.png.tif"), "two files would have the results vol.png.tif"),
        (("vol.tif", "VOL.TIF"), "VOL.TIF and vol.tif have the same number or name"),
    ],
)
def test_names_that_cannot_be_written_are_refused_before_anything_is_done(
    names: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in names:
        grey_tiff(folder / name)
    with pytest.raises(DataError, match=message):
        plan(folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_home_folder_is_found(source: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    job = plan(Path("~/sections"), Path("~/out"))
    assert job.sections == 5
    assert job.out == tmp_path / "out"
