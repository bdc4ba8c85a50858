"""The membrane potentials that every presentation of a tile begins with.

A neuron that fires at 20 Hz and starts at rest is silent for 50 steps, and so is what it feeds: of
a short presentation most is lost to waiting, and what arrives is too little. Started at potentials
that are spread evenly between rest and threshold, the neurons of a layer together spike from the
first step at the rate their input asks for, as they would had the tile been shown for ever. (Plain
Nengo starts its spiking neurons at random potentials for the same reason; one for all, half
the threshold, is the subject of Bu et al. 2022, arXiv 2202.01440.)

The spread is the low-discrepancy sequence of Roberts ("The unreasonable effectiveness of
quasirandom sequences", 2018) over rows and columns, shifted from channel to channel: neighbours,
whose spikes are added up by the next layer, are at different points of their cycle. It needs no
seed, and two neurons at the same place always start alike.

The state of a chip's compartments has to be set between tiles in any case, else a tile would begin
with what the one before left; that they are set to these numbers instead of zero costs nothing
more.
"""

from __future__ import annotations

import numpy as np

from spikeseg_core.network import Network

_ALONG_ROWS, _ALONG_COLUMNS = 0.7548776662466927, 0.5698402909980532  # 1 / g, 1 / g^2; g^3 = g + 1
_ALONG_CHANNELS = 0.6180339887498949  # the golden ratio's fraction


def initial_potentials(network: Network, layer: str) -> np.ndarray:
    """Membrane potentials of an ensemble's neurons before the first step.

    Parameters
    ----------
    network : Network
        Says how its neurons start.
    layer : str
        Name of the ensemble.

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
