"""A loss on the few pixels that decide which cells are joined and which are split.

Two cells run into one where the membrane between them has its weakest pixel, and a cell falls apart
at the pixels of false membrane that separate its parts. Cross-entropy over all pixels hardly sees
these. Here pixels join regions in the order of their probability of membrane, lowest first, and a
pixel that joins two regions weighs as many pixels as the smaller of them has: those that would
change sides. This follows MALIS (Turaga et al. 2009, arXiv 0911.5372; with labels as constraints,
Funke et al. 2018, arXiv 1709.02974), without its pairs of pixels, which large cells dominate.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numba
import numpy as np
from scipy import ndimage

from spikeseg_core.config import TrainConfig, TuneConfig
from spikeseg_core.data.borders import SMALLEST_CELL_PX
from spikeseg_core.stack import tf


def with_topology(
    parts: Mapping[str, Any], logits: Any, targets: Any, config: TrainConfig | TuneConfig
) -> dict[str, Any]:
    """Add the loss on critical pixels, ``topology``, with its weight to the loss.

    Parameters
    ----------
    logits, targets : tensor (batch, tile, tile, 1 or more)
        Membrane is where the first target is above one half.
    """
    if not config.topology_weight:
        return dict(parts)
    aims = targets[..., 0]
    weights = tf.numpy_function(
        critical_pixels, [tf.sigmoid(logits[..., 0]), aims], tf.float32, stateful=False
    )
    weights = tf.stop_gradient(tf.ensure_shape(weights, logits.shape[:-1]))
    membrane = tf.cast(aims > 0.5, tf.float32)
    entropy = tf.nn.sigmoid_cross_entropy_with_logits(membrane, logits[..., 0])
    loss = tf.reduce_mean(tf.reduce_sum(weights * entropy, axis=(1, 2)))
    return {**parts, "loss": parts["loss"] + config.topology_weight * loss, "topology": loss}


def critical_pixels(probability: np.ndarray, aims: np.ndarray) -> np.ndarray:
    """Weigh the pixels of tiles by how much they join or split.

    Parameters
    ----------
    probability : float32 array (n, h, w)
        Of membrane.
    aims : array (n, h, w)
        Above one half where membrane should be.

    Returns
    -------
    float32 array (n, h, w)
        As a share of all pixels of cells. On membrane: the size of the smaller of the two largest
        cells on both sides, where it is the weakest pixel between them. In a cell: that of the
        smaller part, where it joins two parts. Cells and parts below
        :data:`~spikeseg_core.data.borders.SMALLEST_CELL_PX` do not count.
    """
    found = np.zeros(probability.shape, np.float32)
    for tile, aim, weights in zip(probability, aims, found, strict=True):
        cells, count = ndimage.label(aim <= 0.5)
        sizes = np.bincount(cells.ravel(), minlength=count + 1)
        sizes[0] = 0
        sizes[sizes < SMALLEST_CELL_PX] = 0
        if sizes.any():
            weights[:] = _weights(tile, cells, sizes, SMALLEST_CELL_PX) / sizes.sum()
    return found


@numba.njit(cache=True, nogil=True)
def _root(parents: np.ndarray, pixel: int) -> int:
    while parents[pixel] != pixel:
        parents[pixel] = parents[parents[pixel]]
        pixel = parents[pixel]
    return pixel


@numba.njit(cache=True, nogil=True)
def _join(parents: np.ndarray, reach: np.ndarray, pixel: int, other: int, largest: bool) -> int:
    """Join the regions of two pixels; return the reach of the smaller."""
    here, there = _root(parents, pixel), _root(parents, other)
    if here == there:
        return 0
    first, second = reach[here], reach[there]
    reach[here] = max(first, second) if largest else first + second
    parents[there] = here
    return min(first, second)


@numba.njit(cache=True, nogil=True)
def _weights(
    probability: np.ndarray, cells: np.ndarray, sizes: np.ndarray, least: int
) -> np.ndarray:
    """Weights in pixels: first the parts of each cell are joined, then cells through membrane.

    A region's ``reach`` is what it has to lose: in the first round its pixels, in the second the
    pixels of its largest cell.
    """
    height, width = probability.shape
    flat, cell = probability.ravel(), cells.ravel()
    weights = np.zeros(flat.size, np.float32)
    parents = np.full(flat.size, -1, np.int64)
    reach = np.zeros(flat.size, np.int64)
    order = np.argsort(flat, kind="mergesort")  # stable: the same on every machine
    for on_membrane in (False, True):
        if on_membrane:
            for pixel in range(flat.size):
                if cell[pixel]:
                    reach[_root(parents, pixel)] = sizes[cell[pixel]]
        for pixel in order:
            if (cell[pixel] == 0) != on_membrane:
                continue
            parents[pixel] = pixel
            reach[pixel] = 0 if on_membrane else 1
            row, column = pixel // width, pixel % width
            for turn in range(4):
                y, x = row + (turn == 0) - (turn == 1), column + (turn == 2) - (turn == 3)
                if y < 0 or x < 0 or y >= height or x >= width:
                    continue
                other = y * width + x
                if parents[other] < 0:
                    continue
                lost = _join(parents, reach, pixel, other, on_membrane)
                if lost >= least:
                    weights[pixel] += lost
    return weights.reshape(height, width)
