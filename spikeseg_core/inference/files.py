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
import shutil
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from spikeseg_core.data.formats.opening import open_volume
from spikeseg_core.data.formats.volume import shown_name
from spikeseg_core.errors import DataError
from spikeseg_core.evaluation.agglomeration import agglomerated
from spikeseg_core.figures.sections import segmented_figure
from spikeseg_core.inference.cells import LEAST_PIXELS, Cell, find_cells, measured
from spikeseg_core.inference.job import CELLS, MASK, PREVIEW, PROBABILITY, TABLE, Job
from spikeseg_core.inference.known import Known, without_training
from spikeseg_core.inference.timing import Timing
from spikeseg_core.inference.unfinished import Unfinished
from spikeseg_core.inference.writing import write_sections
from spikeseg_core.reporting import SILENT, Reporter

SECTIONS_SHOWN = 3
_MOST_16_BITS = LEAST_PIXELS * (2**16 - 1)
"""Pixels of a section whose cells can be numbered with 16 bits, whatever they are."""


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
        job.refuse_existing()
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
    overall, cells, names = _Overall(threshold, known), 0, []
    made = unfinished.made(TABLE)
    with made.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(Cell._fields)
        for number, source in enumerate(job.files):
            for index, section in enumerate(source.planes()):
                called = source.volume.names[index]
                overall.add(called, section, _done(unfinished, job, number, index))
            names.append(shown_name(source.result_name))
            for rows in _write_all(job, unfinished, number, threshold, cells_of):
                table.writerows(rows)
                cells += len(rows)
    _move(made, job.out / TABLE)
    for warning in overall.warnings:
        report.say(f"WARNING: {warning}")
    preview = job.out / PREVIEW
    picture = unfinished.made(PREVIEW)
    _move(segmented_figure(overall.first, threshold, picture, shown_name(title)), preview)
    unfinished.end()
    spent = segmented - began, time.monotonic() - segmented
    return Segmented(
        names=tuple(names),
        sections=job.sections,
        membrane=overall.membrane / overall.pixels,
        preview=preview,
        timing=Timing(start_s, *spent, done / 1e6, overall.pixels / 1e6),
        cells=cells,
        resumed=resumed,
        warnings=tuple(overall.warnings),
    )


class _Overall:
    """What is said of all sections together.

    Attributes
    ----------
    first : list of (name, section, probability)
        The first sections, for the preview.
    warnings : list of str
        Sections that the network may not know.
    """

    def __init__(self, threshold: float, known: Known | None) -> None:
        self.membrane, self.pixels = 0, 0
        self.first: list[tuple[str, np.ndarray, np.ndarray]] = []
        self.warnings: list[str] = []
        self._threshold, self._known = threshold, known

    def add(self, name: str, section: np.ndarray, probability: np.ndarray) -> None:
        found, known = int((probability >= self._threshold).sum()), self._known
        share = found / section.size
        doubts = known.doubts(section, share) if known else without_training(section)
        self.membrane += found
        self.pixels += section.size
        self.warnings += [f"section {name}: {doubt}" for doubt in doubts]
        if len(self.first) < SECTIONS_SHOWN:
            self.first.append((name, section, probability))


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
    volume, name = job.files[number].volume, job.files[number].result_name
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
