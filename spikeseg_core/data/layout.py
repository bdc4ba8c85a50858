"""Find the images and the labels of a folder by looking, or by what its ``spikeseg.yaml`` says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from spikeseg_core.data.folder_settings import SETTINGS_FILE, FolderSettings, read_settings
from spikeseg_core.data.formats import kinds
from spikeseg_core.data.formats.hdf5 import datasets
from spikeseg_core.data.formats.opening import naming_the_file
from spikeseg_core.data.formats.volume import shown_name
from spikeseg_core.data.pairing import IMAGE_WORDS, LABEL_WORDS, order, parts, stem, words
from spikeseg_core.errors import DataError

_NOT_FOR_TRAINING = frozenset(("test", "testing", "val", "valid", "validation", "predictions"))
_DEEPEST = 3
_SUFFIX_LIST = ", ".join(kinds.IMAGE_SUFFIXES[:3])


class Item(NamedTuple):
    """A file of images, and the dataset inside it if it is HDF5."""

    path: Path
    inner: str | None = None


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


@dataclass(frozen=True)
class _Group:
    """Files with the same role: those of a folder, or some beside others."""

    name: str
    items: tuple[Item, ...]
    skipped: tuple[str, ...] = ()


def find_layout(path: Path) -> Layout:
    """Find images and labels.

    Parameters
    ----------
    path : Path
        A folder, an HDF5 file with both, or an image stack with its labels beside it.

    Raises
    ------
    DataError
        If there are none, or several that could be meant.
    """
    kind = kinds.kind_of(path)
    if path.is_dir() and kind is None:
        settings = read_settings(path)
        if settings.images or settings.labels:
            return _stated(path, settings)
        return _looked(path, settings)
    if kind == "HDF5":
        with naming_the_file(shown_name(path.name), path.stat().st_size):
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
        f"({_SUFFIX_LIST}, {kinds.HDF5_SUFFIXES[0]}): convert it to one of these"
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
        and file.is_file()
        and kinds.kind_of(file) in kinds.READ
    ]
    if len(found) != 1:
        expected = shown_name(f"{stem(images.name).removesuffix('-volume')}-labels.tif")
        there = f" and {len(found)} that may be: {_names(found)}" if found else ""
        raise DataError(f"{shown_name(images)} has no labels beside it{there}; expected {expected}")
    return found[0]


def image_files(folder: Path) -> list[Path]:
    """List the images of a folder in numeric order; hidden files and folders are ignored.

    Raises
    ------
    DataError
        If the folder does not exist or holds no image, or an image in it cannot be read.
    """
    return [item.path for item in _group(folder).items]


def skipped_files(folder: Path) -> tuple[str, ...]:
    """Name the entries of a folder of images that :func:`image_files` leaves out."""
    return _group(folder).skipped


def _group(folder: Path) -> _Group:
    if not folder.is_dir():
        raise DataError(
            f"{shown_name(folder)} does not exist; give a folder of images or a TIFF stack"
        )
    if kind := kinds.kind_of(folder):
        raise DataError(kinds.refusal(folder, kind))
    files: list[Path] = []
    skipped: list[str] = []
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith(".") or entry.name == SETTINGS_FILE:
            continue
        if entry.is_file() and _kind(entry) in ("PNG", "TIFF"):
            files.append(entry)
        else:
            skipped.append(_why_skipped(entry))
    if not files:
        there = f" (it holds {', '.join(skipped[:5])})" if skipped else ""
        raise DataError(
            f"{shown_name(folder)} holds no image{there}; supported formats: {_SUFFIX_LIST}"
        )
    ordered = [files[index] for index in order([file.name for file in files])]
    return _Group(f"{shown_name(folder.name)}/", tuple(map(Item, ordered)), tuple(skipped))


def _why_skipped(entry: Path) -> str:
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
    if (kind := _kind(entry)) is not None:
        raise DataError(
            f"{kinds.refusal(entry, kind)}; or move it away if it is no section of this stack"
        )
    return name


def _kind(file: Path) -> str | None:
    try:
        return kinds.kind_of(file)
    except DataError:
        if kinds.kind_of_name(file.name):
            raise
        return None


def _looked(folder: Path, settings: FolderSettings, depth: int = 0) -> Layout:
    images, labels, plain, others = _candidates(folder)
    if not images and plain:
        images = [_beside(plain, "files beside the labels" if labels else "files")]
    if not labels and not (images and images[0].items[0].path.parent != folder):
        deeper = [d for d in others if words(d.name) & {"train", "training"}] or others
        if len(deeper) == 1 and depth < _DEEPEST and not plain:
            return _looked(deeper[0], settings, depth + 1)
    if not images and not labels and len(others) == 2 and not plain:
        images, labels = _by_content(others)
    for found, missing in ((images, labels), (labels, images)):
        if found and not missing and not (found is images and plain):
            kind = "label" if found is images else "image"
            raise DataError(
                f"{shown_name(folder)}: {found[0].name.rstrip('/')} has no {kind} beside it, "
                "a folder or TIFF stack"
            )
    if not images or not labels:
        there = ", ".join(shown_name(e.name) for e in sorted(folder.iterdir())[:6]) or "nothing"
        raise DataError(
            f"{shown_name(folder)} has no sections with labels (it holds {there}); it should hold "
            "folders or stacks named image and label (or raw and membranes, images and masks, "
            f"...), or a file {SETTINGS_FILE} that says 'images: FOLDER' and 'labels: FOLDER'"
        )
    for kind, groups in (("images", images), ("labels", labels)):
        if len(groups) > 1:
            raise DataError(
                f"{shown_name(folder)}: the {kind} may be {' or '.join(g.name for g in groups)}; "
                f"say which in a file {SETTINGS_FILE} there: '{kind}: {groups[0].name}'"
            )
    skipped = [f"{shown_name(d.name)}/" for d in others] + [
        s for group in (*images, *labels) for s in group.skipped
    ]
    return Layout(
        images[0].items,
        labels[0].items,
        f"images in {images[0].name}, labels in {labels[0].name}",
        tuple(skipped),
        settings,
    )


def _candidates(folder: Path) -> tuple[list[_Group], list[_Group], list[Path], list[Path]]:
    """Return groups of images and of labels, files that are neither by name, and other folders."""
    images: list[_Group] = []
    labels: list[_Group] = []
    files: dict[str, list[Path]] = {"images": [], "labels": [], "plain": []}
    others: list[Path] = []
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith(".") or entry.name == SETTINGS_FILE:
            continue
        role = _role(entry.name)
        if entry.is_dir() and kinds.kind_of(entry) is None:
            if role in ("images", "labels") and _holds_images(entry):
                (images if role == "images" else labels).append(_group(entry))
            else:
                others.append(entry)
        elif entry.is_file() and _kind(entry) in kinds.READ:
            if role != "other":
                files[role].append(entry)
        else:
            _why_skipped(entry)
    if files["images"]:
        images.append(_beside(files["images"], "files"))
    if files["labels"]:
        labels.append(_beside(files["labels"], "files"))
    return images, labels, files["plain"], others


def _role(name: str) -> str:
    found = words(name)
    if found & _NOT_FOR_TRAINING:
        return "other"
    return "labels" if found & LABEL_WORDS else "images" if found & IMAGE_WORDS else "plain"


def _holds_images(folder: Path) -> bool:
    return any(
        not entry.name.startswith(".")
        and (kinds.kind_of_name(entry.name) or (entry.is_file() and kinds.kind_of(entry)))
        for entry in folder.iterdir()
    )


def _beside(files: Sequence[Path], what: str) -> _Group:
    ordered = [files[index] for index in order([file.name for file in files])]
    name = shown_name(files[0].name) if len(files) == 1 else f"{len(files)} {what}"
    return _Group(name, tuple(map(Item, ordered)))


def _by_content(folders: Sequence[Path]) -> tuple[list[_Group], list[_Group]]:
    """Of two folders of unknown names, the one whose first image has two values is the labels."""
    import numpy as np

    from spikeseg_core.data.formats.grey import label_sections
    from spikeseg_core.data.formats.opening import open_volume

    if not all(map(_holds_images, folders)):
        return [], []
    groups = [_group(folder) for folder in folders]
    two = [
        len(np.unique(label_sections([open_volume(group.items[0].path)])[0])) <= 2
        for group in groups
    ]
    if two[0] == two[1]:
        return [], []
    return [groups[two.index(False)]], [groups[two.index(True)]]


def _inside(path: Path, settings: FolderSettings) -> Layout:
    """Images and labels in one HDF5 file, by the names of its datasets."""
    there = datasets(path)
    found: dict[str, list[str]] = {"images": [], "labels": []}
    for name in there:
        role = _role(PurePosixPath(name).name.replace("/", " "))
        if role not in found and "/" in name:
            role = _role(PurePosixPath(name).parent.name)
        if role in found:
            found[role].append(name)
    for role, names in found.items():
        if len(names) != 1:
            listed = ", ".join(f"{shown_name(n)} {shape}" for n, shape in list(there.items())[:8])
            raise DataError(
                f"{shown_name(path)}: {len(names)} datasets may be the {role} (it holds "
                f"{listed or 'none'}); say which in a file {SETTINGS_FILE} beside it, and give "
                f"the folder: '{role}: {shown_name(path.name)}:DATASET'"
            )
    images, labels = found["images"][0], found["labels"][0]
    shown = f"images in {shown_name(path.name)}:{images}, labels in :{labels}"
    return Layout((Item(path, images),), (Item(path, labels),), shown, (), settings)


def _stated(folder: Path, settings: FolderSettings) -> Layout:
    if not (settings.images and settings.labels):
        raise DataError(
            f"{shown_name(folder / SETTINGS_FILE)} names "
            f"{'images' if settings.images else 'labels'} only; name images and labels"
        )
    images, labels = (_matching(folder, p) for p in (settings.images, settings.labels))
    shown = f"images {settings.images} and labels {settings.labels}, stated in {SETTINGS_FILE}"
    return Layout(images.items, labels.items, shown, images.skipped + labels.skipped, settings)


def _matching(folder: Path, pattern: str) -> _Group:
    where = shown_name(folder / SETTINGS_FILE)
    if PurePosixPath(pattern).is_absolute() or ".." in PurePosixPath(pattern).parts:
        raise DataError(f"{where}: {pattern!r} leads out of the folder; name what is inside it")
    file, colon, inner = pattern.partition(":")
    if colon and (folder / file).is_file():
        return _Group(pattern, (Item(folder / file, inner),))
    if (folder / pattern).is_dir():
        return _group(folder / pattern)
    try:
        found = [p for p in folder.glob(pattern) if p.is_file() or p.is_symlink()]
    except (ValueError, NotImplementedError, OSError) as error:
        raise DataError(f"{where}: {pattern!r} is no pattern of files ({error})") from error
    for entry in found:
        if not entry.exists():
            _why_skipped(entry)
    if not found:
        raise DataError(f"{where}: {pattern!r} matches no file; correct it")
    ordered = [found[index] for index in order([str(p.relative_to(folder)) for p in found])]
    return _Group(pattern, tuple(map(Item, ordered)))


def _without_roles(name: str) -> tuple[tuple[int, int, str], ...]:
    return tuple(p for p in parts(name) if p[2] not in IMAGE_WORDS | LABEL_WORDS)


def _names(files: Sequence[Path]) -> str:
    return ", ".join(shown_name(file.name) for file in files[:5])
