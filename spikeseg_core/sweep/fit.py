"""Whether a network fits the board, checked before training."""

from __future__ import annotations

from functools import lru_cache

from spikeseg_core.config import PipelineConfig, QuantizeConfig
from spikeseg_core.loihi.chip import Board
from spikeseg_core.loihi.mapping.tiles import fewest_cores
from spikeseg_core.network import catalogue


def cores_needed(config: PipelineConfig) -> int:
    """Return the fewest cores that a configuration's network needs.

    Raises
    ------
    MappingError
        If a layer does not fit a core: names the layer, the resource, its value and the limit.
    """
    return _cores(config.train.network, config.quantize)


def cores_of(config: PipelineConfig) -> int:
    """Return the number of cores of the configuration's board."""
    return Board(config.quantize.chips).cores


@lru_cache(maxsize=256)
def _cores(name: str, settings: QuantizeConfig) -> int:
    return fewest_cores(catalogue.network(name), settings.population_type, settings.weight_bits)
