"""Sections without labels: what they must not be, and the file they are stored in.

They are learned from and never scored. A section that is labelled, too, must not be among them: it
may be one that is tested on.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spikeseg_core.data.readers import Stack, pixel_sha256
from spikeseg_core.errors import DataError
from spikeseg_core.storage import load_arrays, save_arrays

UNLABELLED_FILE = "unlabelled.npz"


def refuse_labelled(unlabelled: Stack, labelled: Stack) -> None:
    """Refuse sections that are among the labelled ones.

    Raises
    ------
    DataError
        If two have the same pixels.
    """
    known = {
        pixel_sha256(pixels): name
        for pixels, name in zip(labelled.pixels, labelled.names, strict=True)
    }
    for pixels, name in zip(unlabelled.pixels, unlabelled.names, strict=True):
        if (same := known.get(pixel_sha256(pixels))) is not None:
            raise DataError(
                f"the section without labels {name} has the pixels of {same}, which is labelled "
                "and may be tested on; leave it out of dataset.unlabelled"
            )


def save_unlabelled(unlabelled: Stack | None, folder: Path) -> dict[str, Any] | None:
    """Write the sections, if there are any; return the facts that loading needs."""
    if unlabelled is None:
        return None
    save_arrays(folder / UNLABELLED_FILE, {"images": unlabelled.pixels})
    return {"names": list(unlabelled.names), "sha256": pixel_sha256(unlabelled.pixels)}


def load_unlabelled(folder: Path, facts: Mapping[str, Any] | None) -> Stack | None:
    """Read what :func:`save_unlabelled` wrote, and check that it is unchanged.

    Raises
    ------
    DataError
        If the file is missing, damaged or changed.
    """
    if facts is None:
        return None
    pixels = load_arrays(folder / UNLABELLED_FILE).get("images")
    found = "of other arrays" if pixels is None else pixel_sha256(pixels)
    if pixels is None or found != facts["sha256"]:
        raise DataError(
            f"{folder / UNLABELLED_FILE} was changed: its digest is {found[:16]}..., expected "
            f"{facts['sha256'][:16]}...; prepare the dataset again"
        )
    return Stack(pixels, tuple(facts["names"]))
