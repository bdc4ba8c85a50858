"""The mapped network, assembled from the stages before deployment."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from spikeseg_core.loihi.integer_network import IntegerNetwork
from spikeseg_core.loihi.mapping.core_mapping import CoreMapping
from spikeseg_core.loihi.mapping.placement import Placement
from spikeseg_core.loihi.run.base import MappedNetwork
from spikeseg_core.network import load_network
from spikeseg_core.stages.artifacts import INTEGER, MAPPING, PLACEMENT


def load_mapped(inputs: Mapping[str, Path]) -> MappedNetwork:
    """Assemble it from the folders of the stages tune, quantize and partition.

    Raises
    ------
    DataError
        If a file is missing or damaged.
    """
    network, weights = load_network(inputs["tune"])
    mapping = CoreMapping.load(inputs["quantize"] / MAPPING)
    return MappedNetwork(
        network,
        weights,
        mapping.tiles,
        IntegerNetwork.load(inputs["quantize"] / INTEGER),
        Placement.load(inputs["partition"] / PLACEMENT),
        mapping.population_type,
        mapping.weight_bits,
    )
