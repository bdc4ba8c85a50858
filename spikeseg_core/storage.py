"""Files are either complete or absent: atomic writes, arrays without pickle, digests."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spikeseg_core.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

# Reading the umask means setting it, which is not safe once threads run.
_UMASK = os.umask(0o022)
os.umask(_UMASK)


CACHE_VARIABLE = "SPIKESEG_CACHE_DIR"
"""Environment variable for the folder of downloads and kept networks."""


def cache_folder() -> Path:
    """Return the folder of downloads and kept networks: ``SPIKESEG_CACHE_DIR``, or the user's."""
    if named := os.environ.get(CACHE_VARIABLE):
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "spikeseg"


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path next to ``path`` that replaces it atomically on success.

    The temporary name keeps the suffix, because many writers choose the format by it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        # mkstemp gives only the owner access; others (a server, a colleague) read these too.
        temporary.chmod(0o666 & ~_UMASK)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, data: Any) -> None:
    """Write JSON atomically; numpy scalars become plain numbers."""
    write_text(path, json.dumps(data, indent=2, default=_plain) + "\n")


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} is not JSON: {value!r}")


def save_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write named arrays as compressed npz, atomically and without pickle."""
    for name, array in arrays.items():
        if np.asarray(array).dtype.hasobject:
            raise TypeError(f"array {name!r} holds Python objects; only plain numbers are stored")
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **dict(arrays))


def load_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read what :func:`save_arrays` wrote.

    Raises
    ------
    DataError
        If the file is missing or damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as data:
            return {name: data[name] for name in data.files}
    except FileNotFoundError:
        raise DataError(f"{path} does not exist; run the stage that writes it again") from None
    except Exception as error:
        raise DataError(
            f"{path} cannot be read as arrays ({error}); delete its folder and run the stage again"
        ) from error


def save_table(table: pd.DataFrame, path: Path) -> Path:
    """Write a table as Parquet, atomically and without its index, and return its path."""
    with atomic_path(path) as temporary:
        table.to_parquet(temporary, index=False)
    return path


def digest_arrays(arrays: Mapping[str, np.ndarray]) -> str:
    """sha256 over names, dtypes, shapes and bytes (C order), independent of the file format."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name}|{array.dtype.str}|{array.shape}|".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def digest_json(data: Any) -> str:
    """sha256 of the data as canonical JSON (sorted keys, no blanks)."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()
