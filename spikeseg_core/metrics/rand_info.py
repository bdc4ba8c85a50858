"""V_Rand and V_Info: the ISBI 2012 challenge's scores of how well cells are separated.

Arganda-Carreras et al. 2015, doi:10.3389/fnana.2015.00142: foreground-restricted, after border
thinning. docs/reference/metrics.md has the definitions and all choices that the paper leaves open.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numba
import numpy as np
from scipy import ndimage, sparse

from spikeseg_core.errors import DataError

THRESHOLDS = tuple(round(0.1 * k, 1) for k in range(1, 10))
"""Thresholds that the official scores are maximised over."""

_FOUR_NEIGHBOURS = ndimage.generate_binary_structure(2, 1)


class RandInfo(NamedTuple):
    """The two scores of one section; 1 is a perfect partition into cells."""

    v_rand: float
    v_info: float


class ThresholdCurve(NamedTuple):
    """Scores of the sections of a stack at each threshold.

    Attributes
    ----------
    thresholds : array (t,)
    sections : array (n, t, 2)
        V_Rand and V_Info of every section.
    """

    thresholds: np.ndarray
    sections: np.ndarray

    @property
    def v_rand(self) -> np.ndarray:
        """V_Rand at each threshold ``(t,)``, averaged over sections."""
        return np.asarray(self.sections.mean(axis=0)[:, 0])

    @property
    def v_info(self) -> np.ndarray:
        """V_Info at each threshold ``(t,)``, averaged over sections."""
        return np.asarray(self.sections.mean(axis=0)[:, 1])

    @property
    def best_v_rand_threshold(self) -> float:
        """The threshold with the highest V_Rand; the lowest one if several tie."""
        return float(self.thresholds[np.argmax(self.v_rand)])

    @property
    def best_v_info_threshold(self) -> float:
        """The threshold with the highest V_Info; the lowest one if several tie."""
        return float(self.thresholds[np.argmax(self.v_info)])

    def sections_at(self, threshold: float) -> np.ndarray:
        """Return V_Rand and V_Info of every section ``(n, 2)`` at one of the thresholds."""
        found = np.flatnonzero(np.isclose(self.thresholds, threshold))
        if not found.size:
            raise DataError(
                f"threshold {threshold} was not scored; choose one of {self.thresholds.tolist()}"
            )
        return np.asarray(self.sections[:, found[0]])

    def at(self, threshold: float) -> RandInfo:
        """Return the scores at one of the thresholds, averaged over sections."""
        v_rand, v_info = self.sections_at(threshold).mean(axis=0)
        return RandInfo(float(v_rand), float(v_info))


def cell_regions(membrane: np.ndarray) -> np.ndarray:
    """Label the cells of a section: 4-connected regions of interior pixels.

    Parameters
    ----------
    membrane : bool array (h, w)

    Returns
    -------
    int32 array (h, w)
        0 = membrane, 1.. = cells.
    """
    return ndimage.label(~membrane, structure=_FOUR_NEIGHBOURS)[0]


def thinned_regions(membrane: np.ndarray) -> np.ndarray:
    """Label the cells of a section and thin the borders between them to one pixel.

    The cells are flooded into the membrane at equal speed (watershed of the binary section, 4
    neighbours); a pixel where two cells meet stays border. So membrane that separates nothing
    disappears, and the width of borders does not matter.

    Parameters
    ----------
    membrane : bool array (h, w)

    Returns
    -------
    int32 array (h, w)
        0 = border, 1.. = cells; all 0 if there is no interior pixel.
    """
    walled = np.pad(cell_regions(membrane), 1, constant_values=_BORDER)
    _flood(walled.ravel(), walled.shape[1])
    return np.maximum(walled[1:-1, 1:-1], 0)


_BORDER = -1


@numba.njit(cache=True, nogil=True)
def _flood(cells: np.ndarray, width: int) -> None:
    """Flood cells (1..) into membrane (0) pixel by pixel; -1 stays.

    A watershed of a flat image: pixels are taken in the order in which they are reached, so it
    needs no priority queue. The general algorithm takes seven times as long.
    """
    around = np.array([-width, -1, 1, width])
    pixels = np.empty(4 * np.count_nonzero(cells == 0), np.int64)
    labels = np.empty(len(pixels), np.int32)
    last = 0
    for pixel in range(len(cells)):
        if cells[pixel] > 0:
            for step in around:
                if cells[pixel + step] == 0:
                    pixels[last], labels[last] = pixel + step, cells[pixel]
                    last += 1
    first = 0
    while first < last:
        pixel, label = pixels[first], labels[first]
        first += 1
        if cells[pixel] != 0:
            continue
        for step in around:
            if cells[pixel + step] > 0 and cells[pixel + step] != label:
                cells[pixel] = _BORDER
        if cells[pixel] == 0:
            cells[pixel] = label
            for step in around:
                if cells[pixel + step] == 0:
                    pixels[last], labels[last] = pixel + step, label
                    last += 1


class TrueCells:
    """The true cells of a section, with the parts of the scores that depend only on them.

    Parameters
    ----------
    truth : int array (h, w)
        0 = border, 1.. = cells (:func:`cell_regions`).

    Raises
    ------
    DataError
        If there are no cells.
    """

    def __init__(self, truth: np.ndarray) -> None:
        self._pixels = np.flatnonzero(truth)
        if not self._pixels.size:
            raise DataError(
                "a section is labelled membrane all over; V_Rand and V_Info need at least one "
                "interior pixel: check the label polarity, or omit the section"
            )
        self._cells = truth.ravel()[self._pixels]
        share = np.bincount(self._cells) / self._cells.size
        self._squares, self._entropy = _squares(share), _entropy(share)

    def score(self, proposal: np.ndarray) -> RandInfo:
        """Score a proposed partition into cells, as :func:`rand_info`."""
        s, t, n = proposal.ravel()[self._pixels], self._cells, self._cells.size
        inside = s > 0
        singles = n - np.count_nonzero(inside)  # border pixels of the proposal inside true cells
        joint = sparse.coo_array(
            (np.ones(n - singles), (s[inside], t[inside])), shape=(s.max() + 1, t.max() + 1)
        ).tocsr()
        p_joint = joint.data / n
        p_proposal = np.asarray(joint.sum(axis=1)).ravel() / n

        squares = _squares(p_proposal) + singles / n**2 + self._squares
        singles_entropy = singles / n * np.log(n)
        h_proposal = _entropy(p_proposal) + singles_entropy
        information = h_proposal + self._entropy - (_entropy(p_joint) + singles_entropy)
        mean_entropy = 0.5 * (h_proposal + self._entropy)
        return RandInfo(
            v_rand=float((_squares(p_joint) + singles / n**2) / (0.5 * squares)),
            v_info=float(information / mean_entropy) if mean_entropy > 0 else 1.0,
        )


def rand_info(truth: np.ndarray, proposal: np.ndarray) -> RandInfo:
    """Score a proposed partition into cells against the true one.

    With p_ij the share of truth's foreground pixels in cell i of the proposal and cell j of the
    truth, s_i and t_j its sums, and alpha = 1/2 (the F-score of split and merge scores):

    V_Rand = sum p_ij^2 / (alpha sum s_i^2 + (1 - alpha) sum t_j^2),
    V_Info = I(S; T) / (alpha H(S) + (1 - alpha) H(T)).

    Pixels that are membrane in the truth are ignored. A border pixel of the proposal that lies
    in a true cell counts as a separate cell, as in the challenge's software.

    Parameters
    ----------
    truth, proposal : int array (h, w)
        0 = border, 1.. = cells (:func:`cell_regions`, :func:`thinned_regions`).

    Returns
    -------
    RandInfo
        Both are 1 if the partitions are the same, even with a single cell.

    Raises
    ------
    DataError
        If the truth has no cells.
    """
    return TrueCells(truth).score(proposal)


def _squares(p: np.ndarray) -> float:
    return float(np.dot(p, p))


def _entropy(p: np.ndarray) -> float:
    """Entropy in nats."""
    p = p[p > 0]
    return float(-np.dot(p, np.log(p)))


def threshold_curve(
    probability: np.ndarray,
    truths: Sequence[TrueCells],
    thresholds: Sequence[float] = THRESHOLDS,
) -> ThresholdCurve:
    """V_Rand and V_Info of the sections of a stack at each threshold.

    Parameters
    ----------
    probability : array (n, h, w)
        Membrane probability; above the threshold a pixel is proposed as membrane.
    """

    def score(job: tuple[int, float]) -> RandInfo:
        section, threshold = job
        return truths[section].score(thinned_regions(probability[section] > threshold))

    jobs = [(section, threshold) for section in range(len(truths)) for threshold in thresholds]
    # The flooding releases the GIL, and threads, unlike forks, are safe with TensorFlow.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        scores = np.array(list(pool.map(score, jobs)))
    sections = scores.reshape(len(truths), len(thresholds), 2)
    return ThresholdCurve(np.asarray(thresholds, dtype=float), sections)
