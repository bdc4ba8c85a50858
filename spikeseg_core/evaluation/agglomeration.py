"""Cells found on the host after the chip: a watershed whose basins are joined again.

A threshold loses a whole membrane to one faint pixel, because the two cells then touch. Basins of
a watershed meet along the whole membrane between them, so its mean probability decides.

The basins are those of Beier et al. 2017 (doi:10.1038/nmeth.4151): seeds far from the membranes,
flooded on the probability. The numbers below are customary and were not fitted to any sections.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import ndimage

from spikeseg_core.metrics.rand_info import RandInfo, TrueCells, thinned_regions

MEMBRANE = 0.25
"""Probability from which a pixel counts as membrane when distances to it are taken."""

SMOOTHED_PX = 2.0
"""Standard deviation by which distances are smoothed before seeds are sought."""

DISTANCE_SHARE = 0.1
"""Share of the distance in what is flooded, which leads basins through faint membranes."""

JOINED_BELOW = 0.5
"""Basins are one cell if the mean probability of the membrane between them is lower."""


def agglomerated(probability: np.ndarray, joined_below: float = JOINED_BELOW) -> np.ndarray:
    """Label the cells of a section by a watershed and agglomeration.

    Basins are joined, the weakest border first, as long as the mean probability along a border is
    below ``joined_below``; borders that become one are averaged by their lengths.

    Parameters
    ----------
    probability : array (h, w)
        Of membrane.

    Returns
    -------
    int32 array (h, w)
        1..; every pixel belongs to a cell.
    """
    # They take a second to import.
    from skimage.graph import merge_hierarchical, rag_boundary
    from skimage.segmentation import relabel_sequential

    landscape = np.asarray(probability, dtype=np.float64)
    basins = _basins(landscape)
    if basins.max() > 1:
        basins = merge_hierarchical(
            basins,
            rag_boundary(basins, landscape),
            thresh=joined_below,
            rag_copy=False,
            in_place_merge=True,
            merge_func=_nothing,
            weight_func=_mean_border,
        )
    return np.asarray(relabel_sequential(basins + 1)[0], dtype=np.int32)


def agglomerated_score(truth: TrueCells, probability: np.ndarray) -> RandInfo:
    """Score the cells that :func:`agglomerated` finds, their borders thinned as any membrane."""
    from skimage.segmentation import find_boundaries

    return truth.score(thinned_regions(find_boundaries(agglomerated(probability))))


def _basins(probability: np.ndarray) -> np.ndarray:
    """Flood the probability from the pixels that are farthest from membranes; 1.., or all 0."""
    from skimage.measure import label
    from skimage.morphology import local_maxima
    from skimage.segmentation import watershed

    interior = probability < MEMBRANE
    if interior.all() or not interior.any():
        return np.zeros(probability.shape, np.int32)
    distance = ndimage.gaussian_filter(ndimage.distance_transform_edt(interior), SMOOTHED_PX)
    seeds = label(local_maxima(distance) & interior, connectivity=2)
    far = distance / distance.max()
    return np.asarray(
        watershed((1 - DISTANCE_SHARE) * probability + DISTANCE_SHARE * (1 - far), seeds)
    )


def _nothing(graph: Any, source: int, target: int) -> None:
    """Do nothing when two basins are joined: their borders are all that counts."""


def _mean_border(graph: Any, source: int, target: int, neighbour: int) -> dict[str, float]:
    """Average the borders that two joined basins have with a third."""
    none = {"weight": 0.0, "count": 0}
    both = [graph[basin].get(neighbour, none) for basin in (source, target)]
    count = sum(border["count"] for border in both)
    return {
        "count": count,
        "weight": sum(border["count"] * border["weight"] for border in both) / count,
    }
