from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from spikeseg_core.inference.unfinished import Unfinished


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.tif"
    path.write_bytes(b"abc")
    return path


def test_a_work_goes_on(tmp_path: Path, file: Path) -> None:
    first = Unfinished(tmp_path, [file], "ann 1")
    assert not first.is_there
    assert first.begin() == 0
    first.put(0, 3, np.ones((2, 2), np.float32))
    again = Unfinished(tmp_path, [file], "ann 1")
    assert again.is_there
    assert again.begin() == 1
    assert again.has(0, 3)
    assert not again.has(0, 4)
    np.testing.assert_array_equal(again.get(0, 3), np.ones((2, 2)))
    assert again.get(0, 4) is None
    again.end()
    assert not again.is_there
    assert not again.folder.exists()


def test_another_network_or_file_begins_anew(tmp_path: Path, file: Path) -> None:
    first = Unfinished(tmp_path, [file], "ann 1")
    first.begin()
    first.put(0, 0, np.ones((2, 2)))
    assert not Unfinished(tmp_path, [file], "ann 2").is_there
    file.write_bytes(b"abcd")
    changed = Unfinished(tmp_path, [file], "ann 1")
    assert not changed.is_there
    assert changed.begin() == 0


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"work": 1}'])
def test_a_damaged_note_is_none(tmp_path: Path, file: Path, damage: str) -> None:
    work = Unfinished(tmp_path, [file], "ann 1")
    work.begin()
    (work.folder / "work.json").write_text(damage)
    assert not work.is_there


def test_the_files_of_a_store_are_its_state(tmp_path: Path) -> None:
    (tmp_path / "a.zarr").mkdir()
    (tmp_path / "a.zarr" / "0").write_bytes(b"1")
    Unfinished(tmp_path, [tmp_path / "a.zarr"], "").begin()
    assert Unfinished(tmp_path, [tmp_path / "a.zarr"], "").is_there
    (tmp_path / "a.zarr" / "1").write_bytes(b"1")
    assert not Unfinished(tmp_path, [tmp_path / "a.zarr"], "").is_there
