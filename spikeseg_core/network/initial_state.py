"""The initial membrane potentials of every presentation of a tile.

A neuron that fires at 20 Hz and starts at rest is silent for 50 steps, and so are the neurons it
feeds: most of a short presentation is lost. If the initial potentials are spread evenly between
rest and threshold, the neurons of a layer together spike from the first step at the rate that
their input demands, as in a very long presentation. (Nengo starts its spiking neurons at random
potentials for the same reason; a common one of half the threshold is studied by Bu et al. 2022,
arXiv 2202.01440.)

The spread is the low-discrepancy sequence of Roberts ("The unreasonable effectiveness of
quasirandom sequences", 2018) over rows and columns, shifted from channel to channel: neighbours,
whose spikes the next layer adds up, are at different points of their cycle. It needs no seed, and
a neuron always starts from the same potential.

The compartments of a chip have to be reset between tiles in any case; setting them to these numbers
instead of zero costs nothing extra.
"""

from __future__ import annotations

import numpy as np

from spikeseg_core.network import Graph, Network

_ALONG_ROWS, _ALONG_COLUMNS = 0.7548776662466927, 0.5698402909980532  # 1 / g, 1 / g^2; g^3 = g + 1
_ALONG_CHANNELS = 0.6180339887498949  # the golden ratio's fraction


def initial_potentials(network: Network | Graph, layer: str) -> np.ndarray:
    """Membrane potentials of an ensemble's neurons before the first step.

    Returns
    -------
    float64 array (rows, columns, channels)
        As a share of the threshold, 0 to below 1; all 0 where neurons start at rest.
    """
    shape = network.shape(layer)
    if network.initial_potential == "rest":
        return np.zeros(shape)
    row, column, channel = np.ogrid[: shape[0], : shape[1], : shape[2]]
    turns = row * _ALONG_ROWS + column * _ALONG_COLUMNS + channel * _ALONG_CHANNELS
    spread: np.ndarray = turns % 1.0
    return spread
