"""Files, folders and ports that belong to this user alone."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from spikeseg_core.errors import ConfigError

OTHERS = stat.S_IRWXG | stat.S_IRWXO
WRITE_OF_OTHERS = stat.S_IWGRP | stat.S_IWOTH
LISTENS = "0A"
"""State of a listening socket in Linux's table of sockets."""


def make_private(folder: Path) -> None:
    """Make the folder if it is missing, and close it to everybody but its owner.

    Raises
    ------
    ConfigError
        If it belongs to somebody else, who could have put anything into it, is meant for everybody,
        such as ``/tmp``, or cannot be closed.
    OSError
        If it cannot be made.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.stat()
    if found.st_uid != os.geteuid():
        raise ConfigError(
            f"the state folder {folder} belongs to user {found.st_uid}, and you are user "
            f"{os.geteuid()}; set SPIKESEG_HOME to a folder of your own"
        )
    if found.st_mode & stat.S_ISVTX:
        raise ConfigError(
            f"{folder} is a folder for all users, and the state folder is for one; set "
            f"SPIKESEG_HOME to a folder in it, such as {folder / 'spikeseg'}"
        )
    if found.st_mode & OTHERS:
        folder.chmod(0o700)
        if folder.stat().st_mode & WRITE_OF_OTHERS:
            raise ConfigError(
                f"the state folder {folder} can be changed by other users, and its file system "
                f"does not let that be forbidden; set SPIKESEG_HOME to a folder on another one"
            )


def belongs_to_us(file: Path) -> bool:
    """Whether only this user can have written the file; an OSError if there is none."""
    found = file.lstat()
    own = found.st_uid == os.geteuid() and not found.st_mode & WRITE_OF_OTHERS
    return own and stat.S_ISREG(found.st_mode)


def others_listen(port: int) -> bool:
    """Whether another user listens on the port, such as that of a server that was killed.

    False where the system does not say who listens.
    """
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for _, local, _, status, *_, uid in (line.split()[:8] for line in lines):
            if (local.endswith(f":{port:04X}") and status == LISTENS) and int(uid) != os.geteuid():
                return True
    return False
