"""What a dataset is made from, as far as that can be told without reading it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from spikeseg_core.config import DatasetConfig

ISBI_VARIABLE = "SPIKESEG_ISBI2012_DIR"
CACHE_VARIABLE = "SPIKESEG_CACHE_DIR"


def fingerprint(config: DatasetConfig) -> dict[str, Any]:
    """Say what the dataset's files are now, so that other files are prepared anew.

    The challenge's pixels are fixed by their published checksums, so naming them is enough, and
    ``auto`` is the same as ``isbi2012`` where they are on this machine. A folder of one's own
    counts by the names, sizes and dates of its files.
    """
    if config.source == "auto" and _isbi_is_here():
        return {"source": "isbi2012"}
    if config.source == "folder":
        return {"source": "folder", "files": _files(Path(config.path or ""))}
    return {"source": config.source}


def _isbi_is_here() -> bool:
    if os.environ.get(ISBI_VARIABLE):
        return True
    cache = os.environ.get(CACHE_VARIABLE)
    return bool(cache) and any(Path(str(cache), "isbi2012").glob("*.zip"))


def _files(place: Path) -> list[tuple[str, int, int]]:
    paths = [place] if place.is_file() else sorted(p for p in place.rglob("*") if p.is_file())
    return [
        (path.relative_to(place).as_posix(), path.stat().st_size, path.stat().st_mtime_ns)
        for path in paths
    ]
