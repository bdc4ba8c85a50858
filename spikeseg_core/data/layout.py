"""Find the images and the labels of a folder by looking, or by what its ``spikeseg.yaml`` says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np

from spikeseg_core.data.folder_settings import SETTINGS_FILE, FolderSettings, read_settings
from spikeseg_core.data.formats import kinds, zarr_store
from spikeseg_core.data.formats.hdf5 import datasets
from spikeseg_core.data.formats.opening import naming_the_file, open_volume
from spikeseg_core.data.formats.volume import shown_name
from spikeseg_core.data.listing import (
    Group,
    Item,
    beside,
    entries,
    group_of,
    holds_images,
    is_read,
    why_skipped,
    with_images,
)
from spikeseg_core.data.pairing import IMAGE_WORDS, LABEL_WORDS, order, parts, stem, words
from spikeseg_core.errors import DataError

_NOT_FOR_TRAINING = frozenset(("test", "testing", "val", "valid", "validation", "predictions"))
_DEEPEST = 3
_SUFFIX_LIST = ", ".join(kinds.IMAGE_SUFFIXES[:3])


@dataclass(frozen=True)
class Layout:
    """Files of images and labels.

    Attributes
    ----------
    shown : str
        Where they are, for the report.
    skipped : tuple of str
        Files that are not read.
    """

    images: tuple[Item, ...]
    labels: tuple[Item, ...]
    shown: str
    skipped: tuple[str, ...] = ()
    settings: FolderSettings = field(default_factory=FolderSettings)


def find_layout(path: Path) -> Layout:
    """Find images and labels.

    Parameters
    ----------
    path : Path
        A folder, an HDF5 file or zarr with both, or an image stack with its labels beside it.

    Raises
    ------
    DataError
        If there are none, or several that could be meant.
    """
    kind = kinds.kind_of(path)
    if path.is_dir() and kind is None:
        return _in_folder(path, FolderSettings())
    if kind in kinds.OF_SEVERAL and len(_datasets(path)) != 1:
        return _inside(path, read_settings(path.parent))
    if kind in kinds.READ:
        return Layout(
            (Item(path),),
            (Item(labels_beside(path)),),
            f"{shown_name(path.name)} and the labels beside it",
            settings=read_settings(path.parent),
        )
    if kind:
        raise DataError(kinds.refusal(path, kind))
    raise DataError(
        f"{shown_name(path)} is neither a folder, nor a zip, nor a TIFF or HDF5 stack "
        f"({_SUFFIX_LIST}, {kinds.HDF5_SUFFIXES[0]}, .zarr): convert it to one of these"
    )


def labels_beside(images: Path) -> Path:
    """File with the labels of a stack: of the same name but for the words for images and labels.

    Raises
    ------
    DataError
        If there is none, or several.
    """
    own = _without_roles(images.name)
    found = [
        file
        for file in sorted(images.parent.iterdir())
        if file != images
        and not file.name.startswith(".")
        and words(file.name) & LABEL_WORDS
        and _without_roles(file.name) == own
        and is_read(file)
    ]
    if len(found) != 1:
        expected = shown_name(f"{stem(images.name).removesuffix('-volume')}-labels.tif")
        there = f" and {len(found)} that may be: {_names(found)}" if found else ""
        raise DataError(f"{shown_name(images)} has no labels beside it{there}; expected {expected}")
    return found[0]


def _in_folder(
    folder: Path, inherited: FolderSettings, depth: int = 0, above: tuple[str, ...] = ()
) -> Layout:
    found = read_settings(folder)
    settings = found if (folder / SETTINGS_FILE).is_file() else inherited
    if settings.images or settings.labels:
        return _stated(folder, settings)
    images, labels, plain, others, left = _candidates(folder)
    if not images and not labels and len(others) + len(plain) == 2:
        images, labels = _by_content([*others, *plain])
    elif not images and plain:
        images = [beside(plain, "files beside the labels" if labels else "files")]
    if not images and not labels:
        deeper = [d for d in others if words(d.name) & {"train", "training"}] or others
        if len(deeper) == 1 and depth < _DEEPEST:
            rest = [f"{shown_name(d.name)}/" for d in others if d != deeper[0]]
            return _in_folder(deeper[0], settings, depth + 1, (*above, *left, *rest))
    alone = [item.path for group in images for item in group.items]
    if not alone and len(stores := [e for e in plain if kinds.kind_of(e) in kinds.OF_SEVERAL]) == 1:
        alone = stores
    if len(alone) == 1 and not labels and kinds.kind_of(alone[0]) in kinds.OF_SEVERAL:
        return _inside(alone[0], settings)
    _check_found(folder, images, labels)
    taken = {item.path for group in (*images, *labels) for item in group.items}
    taken |= {path.parent for path in taken}
    skipped = [*above, *left]
    skipped += [f"{shown_name(d.name)}/" for d in others if d not in taken]
    skipped += [shown_name(file.name) for file in plain if file not in taken]
    skipped += [name for group in (*images, *labels) for name in group.skipped]
    return Layout(
        images[0].items,
        labels[0].items,
        f"images in {images[0].name}, labels in {labels[0].name}",
        tuple(skipped),
        settings,
    )


def _check_found(folder: Path, images: Sequence[Group], labels: Sequence[Group]) -> None:
    where = shown_name(folder)
    if not images and not labels:
        there = ", ".join(shown_name(e.name) for e in entries(folder)[:6]) or "nothing"
        raise DataError(
            f"{where} has no sections with labels (it holds {there}); it should hold folders or "
            "stacks named image and label (or raw and membranes, images and masks, ...), or a "
            f"file {SETTINGS_FILE} that says 'images: FOLDER' and 'labels: FOLDER'"
        )
    for found, missing, kind in ((images, labels, "label"), (labels, images, "image")):
        if not missing:
            raise DataError(
                f"{where}: {found[0].name.rstrip('/')} has no {kind} beside it, a folder or TIFF "
                f"stack; name one {kind}, or write a file {SETTINGS_FILE} there that says "
                "'images: FOLDER' and 'labels: FOLDER'"
            )
    for kind, groups in (("images", images), ("labels", labels)):
        if len(groups) > 1:
            raise DataError(
                f"{where}: the {kind} may be {' or '.join(g.name for g in groups)}; say which in a "
                f"file {SETTINGS_FILE} there: '{kind}: {groups[0].name}'"
            )


def _candidates(
    folder: Path,
) -> tuple[list[Group], list[Group], list[Path], list[Path], list[str]]:
    """Look at a folder.

    Returns
    -------
    images, labels : list of Group
    plain : list of Path
        Image files whose name says neither.
    others : list of Path
        Other folders.
    left : list of str
        Names of other files.
    """
    images: list[Group] = []
    labels: list[Group] = []
    files: dict[str, list[Path]] = {"images": [], "labels": [], "plain": []}
    others: list[Path] = []
    left: list[str] = []
    for entry in entries(folder):
        role = _role(entry.name)
        if entry.is_dir() and kinds.kind_of(entry) is None:
            inner = with_images(entry) if role in ("images", "labels") else None
            if inner:
                (images if role == "images" else labels).append(group_of(inner))
            else:
                others.append(entry)
        elif is_read(entry):
            if role == "other":
                left.append(shown_name(entry.name))
            else:
                files[role].append(entry)
        else:
            left.append(why_skipped(entry))
    if files["images"]:
        images.append(beside(files["images"], "files"))
    if files["labels"]:
        labels.append(beside(files["labels"], "files"))
    return images, labels, files["plain"], others, left


def _role(name: str) -> str:
    found = words(name)
    if found & _NOT_FOR_TRAINING:
        return "other"
    return "labels" if found & LABEL_WORDS else "images" if found & IMAGE_WORDS else "plain"


def _by_content(two: Sequence[Path]) -> tuple[list[Group], list[Group]]:
    """Of two folders or stacks of unknown names, the one of two values is the labels."""
    stores = [kinds.kind_of(entry) is not None for entry in two]
    if not all(s or holds_images(entry) for s, entry in zip(stores, two, strict=True)):
        return [], []
    groups = [
        Group(shown_name(entry.name), (Item(entry),)) if store else group_of(entry)
        for store, entry in zip(stores, two, strict=True)
    ]
    binary = []
    for group in groups:
        first = next(iter(open_volume(group.items[0].path).decode()))
        binary.append(len(np.unique(first)) <= 2)
    if binary[0] == binary[1]:
        return [], []
    return [groups[binary.index(False)]], [groups[binary.index(True)]]


def _inside(path: Path, settings: FolderSettings) -> Layout:
    """Images and labels in one HDF5 file or zarr, by the names of its datasets."""
    there = _datasets(path)
    own = {name: _role(PurePosixPath(name).name) for name in there}
    group = {name: _role(PurePosixPath(name).parent.name) for name in there}
    found: dict[str, list[str]] = {}
    for role in ("images", "labels"):
        # A dataset's own name says more than its group's: CREMI has labels/clefts, too.
        named = [name for name in there if own[name] == role]
        found[role] = named or [n for n in there if own[n] == "plain" and group[n] == role]
    rest = [name for name in there if own[name] == group[name] == "plain"]
    for role, other in (("images", "labels"), ("labels", "images")):
        if not found[role] and len(found[other]) == 1 and len(rest) == 1:
            # OME-Zarr: the image is the store itself, its labels are named.
            found[role] = rest
    for role, names in found.items():
        if len(names) != 1:
            listed = ", ".join(f"{shown_name(n)} {shape}" for n, shape in list(there.items())[:8])
            raise DataError(
                f"{shown_name(path)}: {len(names)} datasets may be the {role} (it holds "
                f"{listed or 'none'}); say which in a file {SETTINGS_FILE} beside it, and give "
                f"the folder: '{role}: {shown_name(path.name)}:DATASET'"
            )
    images, labels = found["images"][0], found["labels"][0]
    shown = (
        f"images in {shown_name(path.name)}:{shown_name(images)}, labels in :{shown_name(labels)}"
    )
    return Layout((Item(path, images),), (Item(path, labels),), shown, (), settings)


def _datasets(path: Path) -> dict[str, tuple[int, ...]]:
    size = None if path.is_dir() else path.stat().st_size
    with naming_the_file(shown_name(path.name), size):
        return zarr_store.images(path) if kinds.kind_of(path) == "zarr" else datasets(path)


def _stated(folder: Path, settings: FolderSettings) -> Layout:
    if not (settings.images and settings.labels):
        raise DataError(
            f"{shown_name(folder / SETTINGS_FILE)} names "
            f"{'images' if settings.images else 'labels'} only; name images and labels"
        )
    images, labels = (_matching(folder, p) for p in (settings.images, settings.labels))
    shown = f"images {settings.images} and labels {settings.labels}, stated in {SETTINGS_FILE}"
    return Layout(images.items, labels.items, shown, images.skipped + labels.skipped, settings)


def _matching(folder: Path, pattern: str) -> Group:
    where = shown_name(folder / SETTINGS_FILE)
    if PurePosixPath(pattern).is_absolute() or ".." in PurePosixPath(pattern).parts:
        raise DataError(f"{where}: {pattern!r} leads out of the folder; name what is inside it")
    file, colon, inner = pattern.partition(":")
    if colon and is_read(folder / file):
        return Group(pattern, (Item(folder / file, inner),))
    if (folder / pattern).is_dir():
        return group_of(folder / pattern)
    try:
        found = [p for p in folder.glob(pattern) if not p.is_dir() or is_read(p)]
    except (ValueError, NotImplementedError, OSError) as error:
        raise DataError(f"{where}: {pattern!r} is no pattern of files ({error})") from error
    for entry in found:
        if not entry.exists():
            why_skipped(entry)
    if not found:
        slashes = " (folders are parted by /)" if "\\" in pattern else ""
        raise DataError(f"{where}: {pattern!r} matches no file; correct it{slashes}")
    ordered = [found[index] for index in order([str(p.relative_to(folder)) for p in found])]
    return Group(pattern, tuple(map(Item, ordered)))


def _without_roles(name: str) -> tuple[tuple[int, int, str], ...]:
    return tuple(p for p in parts(name) if p[2] not in IMAGE_WORDS | LABEL_WORDS)


def _names(files: Sequence[Path]) -> str:
    return ", ".join(shown_name(file.name) for file in files[:5])
