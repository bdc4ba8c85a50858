from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tasks.local import origin, servers
from tasks.terminal import plain_console


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "prefect" / "prefect.db"
    origin.begin(made)
    return made


def test_what_is_made_here_stays(file: Path) -> None:
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_bytes(b"content")
    origin.begin(file)
    assert origin.set_aside_if_foreign(file) is None
    assert file.read_bytes() == b"content"


def test_a_copy_is_set_aside_with_its_log(file: Path, tmp_path: Path) -> None:
    (file.with_name("prefect.db-wal")).write_text("a command waits here")
    shutil.copytree(file.parent, tmp_path / "copy")
    copy = tmp_path / "copy" / "prefect.db"
    place = origin.set_aside_if_foreign(copy)
    assert place is not None and place.name == "prefect.db.from-elsewhere-1"
    assert sorted(p.name for p in copy.parent.iterdir()) == [
        *("made-here.json", "prefect.db.from-elsewhere-1", "prefect.db.from-elsewhere-1-wal"),
    ]
    origin.begin(copy)
    assert origin.set_aside_if_foreign(copy) is None


@pytest.mark.parametrize("note", [None, "{", "[]", "null", "[" * 100_000])
def test_without_a_note_it_is_not_ours(file: Path, note: str | None) -> None:
    if note is None:
        file.with_name(origin.NOTE).unlink()
    else:
        file.with_name(origin.NOTE).write_text(note)
    assert origin.set_aside_if_foreign(file) is not None


def test_another_machine_or_user_is_not_ours(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    note = file.with_name(origin.NOTE)
    noted = json.loads(note.read_text())
    note.write_text(json.dumps(noted | {"user": 12345}))
    assert origin.set_aside_if_foreign(file) is not None
    file.with_name("prefect.db.from-elsewhere-1").rename(file)
    note.write_text(json.dumps(noted))
    assert origin.set_aside_if_foreign(file) is None
    monkeypatch.setattr(origin, "MACHINE", file)
    assert origin.set_aside_if_foreign(file) is not None


def test_a_link_is_not_ours(file: Path) -> None:
    file.rename(file.with_name("real.db"))
    file.symlink_to("real.db")
    place = origin.set_aside_if_foreign(file)
    assert place is not None and place.is_symlink()
    assert file.with_name("real.db").exists()


def test_it_can_be_trusted(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.with_name(origin.NOTE).unlink()
    monkeypatch.setenv(origin.TRUST, "1")
    assert origin.set_aside_if_foreign(file) is None
    monkeypatch.delenv(origin.TRUST)
    assert origin.set_aside_if_foreign(file) is None


def test_a_database_elsewhere_is_the_users(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_HOME", str(home / "prefect"))
    assert origin.database() == home / "prefect" / "prefect.db"
    monkeypatch.setenv("PREFECT_SERVER_DATABASE_CONNECTION_URL", "postgresql://db/prefect")
    assert origin.database() is None
    servers._own_database(plain_console())


def test_up_begins_with_a_database_of_its_own(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PREFECT_HOME", str(home / "prefect"))
    (home / "prefect").mkdir()
    (home / "prefect" / "prefect.db").write_text("planted")
    servers._own_database(plain_console())
    said = capsys.readouterr().out
    assert "was not made here" in said and "SPIKESEG_TRUST_STATE=1" in said
    assert (home / "prefect" / "prefect.db").read_bytes() == b""
    servers._own_database(plain_console())
    assert capsys.readouterr().out == ""
