"""Weights of pixels in training: thin membranes count more than thick ones.

A gap of a few pixels in a membrane merges two cells, which hurts V_Rand and V_Info badly but hardly
changes pixel accuracy. So membrane pixels between two cells that nearly touch count more (after
Ronneberger et al. 2015, arXiv 1505.04597, eq. 2), and the others less in return: if all membranes
counted more, the network would predict too much membrane.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

REACH_PX = 5.0
"""The extra weight falls with the distance between the two cells, as a Gaussian of this width; a
membrane of these sections is 4 to 15 px thick."""
SMALLEST_CELL_PX = 50
"""Smaller interior regions are not cells."""


def pixel_weights(labels: np.ndarray, border_weight: float, membrane_weight: float) -> np.ndarray:
    """Weight the pixels of labelled sections.

    Parameters
    ----------
    border_weight : float
        How much more a membrane pixel weighs where two cells touch, relative to thick membrane.
    membrane_weight : float
        Mean weight of the membrane pixels of all sections; an interior pixel has 1.

    Returns
    -------
    float32 array (n, h, w)
    """
    membrane = labels > 0
    weights = np.ones(labels.shape, np.float32)
    if border_weight > 0:
        apart = np.stack([distance_between_cells(section) for section in membrane])
        extra = border_weight * np.exp(-((apart / REACH_PX) ** 2) / 2)
        weights[membrane] += extra[membrane].astype(np.float32)
    if membrane.any():
        weights[membrane] *= membrane_weight / weights[membrane].mean()
    return weights


def distance_between_cells(membrane: np.ndarray) -> np.ndarray:
    """Sum of the distances from every pixel to the two nearest cells.

    Returns
    -------
    float64 array (h, w)
        In px; infinite if there is no second cell within about five times :data:`REACH_PX`.
    """
    cells, _ = ndimage.label(~membrane)
    cells[np.bincount(cells.ravel())[cells] < SMALLEST_CELL_PX] = 0
    if not cells.any():
        return np.full(membrane.shape, np.inf)
    nearest, at = ndimage.distance_transform_edt(cells == 0, return_indices=True)
    owner = cells[tuple(at)]
    second = np.full(membrane.shape, np.inf)
    margin = round(5 * REACH_PX)
    for number, window in enumerate(ndimage.find_objects(cells), start=1):
        if window is None:
            continue
        around = tuple(slice(max(0, side.start - margin), side.stop + margin) for side in window)
        distance = ndimage.distance_transform_edt(cells[around] != number)
        others = owner[around] != number
        second[around] = np.where(others, np.minimum(second[around], distance), second[around])
    return np.asarray(nearest + second)
