"""Messages, time and energy of a step of the same tiles under every partitioning strategy."""

from __future__ import annotations

import pandas as pd

from spikeseg_core.loihi.chip import Board
from spikeseg_core.loihi.cost.step import MappedStep
from spikeseg_core.loihi.mapping.core_mapping import CoreMapping
from spikeseg_core.loihi.mapping.mesh import place_on_mesh
from spikeseg_core.loihi.mapping.partition import placements
from spikeseg_core.loihi.mapping.traffic import Rates, traffic
from spikeseg_core.network import Network


def strategy_table(
    network: Network, mapping: CoreMapping, rates: Rates, board: Board, seed: int = 0
) -> pd.DataFrame:
    """Partition the same tiles with every strategy, and model a step of each.

    Parameters
    ----------
    mapping : CoreMapping
        Tiles of every layer, and the chips that ``optimized`` starts from.
    rates : mapping of str to ndarray
        Spike rates in Hz of every layer, ``(rows, columns, channels)``.

    Returns
    -------
    DataFrame
        One row per strategy: ``strategy``, ``chips``, ``interchip_messages_per_step``,
        ``messages_per_step``, ``time_us``, ``dynamic_uj``, ``static_uj`` and ``waits_for``,
        the bottleneck; silicon-fitted constants, static power of whole chips and x86 cores.

    Raises
    ------
    MappingError
        If the board has too few cores.
    """
    messages = traffic(network, mapping.tiles, rates)
    rows = []
    for strategy, placement in placements(messages, board, seed, mapping.chips).items():
        on_mesh = place_on_mesh(messages, placement, seed)
        step = MappedStep.of(network, mapping.tiles, rates, on_mesh).estimate()
        rows.append(
            {
                "strategy": strategy,
                "chips": placement.chip_count,
                "interchip_messages_per_step": messages.interchip(placement.chips),
                "messages_per_step": messages.total,
                "time_us": step.time_us,
                "dynamic_uj": step.dynamic_uj,
                "static_uj": step.static_uj,
                "waits_for": step.bottleneck,
            }
        )
    return pd.DataFrame(rows)
