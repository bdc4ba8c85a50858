"""Activations to spike rates: every ensemble's activations are scaled to what neurons can do.

The activations of a network trained elsewhere have any size; a neuron of the chip spikes at most
1,000 times a second, and well below 200. So each ensemble is scaled by a percentile of its
activations on a few items of the input (Rueckauer et al. 2017, doi:10.3389/fnins.2017.00682), which
changes nothing but the units: a ReLU of scaled inputs is a scaled ReLU.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spikeseg_core.network import IMAGE, RATE_HZ_PER_UNIT, Ensemble, Graph, Link

PERCENTILE = 99.9
MAX_RATE_HZ = 100.0
"""Rate that the percentile of an ensemble's activations gets."""


def scaled(
    graph: Graph,
    items: np.ndarray,
    max_rate_hz: float = MAX_RATE_HZ,
    percentile: float = PERCENTILE,
) -> Graph:
    """Scale the ensembles to spike rates; the read-out stays in the network's own units.

    Parameters
    ----------
    items : ndarray
        Items of the input, ``(items, rows, columns, channels)``.
    """
    found = graph.forward(items)
    scales = {IMAGE: 1.0}
    for layer in graph.layers:
        top = float(np.percentile(found[layer.name], percentile)) or float(found[layer.name].max())
        scales[layer.name] = top / (max_rate_hz / RATE_HZ_PER_UNIT) or 1.0

    def in_rates(layer: Ensemble, scale: float) -> Ensemble:
        links = tuple(
            Link(
                link.source,
                link.rows,
                link.columns,
                (link.kernel * (scales[link.source] / scale)).astype(np.float32),
            )
            for link in layer.inputs
        )
        bias = (layer.bias / scale).astype(np.float32)
        return replace(layer, inputs=links, bias=bias, scale=scale)

    layers = tuple(in_rates(layer, scales[layer.name]) for layer in graph.layers)
    return replace(graph, layers=layers, readout=in_rates(graph.readout, 1.0))
