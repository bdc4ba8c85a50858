"""Whether Prefect's database was made here: a worker runs whatever is scheduled in it.

A state folder may come from somebody else, in an archive for example, with a database in which a
command waits. So the database that is made here is noted by its inode and the machine, which nobody
can know beforehand, and `spikeseg up` sets any other one aside.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from spikeseg_core.storage import write_json
from tasks.local import state

TRUST = "SPIKESEG_TRUST_STATE"
"""Environment variable: use Prefect's database although it was not made here."""
NOTE = "made-here.json"
MACHINE = Path("/etc/machine-id")


def database() -> Path | None:
    """Prefect's database in its folder; None if the environment names another one."""
    named = (value for name, value in os.environ.items() if "DATABASE_CONNECTION_URL" in name)
    home = Path(os.environ.get("PREFECT_HOME") or state.current().home / "prefect")
    file = home / "prefect.db"
    return None if any(str(file) not in value for value in named) else file


def begin(file: Path) -> None:
    """Make an empty database and note that it was made here, unless there is one."""
    if not file.exists():
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(file, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600))
        write_json(file.with_name(NOTE), _origin(file))


def set_aside_if_foreign(file: Path) -> Path | None:
    """Rename a database that was not made here, and return its new name; None if all is well.

    With the variable :data:`TRUST` it counts as made here from now on.
    """
    if not file.exists() or _is_ours(file):
        return None
    if os.environ.get(TRUST):
        write_json(file.with_name(NOTE), _origin(file))
        return None
    place = next(
        name
        for number in range(1, 10_000)
        if not os.path.lexists(name := file.with_name(f"{file.name}.from-elsewhere-{number}"))
    )
    file.rename(place)
    for suffix in ("-wal", "-shm", "-journal"):  # they would be played into the next database
        part = file.with_name(file.name + suffix)
        if os.path.lexists(part):
            part.rename(place.with_name(place.name + suffix))
    return place


def _is_ours(file: Path) -> bool:
    try:
        noted = json.loads(file.with_name(NOTE).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return not file.is_symlink() and bool(noted == _origin(file))


def _origin(file: Path) -> dict[str, object]:
    try:
        machine = MACHINE.read_bytes()
    except OSError:
        machine = b""
    found = file.stat()
    return {
        "machine": hashlib.sha256(b"spikeseg" + machine).hexdigest(),
        "user": found.st_uid,
        "device": found.st_dev,
        "inode": found.st_ino,
    }
