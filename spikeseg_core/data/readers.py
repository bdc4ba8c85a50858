"""Read stacks of sections, alone or with their labels.

Every reader returns a :class:`Stack`: all sections as one array, in numeric order. Formats are in
:mod:`~spikeseg_core.data.formats`, the search for images and labels in
:mod:`~spikeseg_core.data.layout`.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np

from spikeseg_core.data.folder_settings import SETTINGS_FILE, FolderSettings, read_settings
from spikeseg_core.data.formats.grey import grey_sections, label_sections
from spikeseg_core.data.formats.kinds import READ, kind_of
from spikeseg_core.data.formats.opening import open_bytes, open_volume
from spikeseg_core.data.formats.volume import Volume, check_pixels, shown_name
from spikeseg_core.data.labels import two_valued
from spikeseg_core.data.layout import Layout, find_layout
from spikeseg_core.data.listing import Item, image_files
from spikeseg_core.data.pairing import pairs
from spikeseg_core.data.polarity import Polarity
from spikeseg_core.errors import DataError

MAX_MEMBER_BYTES = 512 * 2**20
"""Largest unpacked size of a file in a zip, 512 MiB."""

_CHALLENGE = ("train-volume.tif", "train-labels.tif")


@dataclass(frozen=True)
class Stack:
    """Sections, with the name of each: its file, or file and page.

    Attributes
    ----------
    pixels : array (n, h, w)
        Grey values, uint8 or uint16; of labels any whole numbers. 1-bit images are 0 and 255.
    notes : tuple of str
        What was done to the values, and what was left out.
    pixel_nm : (float, float), optional
        Height and width of a pixel as the files declare it, nm.
    """

    pixels: np.ndarray
    names: tuple[str, ...]
    notes: tuple[str, ...] = ()
    pixel_nm: tuple[float, float] | None = None


@dataclass(frozen=True)
class Labelled:
    """Sections and their labels.

    Attributes
    ----------
    images, labels : Stack
        Of the same shape.
    polarity : str
        As stated in the folder, or known from making membranes; else ``auto``.
    shown : str
        Where they were found, and how they were paired.
    skipped : tuple of str
        Files beside them that were not read.
    """

    images: Stack
    labels: Stack
    polarity: Literal["auto"] | Polarity
    shown: str
    skipped: tuple[str, ...] = ()


def pixel_sha256(pixels: np.ndarray) -> str:
    """Digest decoded pixels: their bytes in C order, whatever file format they came from."""
    return hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()


def read_pair(path: Path) -> tuple[Stack, Stack]:
    """Read sections and their labels; see :func:`read_labelled`."""
    found = read_labelled(path)
    return found.images, found.labels


def read_labelled(path: Path, polarity: Literal["auto"] | Polarity = "auto") -> Labelled:
    """Read sections and their labels, and what was found.

    Parameters
    ----------
    path : Path
        One of

        * a folder with images and labels in folders, stacks or files whose names say which they
          are (:func:`~spikeseg_core.data.layout.find_layout`), or with a ``spikeseg.yaml``;
        * a zip with ``train-volume.tif`` and ``train-labels.tif``;
        * an HDF5 file or a zarr (OME-Zarr too) with both;
        * a stack ``NAME.tif`` with its labels next to it, ``NAME-labels.tif`` (or, for
          ``train-volume.tif``, ``train-labels.tif``).
    polarity : str
        Polarity to give to membranes that are made from numbers of cells.

    Raises
    ------
    DataError
        If something is missing, damaged or ambiguous, or the two do not match.
    """
    path = path.expanduser()
    if not path.exists():
        raise DataError(
            f"{shown_name(path)} does not exist; give the folder, TIFF stack or zip to read"
        )
    if path.is_file() and path.suffix.lower() == ".zip":
        images, labels = read_challenge_zip(path)
        layout = Layout((), (), " and ".join(_CHALLENGE))
        paired = ""
    else:
        layout = find_layout(path)
        images, labels, paired = _read_layout(layout)
    _check_shapes(images, labels, path)
    _check_pixel_sizes(images, labels, path)
    stated = layout.settings.polarity if polarity == "auto" else polarity
    made = two_valued(
        labels.pixels,
        ignore=layout.settings.ignore,
        instances=layout.settings.instances,
        polarity=None if stated == "auto" else stated,
    )
    labels = Stack(made.masks, labels.names, (*labels.notes, *made.notes), labels.pixel_nm)
    return Labelled(images, labels, made.polarity or stated, layout.shown + paired, layout.skipped)


def pair_files(path: Path) -> list[Path]:
    """List the files that :func:`read_labelled` may read, in a fixed order.

    Raises
    ------
    DataError
        If ``path`` does not exist, or is a TIFF stack without labels.
    """
    path = path.expanduser()
    kind = kind_of(path) if path.exists() else None
    if path.is_dir() and kind is None:
        return _files_of(path)
    if not path.exists():
        raise DataError(
            f"{shown_name(path)} does not exist; give the folder, TIFF stack or zip to read"
        )
    settings = path.with_name(SETTINGS_FILE)
    said = [settings] if settings.is_file() else []
    layout = find_layout(path) if kind in READ else Layout((), (), "")
    stacks = [item.path for item in (*layout.images, *layout.labels)] if kind in READ else [path]
    inside = [file for stack in stacks for file in _files_of(stack)]
    return [*dict.fromkeys(inside), *said]


def _files_of(path: Path) -> list[Path]:
    """Return a file, or all files in a folder, sorted."""
    return sorted(f for f in path.rglob("*") if f.is_file()) if path.is_dir() else [path]


def dated(files: Iterable[Path], base: Path) -> list[tuple[str, int, int]]:
    """Return the name below a folder, size and date (ns) of each file."""
    states = [(file.relative_to(base).as_posix(), file.stat()) for file in files]
    return [(name, state.st_size, state.st_mtime_ns) for name, state in states]


def read_stack(path: Path) -> Stack:
    """Read a folder of images in numeric order, or one stack, as grey values.

    A ``spikeseg.yaml`` beside the images may choose the channel.

    Raises
    ------
    DataError
        If there is nothing to read, or the images differ in size or depth, are damaged, coloured,
        or too large.
    """
    path = path.expanduser()
    alone = path.exists() and (path.is_file() or kind_of(path) is not None)
    items = [Item(path)] if alone else [Item(file) for file in image_files(path)]
    settings = read_settings(path.parent if alone else path)
    return _grey(_opened(items, path), settings)


def dated_files(path: Path) -> list[tuple[str, int, int]]:
    """Name, size and date (ns) of a file, or of all files in a folder, in a fixed order.

    Raises
    ------
    DataError
        If there is nothing at the path.
    """
    if not path.exists():
        raise DataError(f"{shown_name(path)} does not exist; give a folder of images or a stack")
    return dated(_files_of(path), path.parent)


def read_challenge_zip(path: Path) -> tuple[Stack, Stack]:
    """Read ``train-volume.tif`` and ``train-labels.tif`` from the challenge's zip.

    Members are found by file name in any folder and read in memory: nothing is unpacked to disk.

    Raises
    ------
    DataError
        If the zip is damaged, or a member is missing, duplicated, encrypted or over 512 MiB.
    """
    images, labels = _open_members(path, _CHALLENGE)
    return _grey([images], FolderSettings()), _labels([labels], FolderSettings())


def read_zip_stack(path: Path, name: str) -> Stack:
    """Read one stack of grey values from a zip; see :func:`read_challenge_zip`."""
    return _grey(_open_members(path, (name,)), FolderSettings())


def _open_members(path: Path, names: Sequence[str]) -> list[Volume]:
    try:
        with zipfile.ZipFile(path) as archive:
            return [
                open_bytes(_read_member(archive, name, path), f"{shown_name(path.name)}:{name}")
                for name in names
            ]
    except DataError:
        raise
    except Exception as error:  # zipfile passes on whatever its decompressors raise
        raise DataError(
            f"{shown_name(path)} is not a readable zip ({error}); download it again"
        ) from error


def _read_layout(layout: Layout) -> tuple[Stack, Stack, str]:
    """Read and pair; says how they were paired."""
    images, labels = (_opened(items, "") for items in (layout.images, layout.labels))
    paired = ""
    if all(volume.shape[0] == 1 for volume in (*images, *labels)):
        if layout.settings.pairs == "name":
            found = pairs(
                [item.path.name for item in layout.images],
                [item.path.name for item in layout.labels],
            )
            images, labels = [images[i] for i, _ in found], [labels[j] for _, j in found]
        first, last = f"{images[0].name} with {labels[0].name}", ""
        if len(images) > 1 and len(labels) > 1:
            last = f" to {images[-1].name} with {labels[-1].name}"
        paired = f"; paired by {layout.settings.pairs}, {first}{last}"
    return _grey(images, layout.settings), _labels(labels, layout.settings), paired


def _opened(items: Sequence[Item], where: Path | str) -> list[Volume]:
    """Open files that make one stack, and check that they do before anything is decoded."""
    volumes = [open_volume(item.path, item.inner) for item in items]
    folder = shown_name(where or items[0].path.parent)
    if len(volumes) > 1:
        for item, volume in zip(items, volumes, strict=True):
            if volume.shape[0] > 1:
                raise DataError(
                    f"{shown_name(item.path)} has {volume.shape[0]} pages next to "
                    f"{len(items) - 1} other images; a folder holds one section per file, or a "
                    "single stack" + _all_in_one(item.path, volume)
                )
    for kind in ("size", "depth"):
        for volume in volumes:
            if getattr(volume, kind) != getattr(volumes[0], kind):
                raise DataError(
                    f"{folder}: {volume.name} has {kind} {getattr(volume, kind)}, but "
                    f"{volumes[0].name} has {getattr(volumes[0], kind)}; all sections of a stack "
                    "must match"
                )
    check_pixels(
        sum(v.pixels for v in volumes),
        sum(v.shape[0] for v in volumes),
        max((v.dtype for v in volumes), key=lambda dtype: dtype.itemsize),
        folder,
    )
    return volumes


def _all_in_one(path: Path, volume: Volume) -> str:
    if volume.flavour != "OME":
        return ""
    return f" (OME-TIFF over several files is read from any of them: name {shown_name(path)} alone)"


def _grey(volumes: Sequence[Volume], settings: FolderSettings) -> Stack:
    pixels, notes = grey_sections(volumes, settings.channel)
    return _stack(pixels, notes, volumes)


def _labels(volumes: Sequence[Volume], settings: FolderSettings) -> Stack:
    pixels, notes = label_sections(volumes, settings.label_channel)
    return _stack(pixels, notes, volumes)


def _stack(pixels: np.ndarray, notes: Sequence[str], volumes: Sequence[Volume]) -> Stack:
    declared = {v.pixel_nm for v in volumes if v.pixel_nm}
    if len(declared) > 1:
        listed = ", ".join(f"{h:g} x {w:g}" for h, w in sorted(declared)[:4])
        raise DataError(
            f"{volumes[0].name} and the others declare pixels of different sizes ({listed} nm); "
            "resample them to one size, or correct the files"
        )
    names = tuple(name for volume in volumes for name in volume.names)
    return Stack(pixels, names, tuple(notes), declared.pop() if declared else None)


def _read_member(archive: zipfile.ZipFile, name: str, path: Path) -> bytes:
    members = [m for m in archive.infolist() if PurePosixPath(m.filename).name == name]
    if len(members) != 1:
        found = ", ".join(m.filename for m in members) or ", ".join(archive.namelist()[:10])
        raise DataError(
            f"{shown_name(path)} should hold one {name} and has {len(members)} "
            f"(found: {shown_name(found) or 'nothing'}); unpack another archive and give its folder"
        )
    if members[0].flag_bits & 1:
        raise DataError(
            f"{shown_name(path)}: {name} is encrypted; unpack it and read the folder instead"
        )
    # The size in the directory may be wrong: stop reading at the limit.
    with archive.open(members[0]) as file:
        data = file.read(MAX_MEMBER_BYTES + 1)
    if len(data) > MAX_MEMBER_BYTES:
        raise DataError(
            f"{shown_name(path)}: {name} unpacks to over {MAX_MEMBER_BYTES:,} bytes; not read"
        )
    return data


def _check_pixel_sizes(images: Stack, labels: Stack, path: Path) -> None:
    if images.pixel_nm and labels.pixel_nm and not np.allclose(images.pixel_nm, labels.pixel_nm):
        of = [
            " x ".join(f"{side:g}" for side in size) for size in (images.pixel_nm, labels.pixel_nm)
        ]
        raise DataError(
            f"{shown_name(path)}: sections declare pixels of {of[0]} nm, their labels of {of[1]} "
            "nm; if they show the same, correct the one that is wrong, or remove it"
        )


def _check_shapes(images: Stack, labels: Stack, path: Path) -> None:
    if images.pixels.shape == labels.pixels.shape:
        return
    count, height, width = images.pixels.shape
    turned = labels.pixels.shape == (count, width, height)
    moved = sorted(labels.pixels.shape) == sorted(images.pixels.shape)
    raise DataError(
        f"{shown_name(path)}: sections {images.pixels.shape} and labels {labels.pixels.shape} "
        "(count, height, width) differ; "
        + (
            "the labels are transposed: swap their axes"
            if turned
            else "the axes of the labels are in another order: save both as (z, y, x)"
            if moved
            else "every section needs one label of its size"
        )
    )
