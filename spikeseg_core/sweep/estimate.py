"""What the chips would take for a section, estimated before a network is trained.

The network is cut as the fit check cuts it, all its neurons are given the same spike rate, and the
events that follow are priced by the model of the benchmark. So it ranks architectures in a second
each; what a trained network takes is for the benchmark to say.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from spikeseg_core.config import PipelineConfig, QuantizeConfig
from spikeseg_core.loihi.chip import Board
from spikeseg_core.loihi.cost.expected import events_from_rates
from spikeseg_core.loihi.cost.model import loihi_energy
from spikeseg_core.loihi.mapping.partition import partition
from spikeseg_core.loihi.mapping.tiles import choose_tiles
from spikeseg_core.loihi.mapping.traffic import traffic
from spikeseg_core.network import catalogue

RATE_HZ = 21.0
"""Mean spike rate of the neurons on the chip, Hz: 20.0 to 21.6 in six trainings of ``lean``, tuned
as its preset says (measured)."""

PREFIX = "estimate/"


def estimate(config: PipelineConfig) -> dict[str, float]:
    """Estimate the energy of a section on the chips, and count neurons and multiply-adds.

    Returns
    -------
    dict of str to float
        ``estimate/loihi_total_mj``, ``estimate/loihi_dynamic_mj`` (modelled from the rates assumed
        here, the host not included), ``estimate/neurons_on_chip``, ``estimate/multiply_adds`` of a
        tile.

    Raises
    ------
    MappingError
        If the network does not fit the board.
    """
    tiles = config.dataset.tiles_per_axis**2
    neurons, multiply_adds, dynamic, static = _of_a_tile(
        config.train.network, config.quantize, config.presentation.steps
    )
    return {
        f"{PREFIX}loihi_total_mj": tiles * (dynamic + static),
        f"{PREFIX}loihi_dynamic_mj": tiles * dynamic,
        f"{PREFIX}neurons_on_chip": float(neurons),
        f"{PREFIX}multiply_adds": float(multiply_adds),
    }


@lru_cache(maxsize=256)
def _of_a_tile(name: str, settings: QuantizeConfig, steps: int) -> tuple[int, int, float, float]:
    network = catalogue.network(name)
    tiles = choose_tiles(network, "fewest_cores", settings.population_type, settings.weight_bits)
    rates = {layer.name: np.full(network.shape(layer.name), RATE_HZ) for layer in network.layers}
    placement = partition("metis", traffic(network, tiles, rates), Board(settings.chips))
    found = loihi_energy(events_from_rates(network, tiles, rates, steps, placement))
    return network.neurons_on_chip, network.multiply_adds, found.dynamic_mj, found.static_mj
