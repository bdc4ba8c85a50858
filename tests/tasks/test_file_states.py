from __future__ import annotations

import os
from pathlib import Path

import pytest

from tasks.file_states import VERIFY, FileState, first_difference, states


@pytest.fixture
def known(tmp_path: Path) -> dict[str, FileState]:
    (tmp_path / "below").mkdir()
    for name in ("a.npz", "below/b.json"):
        (tmp_path / name).write_text(name)
    return states(tmp_path, [tmp_path / "a.npz", tmp_path / "below" / "b.json"])


def test_nothing_changed(tmp_path: Path, known: dict[str, FileState]) -> None:
    assert list(known) == ["a.npz", "below/b.json"]
    assert first_difference(tmp_path, known) is None
    os.utime(tmp_path / "a.npz", (1, 1))  # a copy has other times and the same content
    assert first_difference(tmp_path, known) is None


@pytest.mark.parametrize("content", ["A.npz", "", "a.npz and more"])
def test_another_content(tmp_path: Path, known: dict[str, FileState], content: str) -> None:
    (tmp_path / "a.npz").write_text(content)
    os.utime(tmp_path / "a.npz", ns=(known["a.npz"].modified,) * 2)
    assert first_difference(tmp_path, known) == "a.npz was changed"


def test_a_missing_file_and_a_folder_in_its_place(
    tmp_path: Path, known: dict[str, FileState]
) -> None:
    (tmp_path / "below" / "b.json").unlink()
    assert first_difference(tmp_path, known) == "below/b.json is missing"
    (tmp_path / "below" / "b.json").mkdir()
    assert str(first_difference(tmp_path, known)).startswith("below/b.json ")


def test_what_no_time_shows_is_found_when_asked_for(
    tmp_path: Path, known: dict[str, FileState], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.npz").write_text("A.npz")  # as a disk that flips a bit
    now = (tmp_path / "a.npz").stat()
    times = {"modified": now.st_mtime_ns, "changed": now.st_ctime_ns}
    silent = known | {"a.npz": known["a.npz"].model_copy(update=times)}
    assert first_difference(tmp_path, silent) is None
    monkeypatch.setenv(VERIFY, "1")
    assert first_difference(tmp_path, silent) == "a.npz was changed"
