"""Source ``folder``: a folder, stack or zip of the user."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from spikeseg_core.config import DatasetConfig
from spikeseg_core.data.checks import check_labelled
from spikeseg_core.data.formats.kinds import kind_of
from spikeseg_core.data.formats.volume import shown_name
from spikeseg_core.data.polarity import choose_polarity, membrane_labels
from spikeseg_core.data.readers import Labelled, dated, pair_files, read_labelled
from spikeseg_core.data.sources.base import Sections
from spikeseg_core.reporting import Reporter

_MOST_NAMES = 8


class Folder:
    """What ``config.path`` names (:func:`~spikeseg_core.data.readers.read_labelled`)."""

    name = "folder"

    def read(self, config: DatasetConfig, report: Reporter) -> Sections:
        """Read the images and labels at the path; report what was found, and what looks wrong."""
        path = _path(config)
        found = read_labelled(path, config.polarity)
        images, labels = found.images, found.labels
        warnings = check_labelled(images.pixels, labels.pixels, images.names, labels.names)
        for line in described(found):
            report.say(line)
        for line in warnings:
            report.say(f"WARNING: {line}")
        note = f"{len(images.names)} sections read from {shown_name(path)}: {found.shown}"
        if warnings:
            more = f" and {len(warnings) - 1} more" if len(warnings) > 1 else ""
            note += f". WARNING: {warnings[0]}{more}"
        return Sections(images, labels, self.name, note, found.polarity)

    def fingerprint(self, config: DatasetConfig) -> dict[str, Any]:
        """Return names, sizes and dates of the files."""
        path = _path(config)
        # A zarr is a folder, and its labels may lie beside it.
        base = path if path.is_dir() and kind_of(path) is None else path.parent
        return {"source": self.name, "files": dated(pair_files(path), base)}


def described(found: Labelled) -> list[str]:
    """Say what was found, a line per property.

    Raises
    ------
    DataError
        If the polarity cannot be told.
    """
    images, labels = found.images, found.labels
    count, height, width = images.pixels.shape
    polarity = choose_polarity(images.pixels, labels.pixels, found.polarity)
    membrane = membrane_labels(labels.pixels, polarity.polarity).mean(axis=(1, 2))
    pixel = images.pixel_nm
    size = f"{pixel[0]:g} x {pixel[1]:g} nm, as declared" if pixel else "not declared"
    lines = [
        f"found: {found.shown}",
        f"sections: {count} of {width} x {height} px, {8 * images.pixels.itemsize} bits, grey "
        f"{int(images.pixels.min())} to {int(images.pixels.max())}; pixel size {size}",
        f"membrane: {float(np.mean(membrane)):.1%} of the pixels, {membrane.min():.1%} to "
        f"{membrane.max():.1%} per section; {polarity.reason}",
    ]
    lines += [f"images: {note}" for note in images.notes]
    lines += [f"labels: {note}" for note in labels.notes]
    if found.skipped:
        more = len(found.skipped) - _MOST_NAMES
        shown = ", ".join(found.skipped[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
        lines.append(f"not read: {shown}")
    return lines


def _path(config: DatasetConfig) -> Path:
    return Path(config.path or "").expanduser()
