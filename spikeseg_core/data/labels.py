"""Labels of any kind as masks of two values."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.ndimage import distance_transform_edt

from spikeseg_core.data.polarity import Polarity, distinct
from spikeseg_core.errors import DataError

MOST_IGNORED = 0.1
"""Largest share of pixels that may have no label."""
_FEW_VALUES = 8
_NEAR = 0.1  # of the range of values
_NEAR_SHARE = 0.8
_FLAT = 0.6  # share of pixels that equal their right neighbour
_SPECKS = 0.002  # share of the pixels that is no class
_MOST_BACKGROUND = 0.6


class Masks(NamedTuple):
    """Masks, the polarity if it is known from their making, and what was done."""

    masks: np.ndarray
    polarity: Polarity | None
    notes: tuple[str, ...]


def two_valued(
    labels: np.ndarray,
    *,
    ignore: int | None = None,
    instances: bool | None = None,
    polarity: Polarity | None = None,
) -> Masks:
    """Make masks of two values where it is clear how; others are returned as they are.

    Parameters
    ----------
    labels : integer array (n, h, w)
    ignore : int, optional
        Label of pixels that nobody labelled.
    instances : bool, optional
        Whether the labels are numbers of cells; default: decided from the values.
    polarity : str, optional
        Polarity to give to membranes that are made.

    Raises
    ------
    DataError
        If over a tenth of the pixels is ignored, or most pixels belong to no cell.
    """
    notes: tuple[str, ...] = ()
    if ignore is not None:
        labels, note = _without(labels, ignore)
        notes = (note,)
    values = distinct(labels)
    if values.tolist() == [0, 1, 255] and all(len(np.unique(s)) == 2 for s in labels):
        labels, values = np.where(labels == 1, 255, labels), np.array([0, 255])
        notes = (*notes, "some labels have the values 0 and 1, others 0 and 255: 1 is read as 255")
    if len(values) <= 2 and not instances:
        return Masks(labels, None, notes)
    labels, values = _without_background(labels, values)
    low, high = int(values[0]), int(values[-1])
    inner = _between(labels, low, high)
    if not instances and (
        (not inner.any() and not _are_classes(labels))
        or (
            inner.mean() < 1 - _NEAR_SHARE
            and len(values) > _FEW_VALUES
            and _flat(labels, inner) < _FLAT
        )
    ):
        middle = low + (high - low) // 2
        share = float(((labels != low) & (labels != high)).mean())
        note = (
            f"labels have {len(values)} values from {low} to {high}, {share:.1%} of the pixels "
            f"between the extremes; they are cut at {middle}"
        )
        return Masks(np.where(labels > middle, 255, 0).astype(np.uint8), None, (*notes, note))
    if instances is None:
        every = np.ones(labels.shape, dtype=bool)
        instances = len(values) > _FEW_VALUES and _flat(labels, every) > _FLAT
    if not instances:
        return Masks(labels, None, notes)
    return _from_instances(labels, len(values), polarity or "membrane_bright", notes)


def _between(labels: np.ndarray, low: int, high: int) -> np.ndarray:
    margin = int(_NEAR * (high - low))
    return (labels > low + margin) & (labels < high - margin)


def _are_classes(labels: np.ndarray) -> bool:
    """Whether values beside the lowest and the highest fill areas, as no trace of JPEG does.

    Of JPEG's many values one near each end may fill areas, too.
    """
    left = labels[..., :-1]
    values, counts = np.unique(left, return_counts=True)
    alike, flat = np.unique(left[labels[..., 1:] == left], return_counts=True)
    fill = flat > np.maximum(_FLAT * counts[np.searchsorted(values, alike)], _SPECKS * left.size)
    most = np.count_nonzero(fill & (alike != values[0]) & (alike != values[-1]))
    return bool(most > (0 if len(values) <= _FEW_VALUES else 2))


def _flat(labels: np.ndarray, where: np.ndarray) -> float:
    """Share of the pixels that equal their right neighbour: high inside cells."""
    counted = where[..., :-1]
    return float((labels[..., 1:] == labels[..., :-1])[counted].mean()) if counted.any() else 0.0


def _without(labels: np.ndarray, ignore: int) -> tuple[np.ndarray, str]:
    ignored = labels == ignore
    share = float(ignored.mean())
    if share == 0:
        raise DataError(
            f"no pixel has the label {ignore} that spikeseg.yaml ignores; correct 'ignore'"
        )
    whole = [index for index, section in enumerate(ignored) if section.all()]
    if share > MOST_IGNORED or whole:
        where = f", all of section {whole[0]}" if whole else ""
        raise DataError(
            f"label {ignore}, which spikeseg.yaml ignores, has {share:.1%} of the pixels{where}; "
            f"at most {MOST_IGNORED:.0%} can be filled with the nearest label: crop or label them"
        )
    filled = labels.copy()
    for section, unknown in zip(filled, ignored, strict=True):
        if unknown.any():
            nearest = distance_transform_edt(unknown, return_distances=False, return_indices=True)
            section[unknown] = section[tuple(nearest)][unknown]
    return filled, f"label {ignore} is ignored: its {share:.1%} of the pixels get the nearest label"


def _without_background(labels: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Call background 0: negative numbers, and the largest of 32 or 64 bits, as CREMI has it."""
    if labels.dtype in (np.uint32, np.uint64):
        top = np.iinfo(labels.dtype).max
        none, kept = labels == top, values[values != top]
    else:
        none, kept = labels < 0, values[values >= 0]
    if len(kept) == len(values):
        return labels, values
    return np.where(none, 0, labels).astype(labels.dtype), np.union1d(kept, [0]).astype(kept.dtype)


def _from_instances(
    labels: np.ndarray, values: int, polarity: Polarity, notes: tuple[str, ...]
) -> Masks:
    """Call membrane what belongs to no cell (0), and a line 2 px wide between touching cells."""
    background = float((labels == 0).mean())
    if background > _MOST_BACKGROUND:
        raise DataError(
            f"labels are numbers of cells ({values} values), but {background:.1%} of the pixels "
            "belong to no cell (0): every cell of a section needs a number"
        )
    membrane = labels == 0
    for axis in (1, 2):
        ahead, behind = [slice(None)] * 3, [slice(None)] * 3
        ahead[axis], behind[axis] = slice(1, None), slice(None, -1)
        one, other = labels[tuple(ahead)], labels[tuple(behind)]
        differs = (one != other) & (one != 0) & (other != 0)
        membrane[tuple(ahead)] |= differs
        membrane[tuple(behind)] |= differs
    note = (
        f"labels are numbers of cells ({values} values): membrane is made where neighbouring "
        f"pixels differ, 2 px wide, and where the number is 0 ({background:.1%} of the pixels)"
    )
    of_membrane, of_cell = (255, 0) if polarity == "membrane_bright" else (0, 255)
    masks = np.where(membrane, of_membrane, of_cell).astype(np.uint8)
    return Masks(masks, polarity, (*notes, note))
