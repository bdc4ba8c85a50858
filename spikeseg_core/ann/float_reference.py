"""The float reference: the network on the chip, simulated in floating point.

The chip differs from NengoDL in three ways: a spike takes one step to reach the next layer, weights
are integers, and every core has its own scale. The float reference has the delay and, if asked,
integer weights with one scale per layer. What remains is the splitting into cores, and the
difference between floating-point and integer arithmetic, which occasionally moves a spike by a
step.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from spikeseg_core.ann.forward import convolutions, integers_of, segment_in_batches
from spikeseg_core.ann.spiking import spiking_forward
from spikeseg_core.ann.unet import model_from_weights
from spikeseg_core.config import PresentationConfig
from spikeseg_core.loihi.mapping.fit import Tile
from spikeseg_core.loihi.quantization.fixed_point import cores_of_channels
from spikeseg_core.network import Network, Weights
from spikeseg_core.reporting import SILENT, Reporter

_FRAMES = 400
"""Tiles times steps per batch; the spikes of all layers are kept in memory."""


def segment_with_float_reference(
    network: Network,
    weights: Weights,
    tiles: np.ndarray,
    presentation: PresentationConfig,
    *,
    weight_bits: int | None = None,
    core_tiles: dict[str, Tile] | None = None,
    report: Reporter = SILENT,
) -> np.ndarray:
    """Segment tiles as the chip does, but in floating point.

    Parameters
    ----------
    tiles : float32 array (tiles, tile, tile)
        Standardised.
    weight_bits : int, optional
        Bits that on-chip weights are rounded to, as on the cores; None: exact weights.
    core_tiles : dict of str to Tile, optional
        Tile of each on-chip layer, whose channels share a scale; by default the whole layer does.

    Returns
    -------
    float32 array (tiles, tile, tile)
        Logits.
    """
    model = model_from_weights(network, weights, "loihi")
    cores = {}
    for layer in network.chip_layers():
        depth = layer.channels if core_tiles is None else core_tiles[layer.name][2]
        cores[layer.name] = cores_of_channels(layer.channels, depth)
    synapse_ms = presentation.synapse_ms
    integers = None
    if weight_bits is not None:
        integers = integers_of(network, model, cores, weight_bits, synapse_ms)
    convolve = convolutions(network, model, integers)
    window = (presentation.readout_start, presentation.steps)

    def logits_of(shown: Any) -> Any:
        found, *_ = spiking_forward(
            network, convolve, shown, [window], delay=1, synapse_ms=synapse_ms
        )
        return found

    batch = max(1, _FRAMES // presentation.steps)
    what = "section tiles of the float reference"
    return segment_in_batches(tiles, batch, logits_of, report, what)
