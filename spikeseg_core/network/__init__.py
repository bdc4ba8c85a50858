"""The description of a network that every stage reads."""

from spikeseg_core.network.axis import Axis
from spikeseg_core.network.description import (
    DT,
    IMAGE,
    RATE_HZ_PER_UNIT,
    Connection,
    InitialPotential,
    Layer,
    Network,
    Weights,
    kernel_key,
    load_network,
    save_network,
)
from spikeseg_core.network.graph import Ensemble, Graph, Link

__all__ = [
    "DT",
    "IMAGE",
    "RATE_HZ_PER_UNIT",
    "Axis",
    "Connection",
    "Ensemble",
    "Graph",
    "InitialPotential",
    "Layer",
    "Link",
    "Network",
    "Weights",
    "kernel_key",
    "load_network",
    "save_network",
]
