"""Which label belongs to which section: by the whole name, minus what all names share."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Sequence
from pathlib import PurePosixPath

from spikeseg_core.data.formats.kinds import HDF5_SUFFIXES, IMAGE_SUFFIXES
from spikeseg_core.data.formats.volume import shown_name
from spikeseg_core.errors import DataError

IMAGE_WORDS = frozenset(
    """
    image images img imgs raw em section sections slice slices volume volumes input inputs grey
    gray greyscale grayscale original originals data imagestr
    """.split()  # noqa: SIM905 - readable
)
"""Words that mark images."""
LABEL_WORDS = frozenset(
    """
    label labels lbl lbls mask masks membrane membranes gt groundtruth truth target targets seg
    segmentation segmentations annotation annotations annot boundary boundaries border borders
    edge edges labelstr neuron neurons ids cells
    """.split()  # noqa: SIM905 - readable
)
"""Words that mark labels."""
_OTHERS = frozenset(("train", "training", "ground", "stack", "tif", "tiff", "png"))

_PART = re.compile(r"(?:(?<=[_\s])|^)-[0-9]+|[0-9]+|[^\W0-9_]+|[^\w\s.,+()\[\]-]+")

Part = tuple[int, int, str]
"""A number or a word of a name, such that numbers come first and in order."""


def stem(name: str) -> str:
    """Name without its suffix (``.ome.tif`` is one)."""
    path = PurePosixPath(name)
    if path.suffix.lower() in (*IMAGE_SUFFIXES, *HDF5_SUFFIXES):
        return path.stem.removesuffix(".ome").removesuffix(".OME")
    return name


def parts(name: str) -> tuple[Part, ...]:
    """Numbers and words of a name without its suffix: -1 before 2 before 10, 01 equals 1."""
    # One accented letter may be stored as two, as file systems of macOS do.
    found = _PART.findall(unicodedata.normalize("NFC", stem(name)).casefold())
    # Only 0-9 are digits: int() refuses others, such as the superscript 2.
    return tuple((0, int(p), "") if p[-1] in "0123456789" else (1, 0, p) for p in found)


def words(name: str) -> set[str]:
    """Words of a name: ``train-labels.tif`` has train and labels, as ``trainLabels.tif`` has."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return {word for kind, _, word in parts(apart) if kind == 1}


def order(names: Sequence[str]) -> list[int]:
    """Return the indices of the names in numeric order.

    Raises
    ------
    DataError
        If two names differ in nothing that counts.
    """
    keys = [parts(name) for name in names]
    sorted_ = sorted(range(len(names)), key=lambda index: keys[index])
    for first, second in itertools.pairwise(sorted_):
        if keys[first] == keys[second]:
            a, b = sorted((shown_name(names[first]), shown_name(names[second])))
            raise DataError(f"{a} and {b} have the same number or name; keep one of them")
    return sorted_


def pairs(images: Sequence[str], labels: Sequence[str]) -> list[tuple[int, int]]:
    """Pair images and labels by name, in the order of the images.

    Names are compared whole; if these differ, without the words for images and labels and the
    parts that all images, or all labels, have in common.

    Raises
    ------
    DataError
        If a partner is missing, or the names leave open which one it is.
    """
    whole = [parts(name) for name in images], [parts(name) for name in labels]
    for keys in (whole, _own_parts(images, labels)):
        if set(keys[0]) == set(keys[1]) and len(set(keys[0])) == len(images) == len(labels):
            of = {key: index for index, key in enumerate(keys[1])}
            return [(index, of[keys[0][index]]) for index in order(images)]
    raise _unpaired(images, labels, keys)


def _own_parts(
    images: Sequence[str], labels: Sequence[str]
) -> tuple[list[tuple[Part, ...]], list[tuple[Part, ...]]]:
    """Return what distinguishes each name from the others of its kind."""
    sides = []
    for names, own in ((images, IMAGE_WORDS), (labels, LABEL_WORDS)):
        dropped = own | _OTHERS
        sides.append([tuple(p for p in parts(n) if p[2] not in dropped) for n in names])
    if len(images) == 1 or len(labels) == 1:
        return sides[0], sides[1]
    shared = [_common(side) for side in sides]
    numbers = [
        [part for side in (shared[i][0], shared[i][1]) for part in side if part[0] == 0]
        for i in (0, 1)
    ]
    if numbers[0] and numbers[1] and numbers[0] != numbers[1]:
        # All images say s1 and all labels s2: this may be another sample.
        return sides[0], sides[1]
    found = []
    for side, (first, last) in zip(sides, shared, strict=True):
        found.append([key[len(first) : len(key) - len(last)] for key in side])
    return found[0], found[1]


def _common(keys: Sequence[tuple[Part, ...]]) -> tuple[tuple[Part, ...], tuple[Part, ...]]:
    """Parts that all names begin and end with."""
    shortest = min(map(len, keys))
    first = 0
    while first < shortest and len({key[first] for key in keys}) == 1:
        first += 1
    last = 0
    while last < shortest - first and len({key[len(key) - 1 - last] for key in keys}) == 1:
        last += 1
    key = keys[0]
    return key[:first], key[len(key) - last :]


def _unpaired(
    images: Sequence[str],
    labels: Sequence[str],
    keys: tuple[list[tuple[Part, ...]], list[tuple[Part, ...]]],
) -> DataError:
    alone = [
        [shown_name(name) for name, key in zip(names, own, strict=True) if key not in set(others)]
        for names, own, others in ((images, keys[0], keys[1]), (labels, keys[1], keys[0]))
    ]
    said = [
        f"{kind} without {other}: {_listed(names)}"
        for kind, other, names in (
            ("images", "a label", alone[0]),
            ("labels", "an image", alone[1]),
        )
        if names
    ]
    return DataError(
        f"{len(images)} images and {len(labels)} labels do not pair by name "
        f"({'; '.join(said) or 'several names are alike'}): give a section and its label the same "
        "name, or write 'pairs: order' in spikeseg.yaml"
    )


def _listed(names: Sequence[str], most: int = 5) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
