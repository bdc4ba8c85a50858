"""Source ``folder``: a folder, TIFF stack or zip of the user."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from spikeseg_core.config import DatasetConfig
from spikeseg_core.data.readers import pair_files, read_pair
from spikeseg_core.data.sources.base import Sections
from spikeseg_core.reporting import Reporter


class Folder:
    """What ``config.path`` names (:func:`~spikeseg_core.data.readers.read_pair`)."""

    name = "folder"

    def read(self, config: DatasetConfig, report: Reporter) -> Sections:
        """Read the images and labels at the path."""
        path = _path(config)
        images, labels = read_pair(path)
        note = f"{len(images.names)} sections read from {path}"
        return Sections(images, labels, self.name, note)

    def fingerprint(self, config: DatasetConfig) -> dict[str, Any]:
        """Return names, sizes and dates of the files."""
        path = _path(config)
        base = path if path.is_dir() else path.parent
        files = [
            (file.relative_to(base).as_posix(), file.stat().st_size, file.stat().st_mtime_ns)
            for file in pair_files(path)
        ]
        return {"source": self.name, "files": files}


def _path(config: DatasetConfig) -> Path:
    return Path(config.path or "")
