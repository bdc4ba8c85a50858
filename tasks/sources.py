"""What a dataset is made from, as far as that can be told without reading it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from spikeseg_core.config import DatasetConfig
from spikeseg_core.data.readers import pair_files
from spikeseg_core.data.sources import isbi2012_is_here


def fingerprint(config: DatasetConfig) -> dict[str, Any]:
    """Say what the dataset's files are now, so that other files are prepared anew.

    The challenge's pixels are fixed by their published checksums, so naming them is enough, and
    ``auto`` is the same as ``isbi2012`` where they are on this machine. A folder of one's own
    counts by the names, sizes and dates of its files.
    """
    if config.source == "auto" and isbi2012_is_here():
        return {"source": "isbi2012"}
    if config.source == "folder":
        return {"source": "folder", "files": _files(Path(config.path or ""))}
    return {"source": config.source}


def _files(place: Path) -> list[tuple[str, int, int]]:
    base = place if place.is_dir() else place.parent
    return [
        (path.relative_to(base).as_posix(), path.stat().st_size, path.stat().st_mtime_ns)
        for path in pair_files(place)
    ]
