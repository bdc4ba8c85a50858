"""Segment image files: each gives a probability and a mask of the same name and size.

::

    OUTPUT/probability/NAME   of membrane: 8 bit in a PNG (255 is 1), 32-bit float in a TIFF
    OUTPUT/mask/NAME          255 where a pixel is membrane, else 0
    OUTPUT/preview.png        the first sections, their probability and mask
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np
import tifffile
from PIL import Image

from spikeseg_core.data.readers import TIFF_SUFFIXES, Stack, image_files, read_stack
from spikeseg_core.errors import ConfigError, DataError
from spikeseg_core.figures.sections import segmented_figure
from spikeseg_core.reporting import SILENT, Reporter
from spikeseg_core.storage import atomic_path

PROBABILITY, MASK, PREVIEW = "probability", "mask", "preview.png"
SECTIONS_SHOWN = 3


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
    """Readable files to segment, and a writable folder for the results."""

    files: tuple[Path, ...]
    out: Path
    sections: int


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
    files = [source] if source.is_file() else image_files(source)
    sections = sum(len(_read(file).names) for file in files)
    targets = [out / kind / file.name for file in files for kind in (PROBABILITY, MASK)]
    own = {file.resolve() for file in files}
    if lost := [path for path in targets if path.resolve() in own]:
        raise ConfigError(f"the results would replace {lost[0]}; name another folder than {out}")
    there = [path for path in [*targets, out / PREVIEW] if path.exists()]
    if there and not overwrite:
        raise ConfigError(
            f"{there[0]} exists, and {len(there) - 1} more of the results; name another folder "
            f"than {out}, or ask for them to be overwritten"
        )
    try:
        for kind in (PROBABILITY, MASK):
            (out / kind).mkdir(parents=True, exist_ok=True)
            TemporaryFile(dir=out / kind).close()
    except OSError as error:
        raise ConfigError(
            f"the results cannot be written to {out} ({error}); name another folder"
        ) from error
    return Job(tuple(files), out, sections)


def _read(file: Path) -> Stack:
    try:
        return read_stack(file)
    except OSError as error:
        raise DataError(f"{file} cannot be read ({error})") from error


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
        _write(probability, job.out / PROBABILITY / file.name)
        _write(mask, job.out / MASK / file.name)
    preview = segmented_figure(shown, threshold, job.out / PREVIEW, title)
    return Segmented(
        tuple(file.name for file in job.files), job.sections, membrane / pixels, preview
    )


def _write(values: np.ndarray, path: Path) -> None:
    """Write probabilities in [0, 1] or a mask, in the format of the suffix."""
    tiff = path.suffix.lower() in TIFF_SUFFIXES
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
