"""How long a spike is on its way through a network."""

from __future__ import annotations

from spikeseg_core.network.description import IMAGE, Network


def depth(network: Network) -> int:
    """Count the steps that a spike needs from the host through all ensembles, the longest way."""
    after: dict[str, int] = {IMAGE: 0}
    for layer in network.layers:
        after[layer.name] = layer.on_chip + max(after[c.source] for c in layer.inputs)
    return after[network.readout.source]
