"""Read stacks of sections from image folders, multi-page TIFFs and the challenge's zip.

Every reader returns a :class:`Stack`: all sections as one grey array, in numeric order.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import re
import warnings
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image, ImageSequence

from spikeseg_core.errors import DataError

IMAGE_SUFFIXES = (".png", ".tif", ".tiff")
TIFF_SUFFIXES = (".tif", ".tiff")
MAX_MEMBER_BYTES = 512 * 2**20
"""Largest unpacked size of a file in a zip, 512 MiB."""
MAX_PIXELS = 2**30
"""Maximum pixels in one stack, 1 Gpx."""

_LAYOUTS = (
    ("image", "label"),
    ("images", "labels"),
    ("train/image", "train/label"),
    ("train-volume", "train-labels"),
)
_CHALLENGE = ("train-volume.tif", "train-labels.tif")


@dataclass(frozen=True)
class Stack:
    """Grey sections as stored, with the name of each: its file, or file and page.

    Attributes
    ----------
    pixels : array (n, h, w), uint8 or uint16
        1-bit images are 0 and 255.
    """

    pixels: np.ndarray
    names: tuple[str, ...]


def pixel_sha256(pixels: np.ndarray) -> str:
    """Digest decoded pixels: their bytes in C order, whatever file format they came from."""
    return hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()


def read_pair(path: Path) -> tuple[Stack, Stack]:
    """Read sections and their labels.

    Parameters
    ----------
    path : Path
        One of

        * a folder with the folders or TIFF stacks ``image`` and ``label`` (also ``images`` and
          ``labels``, ``train/image`` and ``train/label``, ``train-volume.tif`` and
          ``train-labels.tif``);
        * a zip with ``train-volume.tif`` and ``train-labels.tif``;
        * a TIFF stack ``NAME.tif`` with its labels next to it, ``NAME-labels.tif`` (or, for
          ``train-volume.tif``, ``train-labels.tif``).

    Returns
    -------
    images, labels : Stack
        Of the same shape.

    Raises
    ------
    DataError
        If something is missing, damaged, not grey, or the two do not match.
    """
    if not path.exists():
        raise DataError(f"{path} does not exist; give the folder, TIFF stack or zip to read")
    if path.is_dir():
        images, labels = _read_folder_pair(path)
    elif path.suffix.lower() == ".zip":
        images, labels = read_challenge_zip(path)
    elif path.suffix.lower() in TIFF_SUFFIXES:
        images, labels = read_stack(path), read_stack(_labels_beside(path))
    else:
        raise DataError(
            f"{path} is neither a folder, nor a zip, nor a TIFF stack "
            f"({', '.join(TIFF_SUFFIXES)}): convert it to one of these"
        )
    _check_pair(images, labels, path)
    return images, labels


def pair_files(path: Path) -> list[Path]:
    """List the files that :func:`read_pair` may read, in a fixed order.

    Raises
    ------
    DataError
        If ``path`` does not exist, or is a TIFF stack without labels.
    """
    if path.is_dir():
        return sorted(file for file in path.rglob("*") if file.is_file())
    if not path.exists():
        raise DataError(f"{path} does not exist; give the folder, TIFF stack or zip to read")
    return [path, _labels_beside(path)] if path.suffix.lower() in TIFF_SUFFIXES else [path]


def read_stack(path: Path) -> Stack:
    """Read a folder of PNG or TIFF images in numeric order, or one multi-page TIFF.

    Raises
    ------
    DataError
        If there is nothing to read, or the images differ in size or depth, are damaged,
        coloured, or neither 1, 8 nor 16 bits deep.
    """
    if path.is_file():
        return decode_stack(path.read_bytes(), path.name)
    files = image_files(path)
    for first, second in itertools.pairwise(files):
        if _order(first.name) == _order(second.name):
            raise DataError(
                f"{path}: {first.name} and {second.name} have the same number; keep one of them"
            )
    stacks = [decode_stack(file.read_bytes(), file.name) for file in files]
    if len(stacks) == 1:
        return stacks[0]
    for file, stack in zip(files, stacks, strict=True):
        if len(stack.names) > 1:
            raise DataError(
                f"{file} has {len(stack.names)} pages next to {len(files) - 1} other images; "
                "a folder holds one section per file, or a single stack"
            )
    return _join([stack.pixels[0] for stack in stacks], path, [file.name for file in files])


def image_files(folder: Path) -> list[Path]:
    """List the images of a folder in numeric order; hidden files and folders are ignored.

    Raises
    ------
    DataError
        If the folder does not exist or holds no image.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} does not exist; give a folder of images or a TIFF stack")
    files = [
        file
        for file in folder.iterdir()
        if file.is_file()
        and file.suffix.lower() in IMAGE_SUFFIXES
        and not file.name.startswith(".")
    ]
    if not files:
        raise DataError(f"{folder} holds no image; supported formats: {', '.join(IMAGE_SUFFIXES)}")
    return sorted(files, key=lambda file: _order(file.name))


def read_challenge_zip(path: Path) -> tuple[Stack, Stack]:
    """Read ``train-volume.tif`` and ``train-labels.tif`` from the challenge's zip.

    Members are found by file name in any folder and read in memory: nothing is unpacked to disk.

    Raises
    ------
    DataError
        If the zip is damaged, or a member is missing, duplicated, encrypted or over 512 MiB.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            images, labels = (
                decode_stack(_read_member(archive, name, path), f"{path.name}:{name}")
                for name in _CHALLENGE
            )
    except DataError:
        raise
    except Exception as error:  # zipfile passes on whatever its decompressors raise
        raise DataError(f"{path} is not a readable zip ({error}); download it again") from error
    return images, labels


def decode_stack(data: bytes, name: str) -> Stack:
    """Decode every page of a PNG or TIFF file; ``name`` is what messages call it.

    Raises
    ------
    DataError
        As :func:`read_stack`.
    """
    pages: list[np.ndarray] = []
    try:
        with warnings.catch_warnings():
            # Pillow only warns about truncated directories and decompression bombs.
            warnings.filterwarnings("error", message="(Corrupt EXIF|Truncated File)")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=("PNG", "TIFF")) as image:
                for frame in ImageSequence.Iterator(image):
                    pages.append(_grey(frame, name))
                    if sum(page.size for page in pages) > MAX_PIXELS:
                        raise DataError(f"{name} has over {MAX_PIXELS:,} pixels; split it")
    except DataError:
        raise
    except Exception as error:  # Pillow's errors for damaged files have no common base
        raise DataError(
            f"{name} is damaged or not a PNG or TIFF ({error}); it has {len(data):,} bytes: "
            "compare it with the original and copy it again"
        ) from error
    names = [name] if len(pages) == 1 else [f"{name}#{page}" for page in range(len(pages))]
    return _join(pages, name, names)


def _grey(image: Image.Image, name: str) -> np.ndarray:
    """One page as uint8 or uint16 (h, w)."""
    if image.mode == "1":
        return np.asarray(image, dtype=np.uint8) * np.uint8(255)
    if image.mode == "L":
        return np.asarray(image)
    if image.mode.startswith("I;16"):
        return np.asarray(image).astype(np.uint16)
    if image.mode == "I":
        wide = np.asarray(image)
        if wide.min() >= 0 and wide.max() <= np.iinfo(np.uint16).max:
            return wide.astype(np.uint16)
    if image.mode in ("LA", "P", "PA", "RGB", "RGBA"):
        colours = np.asarray(image.convert("RGB"))
        if (colours == colours[..., :1]).all():
            return np.ascontiguousarray(colours[..., 0])
        raise DataError(
            f"{name} is in colour; only grey images are supported (also grey stored as RGB): "
            "convert it to grey"
        )
    raise DataError(
        f"{name} has pixels of type {image.mode!r}; 1, 8 and 16 bits per pixel are supported: "
        "convert it to 8 or 16 bits"
    )


def _join(pages: Sequence[np.ndarray], where: Path | str, names: Sequence[str]) -> Stack:
    for kind, of in (("size", _size), ("depth", _depth)):
        for page, name in zip(pages, names, strict=True):
            if of(page) != of(pages[0]):
                raise DataError(
                    f"{where}: {name} has {kind} {of(page)}, but {names[0]} has {of(pages[0])}; "
                    "all sections of a stack must match"
                )
    return Stack(np.stack(pages), tuple(names))


def _size(page: np.ndarray) -> str:
    return f"{page.shape[1]} x {page.shape[0]}"


def _depth(page: np.ndarray) -> str:
    return f"{8 * page.itemsize} bits"


def _order(name: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key that reads digits as numbers and ignores the suffix: 2 before 10, 1 equals 01."""
    parts = re.findall(r"\d+|\D+", PurePosixPath(name).stem)
    return tuple((0, int(p), "") if p.isdigit() else (1, 0, p) for p in parts)


def _read_folder_pair(folder: Path) -> tuple[Stack, Stack]:
    for image_name, label_name in _LAYOUTS:
        images, labels = (_folder_or_stack(folder, name) for name in (image_name, label_name))
        if images and labels:
            return read_stack(images), read_stack(labels)
        for found, missing in ((images, label_name), (labels, image_name)):
            if found:
                raise DataError(f"{found} has no {missing} beside it, a folder or TIFF stack")
    raise DataError(
        f"{folder} has no sections with labels; it should hold folders or TIFF stacks named "
        + ", or ".join(f"{image} and {label}" for image, label in _LAYOUTS)
    )


def _folder_or_stack(folder: Path, name: str) -> Path | None:
    for path in (folder / name, *(folder / f"{name}{suffix}" for suffix in TIFF_SUFFIXES)):
        if path.exists():
            return path
    return None


def _labels_beside(images: Path) -> Path:
    stem = images.stem.removesuffix("-volume")
    candidates = [images.with_name(f"{stem}-labels{suffix}") for suffix in TIFF_SUFFIXES]
    for path in candidates:
        if path.exists():
            return path
    raise DataError(f"{images} has no labels beside it; expected {candidates[0].name}")


def _read_member(archive: zipfile.ZipFile, name: str, path: Path) -> bytes:
    members = [m for m in archive.infolist() if PurePosixPath(m.filename).name == name]
    if len(members) != 1:
        found = ", ".join(m.filename for m in members) or ", ".join(archive.namelist()[:10])
        raise DataError(
            f"{path} should hold one {name} and has {len(members)} (found: {found or 'nothing'})"
        )
    if members[0].flag_bits & 1:
        raise DataError(f"{path}: {name} is encrypted; unpack it and read the folder instead")
    # The size in the directory may be wrong: stop reading at the limit.
    with archive.open(members[0]) as file:
        data = file.read(MAX_MEMBER_BYTES + 1)
    if len(data) > MAX_MEMBER_BYTES:
        raise DataError(f"{path}: {name} unpacks to over {MAX_MEMBER_BYTES:,} bytes; not read")
    return data


def _check_pair(images: Stack, labels: Stack, path: Path) -> None:
    if images.pixels.shape != labels.pixels.shape:
        raise DataError(
            f"{path}: sections {images.pixels.shape} and labels {labels.pixels.shape} "
            "(count, height, width) differ; every section needs one label of its size"
        )
    for image, label in zip(images.names, labels.names, strict=True):
        numbers = _number(image), _number(label)
        if None not in numbers and numbers[0] != numbers[1]:
            raise DataError(
                f"{path}: section {image} would go with label {label}; number the files alike"
            )


def _number(name: str) -> int | None:
    """Return the last number in a file's name; None for pages of a stack, which have no names."""
    numbers = [] if "#" in name else re.findall(r"\d+", PurePosixPath(name).stem)
    return int(numbers[-1]) if numbers else None
