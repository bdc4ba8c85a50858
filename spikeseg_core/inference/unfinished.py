"""Results of sections that are done, kept until the whole work is: a killed work goes on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from spikeseg_core.storage import atomic_path, digest_json, write_json

FOLDER = ".unfinished"
_WORK = "work.json"


class Unfinished:
    """Probabilities of single sections in ``OUTPUT/.unfinished``, by file and section.

    They belong to one work: the same files, unchanged, and the same network.
    """

    def __init__(self, out: Path, files: Sequence[Path], network: str) -> None:
        self.folder = out / FOLDER
        self._work = digest_json([network, [_state_of(file) for file in files]])

    @property
    def is_there(self) -> bool:
        """Whether this work was begun and did not end."""
        try:
            return bool(json.loads((self.folder / _WORK).read_text())["work"] == self._work)
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def begin(self) -> int:
        """Go on with this work or begin it; returns how many sections are done."""
        if not self.is_there:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir(parents=True)
            write_json(self.folder / _WORK, {"work": self._work})
        return len(list(self.folder.glob("[0-9]*.npy")))

    def get(self, file: int, section: int) -> np.ndarray | None:
        """Probability (h, w) of a section, if it is done."""
        try:
            return np.asarray(np.load(self._path(file, section), allow_pickle=False))
        except (OSError, ValueError, EOFError):
            return None

    def has(self, file: int, section: int) -> bool:
        """Whether a section is done."""
        return self._path(file, section).is_file()

    def put(self, file: int, section: int, probability: np.ndarray) -> None:
        """Keep the probability of a section."""
        with atomic_path(self._path(file, section)) as temporary, temporary.open("wb") as opened:
            np.save(opened, probability, allow_pickle=False)

    def made(self, name: str) -> Path:
        """Where to write a result until it is whole; what a kill leaves here goes with the rest."""
        path = self.folder / "results" / name
        path.parent.mkdir(exist_ok=True)
        return path

    def end(self) -> None:
        """Remove them; the results are written."""
        # First what says that there is something to go on with: this may be killed, too.
        (self.folder / _WORK).unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, file: int, section: int) -> Path:
        return self.folder / f"{file:06}-{section:06}.npy"


def _state_of(file: Path) -> list[object]:
    """Name, size and date of a file, or of all in a folder of zarr."""
    inside = sorted(f for f in file.rglob("*") if f.is_file()) if file.is_dir() else [file]
    found = [(f.name, f.stat().st_size, f.stat().st_mtime_ns) for f in inside]
    return [str(file.resolve()), digest_json(found)]
