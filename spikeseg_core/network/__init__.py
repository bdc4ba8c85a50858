"""The description of a network that every stage reads."""

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

__all__ = [
    "DT",
    "IMAGE",
    "RATE_HZ_PER_UNIT",
    "Connection",
    "InitialPotential",
    "Layer",
    "Network",
    "Weights",
    "kernel_key",
    "load_network",
    "save_network",
]
