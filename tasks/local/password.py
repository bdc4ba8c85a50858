"""The password of this machine's servers: random, made once per state folder, for its owner alone.

The file holds one line ``spikeseg:...``, as Prefect's page and ``PREFECT_API_AUTH_STRING`` want it.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
from base64 import b64encode
from pathlib import Path

from tasks.local.private import OTHERS

USER = "spikeseg"
CREDENTIALS = {
    "PREFECT_API_URL": ("PREFECT_API_AUTH_STRING",),
    "MLFLOW_TRACKING_URI": ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"),
}
"""By the variable with a server's address: those by which its clients know user and password."""

_FORM = re.compile(rf"{USER}:[\w-]{{40,}}")


def password_in(file: Path) -> str:
    """Return ``user:password`` of the file.

    It is made if it is missing, damaged, or could be read by others. Raises OSError if it cannot
    be written.
    """
    handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "r+", encoding="utf-8", errors="replace") as opened:
        fcntl.flock(opened, fcntl.LOCK_EX)  # two commands that begin together make one password
        found = opened.read().rstrip("\n")
        if _FORM.fullmatch(found) and not os.fstat(handle).st_mode & OTHERS:
            return found
        os.fchmod(handle, 0o600)
        made = f"{USER}:{secrets.token_urlsafe(32)}"
        opened.seek(0)
        opened.truncate()
        opened.write(f"{made}\n")
        return made


def variables(password: str) -> dict[str, str]:
    """Variables by which clients of both servers know ``user:password``."""
    user, _, word = password.partition(":")
    prefect, mlflow = CREDENTIALS.values()
    return dict(zip((*prefect, *mlflow), (password, user, word), strict=True))


def is_credential(value: str) -> bool:
    """Whether it can be ``user:password`` of ours, or a part of it."""
    return re.fullmatch(r"[\w:-]+", value, re.ASCII) is not None


def authorization(password: str | None) -> dict[str, str]:
    """Header that a request with ``user:password`` needs; none without one."""
    if not password:
        return {}
    return {"Authorization": f"Basic {b64encode(password.encode()).decode()}"}


def refused(variable: str, address: str) -> str:
    """Say that the server of that variable wants another password, and where one is."""
    return (
        f"the server at {address} wants another password: set {' and '.join(CREDENTIALS[variable])}"
        f". That of `spikeseg up` is in the file `password` of its state folder, as user:password"
    )


def of_prefect() -> str | None:
    """``user:password`` of the environment's Prefect server, if there is one."""
    return os.environ.get("PREFECT_API_AUTH_STRING") or None


def of_mlflow() -> str | None:
    """``user:password`` of the environment's MLflow server, if there is one."""
    user, word = (os.environ.get(name) for name in CREDENTIALS["MLFLOW_TRACKING_URI"])
    return f"{user}:{word}" if user and word else None
