"""Files as they were when their stage ended, and which of them are not any more.

A file of the same size and times is taken as unchanged: its content is read if one of these
differs, as after a copy, or if the user asks for it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict

VERIFY = "SPIKESEG_VERIFY"
"""Environment variable, so that child processes follow it: read all contents."""


class FileState(BaseModel):
    """One file: bytes, its times in nanoseconds since 1970, and the digest of its content."""

    model_config = ConfigDict(frozen=True)

    size: int
    modified: int
    changed: int
    sha256: str


def states(folder: Path, files: Iterable[Path]) -> dict[str, FileState]:
    """States of the files, by their names in the folder."""
    return {path.relative_to(folder).as_posix(): _state(path) for path in files}


def _state(path: Path) -> FileState:
    found = path.stat()
    return FileState(
        size=found.st_size,
        modified=found.st_mtime_ns,
        changed=found.st_ctime_ns,
        sha256=sha256_of(path),
    )


def sha256_of(path: Path) -> str:
    """Digest of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def first_difference(folder: Path, known: Mapping[str, FileState]) -> str | None:
    """Say which file is missing or has another content than its state says; None if none."""
    thorough = bool(os.environ.get(VERIFY))
    for name, was in known.items():
        path = folder / name
        try:
            now = path.stat()
            same = (now.st_size, now.st_mtime_ns, now.st_ctime_ns) == (
                was.size,
                was.modified,
                was.changed,
            )
            if (thorough or not same) and (
                now.st_size != was.size or sha256_of(path) != was.sha256
            ):
                return f"{name} was changed"
        except FileNotFoundError:
            return f"{name} is missing"
        except OSError as error:
            return f"{name} cannot be read ({error.strerror})"
        except ValueError as error:  # a name that no file can have
            return f"{name!r} cannot be read ({error})"
    return None
