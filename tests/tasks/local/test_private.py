from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from spikeseg_core.errors import ConfigError
from tasks.local import private
from tasks.local.private import belongs_to_us, make_private, others_listen


def test_a_new_folder_is_private(tmp_path: Path) -> None:
    make_private(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700


def test_one_that_cannot_be_closed_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o777)
    monkeypatch.setattr(Path, "chmod", lambda self, mode: None)
    with pytest.raises(ConfigError, match=r"can be changed by other users.*SPIKESEG_HOME"):
        make_private(tmp_path)


def test_a_folder_for_everybody_is_left_as_it_is(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)
    with pytest.raises(ConfigError, match=r"for all users.*SPIKESEG_HOME .* such as .*/spikeseg"):
        make_private(tmp_path)
    assert tmp_path.stat().st_mode & 0o7777 == 0o1777


def test_a_file_of_ours(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch(0o600)
    assert belongs_to_us(file)
    file.chmod(0o620)
    assert not belongs_to_us(file)
    with pytest.raises(FileNotFoundError):
        belongs_to_us(tmp_path / "none")


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_who_listens_on_a_port(family: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(family) as server:
        server.bind(("127.0.0.1" if family == socket.AF_INET else "::1", 0))
        port = server.getsockname()[1]
        monkeypatch.setattr(private.os, "geteuid", lambda: os.getuid() + 1)
        assert not others_listen(port)
        server.listen()
        assert others_listen(port)
        monkeypatch.undo()
        assert not others_listen(port)


def test_systems_that_do_not_say_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", missing)
    assert not others_listen(4200)
