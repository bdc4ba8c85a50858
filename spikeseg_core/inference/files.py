"""Segment image files: each gives a probability and a mask of the same name and size.

::

    OUTPUT/probability/NAME   of membrane: 8 bit in a PNG (255 is 1), 32-bit float in a TIFF
    OUTPUT/mask/NAME          255 where a pixel is membrane, else 0
    OUTPUT/preview.png        the first sections, their probability and mask

A PNG gives PNGs, everything else TIFFs. Where the suffix of NAME says something else, ``.png`` or
``.tif`` is added.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np
import tifffile
from PIL import Image

from spikeseg_core.data.formats.kinds import kind_of
from spikeseg_core.data.formats.volume import shown_name
from spikeseg_core.data.listing import group_of
from spikeseg_core.data.readers import Stack, read_stack
from spikeseg_core.errors import ConfigError, DataError
from spikeseg_core.figures.sections import segmented_figure
from spikeseg_core.reporting import SILENT, Reporter
from spikeseg_core.storage import atomic_path

PROBABILITY, MASK, PREVIEW = "probability", "mask", "preview.png"
SECTIONS_SHOWN = 3
_MOST_NAME_BYTES = 255 - len(".-12345678")
"""Longest name that leaves room for the temporary name of an atomic write."""


@dataclass(frozen=True)
class Segmented:
    """Results of :func:`segment_files`.

    Attributes
    ----------
    names : tuple of str
        Names of the files in ``OUTPUT/probability`` and ``OUTPUT/mask``.
    membrane : float
        Share of all pixels that are membrane in the masks.
    """

    names: tuple[str, ...]
    sections: int
    membrane: float
    preview: Path


@dataclass(frozen=True)
class Job:
    """Readable files to segment, and a writable folder for the results.

    Attributes
    ----------
    notes : tuple of str
        What is not read, and what is done to grey values.
    """

    files: tuple[Path, ...]
    out: Path
    sections: int
    notes: tuple[str, ...] = ()


def plan(source: Path, out: Path, *, overwrite: bool = False) -> Job:
    """Check that all files can be read and written, before a network is loaded.

    Parameters
    ----------
    source : Path
        A folder of images (PNG, TIFF), or one image or TIFF stack; subfolders are ignored.
    out : Path
        Folder for the results; it is created.
    overwrite : bool
        Whether existing results may be replaced.

    Raises
    ------
    DataError
        If there is no image, or one cannot be read.
    ConfigError
        If results exist already, would replace the images, or cannot be written.
    """
    source, out = source.expanduser(), out.expanduser()
    found = None if source.is_file() else group_of(source)
    files = [item.path for item in found.items] if found else [source]
    skipped = found.skipped if found else ()
    names = [_result_name(file) for file in files]
    _check_names(names, files)
    notes = [f"not read: {', '.join(skipped)}"] if skipped else []
    sections = 0
    for file in files:
        stack = _read(file)
        sections += len(stack.names)
        notes += stack.notes
    targets = [out / kind / name for name in names for kind in (PROBABILITY, MASK)]
    own = {file.resolve() for file in files}
    if lost := [path for path in targets if path.resolve() in own]:
        raise ConfigError(
            f"the results would replace {shown_name(lost[0])}; name another folder than "
            f"{shown_name(out)}"
        )
    there = [path for path in [*targets, out / PREVIEW] if path.exists()]
    if there and not overwrite:
        raise ConfigError(
            f"{shown_name(there[0])} exists, and {len(there) - 1} more of the results; name "
            f"another folder than {shown_name(out)}, or ask for them to be overwritten"
        )
    try:
        for kind in (PROBABILITY, MASK):
            (out / kind).mkdir(parents=True, exist_ok=True)
            TemporaryFile(dir=out / kind).close()
    except OSError as error:
        raise ConfigError(
            f"the results cannot be written to {shown_name(out)} ({error}); name another folder"
        ) from error
    return Job(tuple(files), out, sections, tuple(notes))


def _read(file: Path) -> Stack:
    try:
        return read_stack(file)
    except OSError as error:
        raise DataError(f"{shown_name(file)} cannot be read ({error})") from error


def _result_name(file: Path) -> str:
    """Name of the results of a file: the same, if its suffix says what they will be."""
    is_png = kind_of(file) == "PNG"
    suffix = file.suffix.lower()
    if suffix in (".h5", ".hdf5") or is_png != (suffix == ".png"):
        return file.name + (".png" if is_png else ".tif")
    return file.name


def _check_names(names: Sequence[str], files: Sequence[Path]) -> None:
    """Refuse names that cannot be written, before anything is done."""
    for name, file in zip(names, files, strict=True):
        if (length := len(os.fsencode(name))) > _MOST_NAME_BYTES:
            raise DataError(
                f"the name {shown_name(file.name)} has {length} bytes; results can have names of "
                f"at most {_MOST_NAME_BYTES}: rename it"
            )
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise DataError(
            f"two files would have the results {shown_name(twice[0])}; rename one of them"
        )


def segment_files(
    job: Job,
    segment: Callable[[np.ndarray], np.ndarray],
    threshold: float,
    title: str = "",
    report: Reporter = SILENT,
) -> Segmented:
    """Segment image files, section by section.

    Parameters
    ----------
    segment : callable
        Sections (n, h, w), uint8 or uint16, to membrane probabilities (n, h, w), such as a
        :class:`~spikeseg_core.inference.segmenter.Segmenter`.
    threshold : float
        Pixels with at least this probability are membrane.
    """
    shown: list[tuple[str, np.ndarray, np.ndarray]] = []
    for note in job.notes:
        report.say(note)
    names: list[str] = []
    done, membrane, pixels = 0, 0, 0
    for file in job.files:
        stack = _read(file)
        found = []
        for name, section in zip(stack.names, stack.pixels, strict=True):
            found.append(segment(section[np.newaxis])[0])
            if len(shown) < SECTIONS_SHOWN:
                shown.append((name, section, found[-1]))
            done += 1
            report.progress(done, job.sections, name)
        probability = np.stack(found)
        mask = probability >= threshold
        membrane, pixels = membrane + int(mask.sum()), pixels + mask.size
        name = _result_name(file)
        names.append(shown_name(name))
        for values, kind in ((probability, PROBABILITY), (mask, MASK)):
            _write(values, job.out / kind / name)
    preview = segmented_figure(shown, threshold, job.out / PREVIEW, shown_name(title))
    return Segmented(tuple(names), job.sections, membrane / pixels, preview)


def _write(values: np.ndarray, path: Path) -> None:
    """Write probabilities in [0, 1] or a mask: a PNG if the name says so, else a TIFF."""
    tiff = path.suffix.lower() != ".png"
    if tiff and values.dtype != bool:
        stored = values.astype(np.float32)
    else:
        stored = np.round(255.0 * values).astype(np.uint8)
    with atomic_path(path) as temporary:
        if tiff:
            pages = stored if len(stored) > 1 else stored[0]
            tifffile.imwrite(temporary, pages, photometric="minisblack")
        else:
            Image.fromarray(stored[0]).save(temporary, format="PNG")
