"""What a folder holds: images in numeric order, and what is not read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from spikeseg_core.data.folder_settings import SETTINGS_FILE
from spikeseg_core.data.formats import kinds
from spikeseg_core.data.formats.volume import shown_name
from spikeseg_core.data.pairing import order, words
from spikeseg_core.errors import DataError

_DEEPEST = 3
_SUFFIXES = ", ".join(kinds.IMAGE_SUFFIXES[:3])


class Item(NamedTuple):
    """A file of images (or zarr), and the dataset inside it if there are several."""

    path: Path
    inner: str | None = None


@dataclass(frozen=True)
class Group:
    """Files with the same role: those of a folder, or some beside others."""

    name: str
    items: tuple[Item, ...]
    skipped: tuple[str, ...] = ()


def entries(folder: Path) -> list[Path]:
    """List a folder, without hidden files and settings.

    Raises
    ------
    DataError
        If it cannot be listed.
    """
    try:
        every = sorted(folder.iterdir())
    except OSError as error:
        raise DataError(f"{shown_name(folder)} cannot be listed ({error.strerror})") from error
    return [e for e in every if e.name[0] != "." and e.name not in (SETTINGS_FILE, "__MACOSX")]


def image_files(folder: Path) -> list[Path]:
    """List the images of a folder in numeric order; hidden files and folders are ignored.

    Raises
    ------
    DataError
        If the folder does not exist or holds no image, or an image in it cannot be read.
    """
    return [item.path for item in group_of(folder).items]


def group_of(folder: Path) -> Group:
    """List the images of a folder, and what is left out; raises as :func:`image_files`."""
    if not folder.is_dir():
        raise DataError(
            f"{shown_name(folder)} does not exist; give a folder of images or a TIFF stack"
        )
    if kind := kinds.kind_of(folder):
        if kind not in kinds.READ:
            raise DataError(kinds.refusal(folder, kind))
        return Group(shown_name(folder.name), (Item(folder),))
    files: list[Path] = []
    skipped: list[str] = []
    for entry in entries(folder):
        if is_read(entry):
            files.append(entry)
        else:
            skipped.append(why_skipped(entry))
    if not files:
        there = f" (it holds {', '.join(skipped[:5])})" if skipped else ""
        raise DataError(
            f"{shown_name(folder)} holds no image{there}; supported formats: {_SUFFIXES}"
        )
    ordered = [files[index] for index in order([file.name for file in files])]
    return Group(f"{shown_name(folder.name)}/", tuple(map(Item, ordered)), tuple(skipped))


def why_skipped(entry: Path) -> str:
    """Name an entry that is not read; refuse one that is a section in another format."""
    name = shown_name(entry.name)
    if entry.is_symlink() and not entry.exists():
        if kinds.kind_of_name(entry.name) or not entry.suffix:
            raise DataError(
                f"{shown_name(entry)} is a link to {shown_name(entry.readlink())}, which does not "
                "exist: mend it or remove it"
            )
        return f"{name} (a link to nothing)"
    if entry.is_dir():
        if kind := kinds.kind_of(entry):
            raise DataError(kinds.refusal(entry, kind))
        return f"{name}/"
    if not entry.is_file():
        return f"{name} (no file)"
    if (kind := kind_of_file(entry)) is not None:
        raise DataError(
            f"{kinds.refusal(entry, kind)}; or move it away if it is no section of this stack"
        )
    return name


def is_read(entry: Path) -> bool:
    """Whether an entry is a file, or a folder of zarr, that is read."""
    # Anything else, such as a pipe, must not even be opened.
    return (entry.is_file() or entry.is_dir()) and kind_of_file(entry) in kinds.READ


def kind_of_file(file: Path) -> str | None:
    """Format of a file; None for one that cannot be opened and has no suffix of an image."""
    try:
        return kinds.kind_of(file)
    except DataError:
        if kinds.kind_of_name(file.name):
            raise
        return None


def holds_images(folder: Path) -> bool:
    """Whether a folder holds a file of an image, read or not."""
    return any(
        not entry.name.startswith(".")
        and (
            kinds.kind_of_name(entry.name)
            or ((entry.is_file() or entry.is_dir()) and kinds.kind_of(entry))
        )
        for entry in folder.iterdir()
    )


def with_images(folder: Path) -> Path | None:
    """Return the folder, or the only one in it (or that for training), that holds images."""
    for _ in range(_DEEPEST):
        if holds_images(folder):
            return folder
        inside = [d for d in entries(folder) if d.is_dir()]
        inside = [d for d in inside if words(d.name) & {"train", "training"}] or inside
        if len(inside) != 1:
            return None
        folder = inside[0]
    return None


def beside(files: Sequence[Path], what: str) -> Group:
    """Group files in numeric order."""
    ordered = [files[index] for index in order([file.name for file in files])]
    name = shown_name(files[0].name) if len(files) == 1 else f"{len(files)} {what}"
    return Group(name, tuple(map(Item, ordered)))
