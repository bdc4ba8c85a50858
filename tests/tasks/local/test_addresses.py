from __future__ import annotations

import pytest

from tasks.local.addresses import credentials, is_http_here, is_loopback, without_password


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://me:secret@db:5432/mlflow", "postgresql://db:5432/mlflow"),
        ("no route to http://a:b@c@host/x and ftp://d@e", "no route to http://host/x and ftp://e"),
        ("sqlite:////home/me@work/mlflow.db", "sqlite:////home/me@work/mlflow.db"),
        ("http://host/mail?to=a@b", "http://host/mail?to=a@b"),
        ("me@example.org", "me@example.org"),
    ],
)
def test_passwords_are_not_shown(text: str, shown: str) -> None:
    assert without_password(text) == shown


def test_only_servers_have_credentials_to_move() -> None:
    assert credentials("http://host:5000") is None
    assert credentials("postgresql://me:secret@db/mlflow") is None  # its client knows no other way
    assert credentials("http://[broken") is None
    assert credentials("http://me:se%20cret@host") == ("http://host", "me", "se cret")


def test_this_machine() -> None:
    assert is_loopback("127.0.0.3") and is_loopback("::1") and is_loopback("localhost")
    assert not is_loopback("0.0.0.0") and not is_loopback("") and not is_loopback("127.0.0.1.org")
    assert is_http_here("http://localhost:5000/health")
    assert not is_http_here("http://127.0.0.1:99999/") and not is_http_here("http://[broken")
