"""What is to be segmented, checked before a network is loaded."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np

from spikeseg_core.data.folder_settings import read_settings
from spikeseg_core.data.formats.grey import grey_planes
from spikeseg_core.data.formats.kinds import kind_of
from spikeseg_core.data.formats.opening import open_volume
from spikeseg_core.data.formats.volume import Volume, shown_name
from spikeseg_core.data.listing import group_of
from spikeseg_core.errors import ConfigError, DataError
from spikeseg_core.inference.unfinished import FOLDER as UNFINISHED

PROBABILITY, MASK, CELLS = "probability", "mask", "cells"
PREVIEW, TABLE = "preview.png", "cells.csv"
"""Folders and files of the results."""
_MOST_NAME_BYTES = 255 - len(".-12345678")
"""Longest name that leaves room for the temporary name of an atomic write."""


@dataclass(frozen=True)
class Source:
    """A file to segment: what it declares, and its sections of 8 or 16 bits, one by one."""

    path: Path
    volume: Volume
    planes: Callable[[], Iterator[np.ndarray]]

    @property
    def result_name(self) -> str:
        """Name of its results."""
        return _result_name(self.path)


@dataclass(frozen=True)
class Job:
    """Readable files to segment, and a writable folder for the results.

    Attributes
    ----------
    existing : tuple of Path
        Results that are there and may be replaced only by the work that began them.
    notes : tuple of str
        What is not read, and what is done to grey values.
    """

    files: tuple[Source, ...]
    out: Path
    sections: int
    existing: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()

    def refuse_existing(self) -> None:
        """Refuse to replace results.

        Raises
        ------
        ConfigError
            If there are any.
        """
        if self.existing:
            raise ConfigError(
                f"{shown_name(self.existing[0])} exists, and {len(self.existing) - 1} more of the "
                f"results; name another folder than {shown_name(self.out)}, or ask for them to be "
                "overwritten"
            )


def plan(source: Path, out: Path, *, overwrite: bool = False) -> Job:
    """Check that all files can be read and written, before a network is loaded.

    Parameters
    ----------
    source : Path
        A folder of images, or one image, stack or zarr; subfolders are ignored.
    out : Path
        Folder for the results; it is created.
    overwrite : bool
        Whether existing results may be replaced.

    Raises
    ------
    DataError
        If there is no image, or one cannot be read.
    ConfigError
        If results exist already, would replace the images, or cannot be written.
    """
    source, out = source.expanduser(), out.expanduser()
    found = None if source.is_file() else group_of(source)
    files = [item.path for item in found.items] if found else [source]
    skipped = found.skipped if found else ()
    names = [_result_name(file) for file in files]
    _check_names(names, files)
    notes = [f"not read: {', '.join(skipped)}"] if skipped else []
    sources = []
    for file in files:
        opened, said = _opened(file)
        sources.append(opened)
        notes += said
    sections = sum(source.volume.shape[0] for source in sources)
    targets = [out / kind / name for name in names for kind in (PROBABILITY, MASK, CELLS)]
    own = {file.resolve() for file in files}
    if lost := [path for path in targets if path.resolve() in own]:
        raise ConfigError(
            f"the results would replace {shown_name(lost[0])}; name another folder than "
            f"{shown_name(out)}"
        )
    there = [path for path in [*targets, out / TABLE, out / PREVIEW] if path.exists()]
    job = Job(tuple(sources), out, sections, () if overwrite else tuple(there), tuple(notes))
    if not (out / UNFINISHED).is_dir():
        job.refuse_existing()
    try:
        for kind in (PROBABILITY, MASK, CELLS):
            (out / kind).mkdir(parents=True, exist_ok=True)
            TemporaryFile(dir=out / kind).close()
    except OSError as error:
        raise ConfigError(
            f"the results cannot be written to {shown_name(out)} ({error}); name another folder"
        ) from error
    return job


def _opened(file: Path) -> tuple[Source, list[str]]:
    """Decode every section once, so that damage is found before anything is done."""
    try:
        volume = open_volume(file)
        planes, notes = grey_planes(volume, read_settings(file.parent).channel)
    except OSError as error:
        raise DataError(f"{shown_name(file)} cannot be read ({error})") from error
    return Source(file, volume, planes), notes


def _result_name(file: Path) -> str:
    """Name of the results of a file: the same, if its suffix says what they will be."""
    kind, suffix = kind_of(file), file.suffix.lower()
    if kind == "zarr":
        return file.name if suffix == ".zarr" else f"{file.name}.zarr"
    is_png = kind == "PNG"
    if suffix in (".h5", ".hdf5") or is_png != (suffix == ".png"):
        return file.name + (".png" if is_png else ".tif")
    return file.name


def _check_names(names: Sequence[str], files: Sequence[Path]) -> None:
    """Refuse names that cannot be written, before anything is done."""
    for name, file in zip(names, files, strict=True):
        if (length := len(os.fsencode(name))) > _MOST_NAME_BYTES:
            raise DataError(
                f"the name {shown_name(file.name)} has {length} bytes; results can have names of "
                f"at most {_MOST_NAME_BYTES}: rename it"
            )
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise DataError(
            f"two files would have the results {shown_name(twice[0])}; rename one of them"
        )
