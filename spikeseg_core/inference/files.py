"""Segment image files: each gives a probability, a mask and cells of the same name and size.

::

    OUTPUT/probability/NAME   of membrane: 8 bit in a PNG (255 is 1), else 32-bit float
    OUTPUT/mask/NAME          255 where a pixel is membrane, else 0
    OUTPUT/cells/NAME         numbers of cells, from 1 in every section
    OUTPUT/cells.csv          their areas and positions
    OUTPUT/preview.png        the first sections, their probability and mask

A PNG gives PNGs, a zarr OME-Zarrs, everything else TIFFs, which keep the pixel size and ImageJ's or
OME's description. Where the suffix of NAME says something else, ``.png``, ``.tif`` or ``.zarr`` is
added. Only a few sections are in memory. What is done is kept in ``OUTPUT/.unfinished`` until all
is: a killed work goes on.
"""

from __future__ import annotations

import csv
import math
import os
import shutil
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np

from spikeseg_core.data.folder_settings import read_settings
from spikeseg_core.data.formats.grey import grey_planes
from spikeseg_core.data.formats.kinds import kind_of
from spikeseg_core.data.formats.opening import open_volume
from spikeseg_core.data.formats.volume import Volume, shown_name
from spikeseg_core.data.listing import group_of
from spikeseg_core.errors import ConfigError, DataError
from spikeseg_core.evaluation.agglomeration import agglomerated
from spikeseg_core.figures.sections import segmented_figure
from spikeseg_core.inference.cells import LEAST_PIXELS, Cell, find_cells, measured
from spikeseg_core.inference.known import Known, without_training
from spikeseg_core.inference.timing import Timing
from spikeseg_core.inference.unfinished import FOLDER as UNFINISHED
from spikeseg_core.inference.unfinished import Unfinished
from spikeseg_core.inference.writing import write_sections
from spikeseg_core.reporting import SILENT, Reporter

PROBABILITY, MASK, CELLS = "probability", "mask", "cells"
PREVIEW, TABLE = "preview.png", "cells.csv"
SECTIONS_SHOWN = 3
_MOST_16_BITS = LEAST_PIXELS * (2**16 - 1)
"""Pixels of a section whose cells can be numbered with 16 bits, whatever they are."""
_MOST_NAME_BYTES = 255 - len(".-12345678")
"""Longest name that leaves room for the temporary name of an atomic write."""


@dataclass(frozen=True)
class Segmented:
    """Results of :func:`segment_files`.

    Attributes
    ----------
    names : tuple of str
        Names of the files in ``OUTPUT/probability``, ``mask`` and ``cells``.
    membrane : float
        Share of all pixels that are membrane in the masks.
    cells : int
        Over all sections.
    resumed : int
        Sections that an earlier, killed work had done.
    warnings : tuple of str
        Sections that the network may not know.
    timing : Timing
    """

    names: tuple[str, ...]
    sections: int
    membrane: float
    preview: Path
    timing: Timing
    cells: int = 0
    resumed: int = 0
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Source:
    """A file to segment: what it declares, and its sections of 8 or 16 bits, one by one."""

    path: Path
    volume: Volume
    planes: Callable[[], Iterator[np.ndarray]]


@dataclass(frozen=True)
class Job:
    """Readable files to segment, and a writable folder for the results.

    Attributes
    ----------
    existing : tuple of Path
        Results that are there and may be replaced only by the work that began them.
    notes : tuple of str
        What is not read, and what is done to grey values.
    """

    files: tuple[Source, ...]
    out: Path
    sections: int
    existing: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()


def plan(source: Path, out: Path, *, overwrite: bool = False) -> Job:
    """Check that all files can be read and written, before a network is loaded.

    Parameters
    ----------
    source : Path
        A folder of images, or one image, stack or zarr; subfolders are ignored.
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
    sources = []
    for file in files:
        opened, said = _opened(file)
        sources.append(opened)
        notes += said
    sections = sum(source.volume.shape[0] for source in sources)
    targets = [out / kind / name for name in names for kind in (PROBABILITY, MASK, CELLS)]
    own = {file.resolve() for file in files}
    if lost := [path for path in targets if path.resolve() in own]:
        raise ConfigError(
            f"the results would replace {shown_name(lost[0])}; name another folder than "
            f"{shown_name(out)}"
        )
    there = [path for path in [*targets, out / TABLE, out / PREVIEW] if path.exists()]
    if not overwrite and not (out / UNFINISHED).is_dir():
        _refuse(there, out)
    try:
        for kind in (PROBABILITY, MASK, CELLS):
            (out / kind).mkdir(parents=True, exist_ok=True)
            TemporaryFile(dir=out / kind).close()
    except OSError as error:
        raise ConfigError(
            f"the results cannot be written to {shown_name(out)} ({error}); name another folder"
        ) from error
    return Job(tuple(sources), out, sections, () if overwrite else tuple(there), tuple(notes))


def _refuse(there: Sequence[Path], out: Path) -> None:
    if there:
        raise ConfigError(
            f"{shown_name(there[0])} exists, and {len(there) - 1} more of the results; name "
            f"another folder than {shown_name(out)}, or ask for them to be overwritten"
        )


def _opened(file: Path) -> tuple[Source, list[str]]:
    """Decode every section once, so that damage is found before anything is done."""
    try:
        volume = open_volume(file)
        planes, notes = grey_planes(volume, read_settings(file.parent).channel)
    except OSError as error:
        raise DataError(f"{shown_name(file)} cannot be read ({error})") from error
    return Source(file, volume, planes), notes


def _result_name(file: Path) -> str:
    """Name of the results of a file: the same, if its suffix says what they will be."""
    kind, suffix = kind_of(file), file.suffix.lower()
    if kind == "zarr":
        return file.name if suffix == ".zarr" else f"{file.name}.zarr"
    is_png = kind == "PNG"
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
    *,
    name: str = "",
    workers: int = 1,
    known: Known | None = None,
    pool: Executor | None = None,
    agglomerate: bool = False,
    start_s: float = 0.0,
) -> Segmented:
    """Segment image files, section by section; goes on with a work that was killed.

    Parameters
    ----------
    segment : callable
        Sections (n, h, w), uint8 or uint16, to membrane probabilities (n, h, w), such as a
        :class:`~spikeseg_core.inference.segmenter.Segmenter`.
    threshold : float
        Pixels with at least this probability are membrane.
    name : str
        Of the network: a killed work goes on with the same one only.
    workers : int
        Sections at a time; the results are the same for any number.
    pool : concurrent.futures.Executor, optional
        Where sections are segmented; by default threads of this process.
    known : Known, optional
        What the training sections look like, to warn of others.
    agglomerate : bool
        Whether cells are those of :func:`~spikeseg_core.evaluation.agglomeration.agglomerated`,
        else of :func:`~spikeseg_core.inference.cells.find_cells`.
    start_s : float
        Seconds until here, for :attr:`Segmented.timing`.

    Raises
    ------
    ConfigError
        If results are there that another work began.
    """
    unfinished = Unfinished(job.out, [source.path for source in job.files], name)
    if not unfinished.is_there:
        _refuse(job.existing, job.out)
    for note in job.notes:
        report.say(note)
    cells_of = agglomerated if agglomerate else partial(find_cells, threshold=threshold)
    resumed = unfinished.begin()
    if resumed:
        report.say(f"{resumed} of {job.sections} sections are done already; the rest follows")
    began = time.monotonic()
    with nullcontext(pool) if pool is not None else ThreadPoolExecutor(workers) as executor:
        done = _segment_all(job, unfinished, lambda s: executor.submit(segment, s), report, workers)
    segmented = time.monotonic()
    shown: list[tuple[str, np.ndarray, np.ndarray]] = []
    names, warnings = [], list[str]()
    membrane, pixels, cells = 0, 0, 0
    made = unfinished.made(TABLE)
    with made.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(Cell._fields)
        for number, source in enumerate(job.files):
            for index, section in enumerate(source.planes()):
                probability = _done(unfinished, job, number, index)
                found = int((probability >= threshold).sum())
                membrane += found
                share = found / section.size
                doubts = known.doubts(section, share) if known else without_training(section)
                called = source.volume.names[index]
                warnings += [f"section {called}: {doubt}" for doubt in doubts]
                if len(shown) < SECTIONS_SHOWN:
                    shown.append((called, section, probability))
            names.append(shown_name(_result_name(source.path)))
            pixels += math.prod(source.volume.shape)
            for rows in _write_all(job, unfinished, number, threshold, cells_of):
                table.writerows(rows)
                cells += len(rows)
    _move(made, job.out / TABLE)
    for warning in warnings:
        report.say(f"WARNING: {warning}")
    preview = job.out / PREVIEW
    _move(segmented_figure(shown, threshold, unfinished.made(PREVIEW), shown_name(title)), preview)
    unfinished.end()
    timing = Timing(
        start_s, segmented - began, time.monotonic() - segmented, done / 1e6, pixels / 1e6
    )
    return Segmented(
        tuple(names),
        job.sections,
        membrane / pixels,
        preview,
        timing,
        cells,
        resumed,
        tuple(warnings),
    )


def _segment_all(
    job: Job,
    unfinished: Unfinished,
    submit: Callable[[np.ndarray], Future[np.ndarray]],
    report: Reporter,
    workers: int,
) -> int:
    """Keep the probability of every section, and return how many pixels were segmented for it.

    At most a section more than workers is in memory.
    """
    done = pixels = 0
    running: deque[tuple[Future[np.ndarray], int, int]] = deque()

    def finish() -> None:
        nonlocal done, pixels
        future, number, index = running.popleft()
        probability = future.result()[0]
        unfinished.put(number, index, probability)
        done += 1
        pixels += probability.size
        report.progress(done, job.sections, job.files[number].volume.names[index])

    for number, source in enumerate(job.files):
        for index, section in enumerate(source.planes()):
            if unfinished.has(number, index):
                done += 1
                report.progress(done, job.sections, source.volume.names[index])
                continue
            running.append((submit(section[np.newaxis]), number, index))
            if len(running) > workers:
                finish()
    while running:
        finish()
    return pixels


def _done(unfinished: Unfinished, job: Job, number: int, index: int) -> np.ndarray:
    found = unfinished.get(number, index)
    if found is None:
        raise DataError(
            f"{shown_name(unfinished.folder)} lost section {index} of "
            f"{shown_name(job.files[number].path)}; delete that folder and segment again"
        )
    return found


def _move(made: Path, to: Path) -> None:
    if to.is_dir():
        shutil.rmtree(to)
    made.replace(to)


def _write_all(
    job: Job,
    unfinished: Unfinished,
    number: int,
    threshold: float,
    cells_of: Callable[[np.ndarray], np.ndarray],
) -> Iterator[Sequence[Cell]]:
    """Write the results of a file; gives the cells of every section."""
    volume, name = job.files[number].volume, _result_name(job.files[number].path)
    count, height, width = volume.shape
    done = partial(_done, unfinished, job, number)
    png = name.lower().endswith(".png")

    def probabilities() -> Iterator[np.ndarray]:
        for index in range(count):
            found = done(index)
            yield np.round(255.0 * found).astype(np.uint8) if png else found

    def masks() -> Iterator[np.ndarray]:
        for index in range(count):
            yield (done(index) >= threshold).astype(np.uint8) * np.uint8(255)

    def cells() -> Iterator[np.ndarray]:
        for index in range(count):
            yield cells_of(done(index))

    eight = np.dtype(np.uint8)
    grey = eight if png else np.dtype(np.float32)
    # So many cells that 16 bits are too few do not fit a smaller section.
    kind = np.dtype(np.uint16 if png or height * width <= _MOST_16_BITS else np.uint32)
    made = unfinished.made(name)
    write_sections(probabilities(), made, volume, grey, mean=True)
    _move(made, job.out / PROBABILITY / name)
    write_sections(masks(), made, volume, eight)
    _move(made, job.out / MASK / name)
    write_sections((c.astype(kind) for c in cells()), made, volume, kind)
    _move(made, job.out / CELLS / name)
    written = open_volume(job.out / CELLS / name)
    for section, labelled in zip(volume.names, written.decode(), strict=True):
        yield measured(labelled, shown_name(name), section, volume.pixel_nm)
