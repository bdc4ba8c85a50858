"""Sections that somebody sent: checked value by value, as nothing else says what they are."""

from __future__ import annotations

from typing import Any

import numpy as np

from spikeseg_core.errors import DataError

INPUT = "sections"
"""Name of the input in a served model's signature."""
MOST_PIXELS = 2**24
"""Pixels of one request: 16 sections of 1024 x 1024. Their answer is 350 MB of JSON."""

_NAMES: dict[type, str] = {
    float: "numbers with a decimal point",
    bool: "booleans",
    str: "strings",
    type(None): "nulls",
    dict: "objects",
}


def grey_sections(sent: Any, grey: str = "uint8") -> np.ndarray:
    """Check what was sent, and return it as sections.

    Nothing is cast: a value that is not a whole number in the range is refused, because it would
    give a wrong mask without a word.

    Parameters
    ----------
    sent : nested lists, or array
        Sections of rows of grey values.
    grey : {"uint8", "uint16"}
        Type of the sections that the network was trained on.

    Returns
    -------
    array (n, height, width)
        Of type ``grey``.

    Raises
    ------
    DataError
        If it is anything but that; the message says what was found and what to send.
    """
    most = int(np.iinfo(grey).max)

    def refused(found: str, instead: str = "") -> DataError:
        return DataError(
            f"{found}; this model takes whole numbers from 0 to {most} as sections of rows, for "
            f'example {{"inputs": [[[0, 17, {most}], [3, 140, 28]]]}} for one section of 2 x 3 '
            f"pixels{instead and '; '}{instead}"
        )

    values = sent if isinstance(sent, np.ndarray) else np.array(sent, dtype=object)
    if values.size == 0:
        raise refused(f"no pixel was sent: the shape is {values.shape}")
    if values.size > MOST_PIXELS:
        raise refused(
            f"{values.size:,} pixels were sent, and at most {MOST_PIXELS:,} are taken at a time",
            "send fewer sections, or use `spikeseg segment`, which reads files of any size",
        )
    kinds = _kinds(values)
    if list in kinds:
        raise refused(
            f"rows or sections have different lengths (those of the first {values.ndim} levels "
            f"agree: {values.shape})",
            "pad or crop them, or send each section on its own",
        )
    if float in kinds:
        raise refused(_floats(values), f"multiply values from 0 to 1 by {most} and round them")
    if kinds != {int}:
        raise refused(f"{' and '.join(sorted(_NAMES.get(k, str(k)) for k in kinds - {int}))} found")
    if values.ndim != 3:
        raise refused(
            f"the shape is {values.shape}, but (sections, rows, columns) is needed",
            "one section is a list of its own; channels become one grey value",
        )
    low, high = values.min(), values.max()
    if low < 0 or high > most:
        raise refused(
            f"the values are from {low} to {high}",
            "values of 16 bits become 8 bits by dividing by 257, or use `spikeseg segment`, which "
            "reads files of either depth"
            if most == np.iinfo(np.uint8).max
            else "",
        )
    return values.astype(grey)


def _kinds(values: np.ndarray) -> set[type]:
    """Return the Python types of all values."""
    if values.dtype == object:
        return set(map(type, values.ravel().tolist()))
    return {type(values.flat[0].item())}


def _floats(values: np.ndarray) -> str:
    found = np.array([v for v in values.ravel().tolist() if type(v) is float])
    bad = int((~np.isfinite(found)).sum())
    if bad:
        return f"{bad:,} values are NaN or infinite"
    return f"{_NAMES[float]} found, from {found.min():g} to {found.max():g}"
