"""Cells of a segmented section: flooded from their interior to the middle of the membranes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from spikeseg_core.metrics.rand_info import cell_regions

LEAST_PIXELS = 16
"""Regions of fewer interior pixels are no cells: specks in membranes and vesicles."""


class Cell(NamedTuple):
    """A row of the table of cells.

    Attributes
    ----------
    file, section : str
        Results' file, and the section in it.
    cell : int
        Its value in the picture of cells of this section, from 1.
    area_px, area_um2 : float
        µm² is empty if no pixel size is declared.
    y_px, x_px : float
        Centre of mass, from the centre of the first pixel.
    y_nm, x_nm : float, optional
    at_edge : bool
        Whether it touches the edge of the section, so it may be larger.
    """

    file: str
    section: str
    cell: int
    area_px: int
    area_um2: float | None
    y_px: float
    x_px: float
    y_nm: float | None
    x_nm: float | None
    at_edge: bool


def find_cells(probability: np.ndarray, threshold: float) -> np.ndarray:
    """Label the cells of a section.

    Regions below the threshold (4 neighbours) are cells; a watershed of the probability extends
    them into the membranes until they meet, so every pixel belongs to a cell.

    Parameters
    ----------
    probability : array (h, w)
        Of membrane.
    threshold : float
        That of the mask.

    Returns
    -------
    int32 array (h, w)
        1.., in the order of their first pixel; all 0 if there is no cell.
    """
    from skimage.segmentation import watershed

    regions = cell_regions(probability >= threshold)
    sizes = np.bincount(regions.ravel())
    kept = np.flatnonzero(sizes >= LEAST_PIXELS)
    kept = kept[kept > 0]
    number = np.zeros(len(sizes), np.int32)
    number[kept] = np.arange(1, len(kept) + 1)
    if not len(kept):
        return np.zeros(probability.shape, np.int32)
    return np.asarray(watershed(probability, number[regions]), dtype=np.int32)


def measured(
    cells: np.ndarray, file: str, section: str, pixel_nm: tuple[float, float] | None
) -> Sequence[Cell]:
    """Measure the cells of a section that :func:`find_cells` labelled."""
    count = int(cells.max())
    flat = cells.ravel().astype(np.intp)
    area = np.bincount(flat, minlength=count + 1)
    width = cells.shape[1]
    rows, columns = np.divmod(np.arange(flat.size), width)
    y = np.bincount(flat, rows, count + 1)[1:] / area[1:]
    x = np.bincount(flat, columns, count + 1)[1:] / area[1:]
    edge = set(np.concatenate([cells[0], cells[-1], cells[:, 0], cells[:, -1]]).tolist())
    down, across = pixel_nm or (None, None)
    return [
        Cell(
            file,
            section,
            cell,
            int(area[cell]),
            None if not (down and across) else float(area[cell]) * down * across / 1e6,
            round(float(y[cell - 1]), 2),
            round(float(x[cell - 1]), 2),
            None if not down else round(float(y[cell - 1]) * down, 2),
            None if not across else round(float(x[cell - 1]) * across, 2),
            cell in edge,
        )
        for cell in range(1, count + 1)
    ]
