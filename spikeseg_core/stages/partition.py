"""Stage 6: place core blocks on chips and on the mesh."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from spikeseg_core.config import PipelineConfig
from spikeseg_core.loihi.chip import Board
from spikeseg_core.loihi.mapping.core_mapping import CoreMapping
from spikeseg_core.loihi.mapping.fit import Tile, tile_boxes
from spikeseg_core.loihi.mapping.mesh import hops, place_on_mesh
from spikeseg_core.loihi.mapping.partition import Strategy, placements
from spikeseg_core.loihi.mapping.placement import Placement, router_of
from spikeseg_core.loihi.mapping.traffic import Traffic, traffic
from spikeseg_core.network import Network, load_network
from spikeseg_core.reporting import Reporter
from spikeseg_core.stages.artifacts import BLOCKS, MAPPING, PLACEMENT, RATES, STRATEGIES
from spikeseg_core.stages.base import StageResult
from spikeseg_core.storage import load_arrays, save_table


def run(
    config: PipelineConfig, inputs: Mapping[str, Path], folder: Path, report: Reporter
) -> StageResult:
    """Place the cores of the quantize stage, as configured.

    The strategy ``optimized`` starts from the chips of the quantize stage, and never ends with more
    NoC traffic between chips.

    Raises
    ------
    MappingError
        If the board has too few cores.
    DataError
        If an input of an earlier stage is missing or damaged.
    """
    network, _ = load_network(inputs["tune"])
    carried = CoreMapping.load(inputs["quantize"] / MAPPING)
    board, tiles = Board(config.quantize.chips), carried.tiles
    messages = traffic(network, tiles, load_arrays(inputs["convert"] / RATES))
    strategy, seed = config.partition.strategy, config.partition.seed
    found = placements(messages, board, seed, carried.chips)
    strategies = strategy_table(messages, found)
    placement = place_on_mesh(messages, found[strategy], seed)
    placement.save(folder / PLACEMENT)

    interchip = messages.interchip(placement.chips)
    report.say(
        f"{strategy}: {messages.cores} cores on {placement.chip_count} chips, "
        f"{interchip:,.1f} of {messages.total:,.1f} messages per step cross between chips"
    )
    tables = (
        save_table(strategies, folder / STRATEGIES),
        save_table(block_table(network, tiles, messages, placement), folder / BLOCKS),
    )
    on_mesh = hops(messages, placement)
    return StageResult(
        metrics={
            "partition": {
                "mapping/chips": float(placement.chip_count),
                "mapping/cores": float(messages.cores),
                "mapping/interchip_messages_per_step": interchip,
                "mapping/messages_per_step": messages.total,
                "mapping/host_messages_per_step": float(messages.from_host.sum()),
                "mapping/hops_per_step": on_mesh.total,
                "mapping/busiest_link_messages_per_step": on_mesh.busiest_link,
            }
        },
        tables=tables,
        facts={
            "strategy": strategy,
            "chips": placement.chip_count,
            "cores_per_chip": placement.cores_per_chip.tolist(),
            "quantize_interchip_messages_per_step": messages.interchip(carried.chips),
            "strategies": strategies.to_dict(orient="records"),
        },
    )


def strategy_table(messages: Traffic, placements: Mapping[Strategy, Placement]) -> pd.DataFrame:
    """Compare the strategies' placements of the same cores.

    Returns
    -------
    DataFrame
        A row per strategy: ``strategy``, ``chips``, ``cores_per_chip``, messages per step between
        chips, within chips and in total.
    """
    rows = []
    for strategy, placement in placements.items():
        crossing = messages.interchip(placement.chips)
        rows.append(
            {
                "strategy": strategy,
                "chips": placement.chip_count,
                "cores_per_chip": " ".join(str(n) for n in placement.cores_per_chip),
                "interchip_messages_per_step": crossing,
                "intrachip_messages_per_step": messages.total - crossing,
                "messages_per_step": messages.total,
            }
        )
    return pd.DataFrame(rows)


def block_table(
    network: Network, tiles: Mapping[str, Tile], messages: Traffic, placement: Placement
) -> pd.DataFrame:
    """List every core: its part of the network, its place, and its messages per step.

    Returns
    -------
    DataFrame
        ``layer``, ``rows``, ``columns``, ``channels`` (as ``first:past the last``), ``chip``,
        ``core``, ``router_row``, ``router_column``, ``messages_out``, ``messages_in`` (including
        the host's).
    """
    boxes = [
        [f"{a}:{b}" for a, b in box]
        for layer in network.chip_layers()
        for box in tile_boxes(network.shape(layer.name), tiles[layer.name])
    ]
    table = pd.DataFrame(boxes, columns=["rows", "columns", "channels"])
    table.insert(0, "layer", messages.layers)
    table["chip"], table["core"] = placement.chips, placement.positions
    table["router_row"], table["router_column"] = router_of(placement.positions).T
    table["messages_out"] = np.asarray(messages.between.sum(axis=1)).ravel()
    table["messages_in"] = np.asarray(messages.between.sum(axis=0)).ravel() + messages.from_host
    return table
