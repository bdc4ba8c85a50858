from __future__ import annotations

import subprocess
import sys
from base64 import b64decode
from pathlib import Path

import pytest

from tasks.local import password
from tasks.local.password import authorization, is_credential, password_in, refused, variables


def test_it_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "password"
    made = password_in(file)
    user, _, word = made.partition(":")
    assert (user, len(word) >= 40) == ("spikeseg", True)
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_text() == f"{made}\n"
    assert password_in(file) == made
    assert password_in(tmp_path / "another") != made


def test_one_that_others_could_read_is_replaced(tmp_path: Path) -> None:
    file = tmp_path / "password"
    was = password_in(file)
    file.chmod(0o640)
    assert password_in(file) != was
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("damage", [b"", b"spikeseg:short\n", b"\xff\xfe", b"x" * 200, b"a:b\nc:d"])
def test_a_damaged_one_is_replaced(tmp_path: Path, damage: bytes) -> None:
    file = tmp_path / "password"
    file.touch(0o600)
    file.write_bytes(damage)
    made = password_in(file)
    assert file.read_text() == f"{made}\n"
    assert is_credential(made)


def test_it_is_written_through_no_link(tmp_path: Path) -> None:
    (tmp_path / "password").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="password"):
        password_in(tmp_path / "password")
    assert not (tmp_path / "elsewhere").exists()


def test_commands_that_begin_together_make_one(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from tasks.local.password import password_in;"
        "print(password_in(Path(sys.argv[1])))"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "password")]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert len({each.communicate()[0] for each in started}) == 1


def test_clients_know_it_by_their_variables() -> None:
    assert variables("me:secret:er") == {
        "PREFECT_API_AUTH_STRING": "me:secret:er",
        "MLFLOW_TRACKING_USERNAME": "me",
        "MLFLOW_TRACKING_PASSWORD": "secret:er",
    }


def test_the_environment_names_one_for_each_server(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in variables("me:secret"):
        monkeypatch.delenv(name, raising=False)
    assert password.of_prefect() is password.of_mlflow() is None
    for name, value in variables("me:secret").items():
        monkeypatch.setenv(name, value)
    assert password.of_prefect() == password.of_mlflow() == "me:secret"


@pytest.mark.parametrize("value", ["", "a\nb", "a b", "a\0b", "ü:x", "a:b\n"])
def test_what_cannot_be_one(value: str) -> None:
    assert not is_credential(value)


def test_a_request_needs_a_header() -> None:
    assert authorization(None) == authorization("") == {}
    kind, _, key = authorization("me:secret")["Authorization"].partition(" ")
    assert (kind, b64decode(key)) == ("Basic", b"me:secret")


def test_a_refusal_says_what_to_set() -> None:
    says = refused("MLFLOW_TRACKING_URI", "http://host:5000")
    assert "http://host:5000 wants another password: set MLFLOW_TRACKING_USERNAME and " in says
