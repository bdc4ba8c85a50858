"""Whether a network fits the board, asked before it is trained."""

from __future__ import annotations

from functools import lru_cache

from spikeseg_core.config import PipelineConfig, QuantizeConfig
from spikeseg_core.loihi.chip import Board
from spikeseg_core.loihi.mapping.tiles import fewest_cores
from spikeseg_core.network import catalogue


def cores_needed(config: PipelineConfig) -> int:
    """Count the cores that a configuration's network needs, with the tiles that need fewest.

    Raises
    ------
    MappingError
        If a layer fits no core: names the layer, the resource, its value and the limit.
    """
    return _cores(config.train.network, config.quantize)


def cores_of(config: PipelineConfig) -> int:
    """Cores of the configuration's board."""
    return Board(config.quantize.chips).cores


@lru_cache(maxsize=256)
def _cores(name: str, settings: QuantizeConfig) -> int:
    return fewest_cores(catalogue.network(name), settings.population_type, settings.weight_bits)
