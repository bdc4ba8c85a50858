"""Stage 6: core blocks to chips and to places on the mesh."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from spikeseg_core.config import PipelineConfig
from spikeseg_core.figures.mapping import chip_traffic_figure, layers_figure, mesh_figure
from spikeseg_core.loihi.chip import Board
from spikeseg_core.loihi.mapping.fit import Tile, tile_boxes
from spikeseg_core.loihi.mapping.mesh import hops, place_on_mesh
from spikeseg_core.loihi.mapping.partition import STRATEGIES, Placement, partition
from spikeseg_core.loihi.mapping.traffic import Traffic, traffic
from spikeseg_core.network import Network, load_network
from spikeseg_core.reporting import Reporter
from spikeseg_core.stages.base import StageResult
from spikeseg_core.stages.quantize import RATES, load_mapping
from spikeseg_core.storage import atomic_path, load_arrays

PLACEMENT = "placement.json"
"""Chip and core of every block."""


def run(
    config: PipelineConfig, inputs: Mapping[str, Path], folder: Path, report: Reporter
) -> StageResult:
    """Place the cores of the quantize stage as ``config.partition`` says.

    Raises
    ------
    MappingError
        If the board has too few cores.
    DataError
        If an input of an earlier stage is missing or damaged.
    """
    network, _ = load_network(inputs["tune"])
    tiles, _, _ = load_mapping(inputs["quantize"])
    board = Board(config.quantize.chips)
    messages = traffic(network, tiles, load_arrays(inputs["convert"] / RATES))
    strategies, placements = compare(messages, board, config.partition.seed)
    strategy = config.partition.strategy
    placement = place_on_mesh(messages, placements[strategy], config.partition.seed)
    placement.save(folder / PLACEMENT)

    interchip = messages.interchip(placement.chips)
    report.say(
        f"{strategy}: {messages.cores} cores on {placement.chip_count} chips, "
        f"{interchip:,.1f} of {messages.total:,.1f} messages a step cross between chips"
    )
    blocks = block_table(network, tiles, messages, placement)
    for name, table in (("strategies", strategies), ("blocks", blocks)):
        with atomic_path(folder / f"{name}.parquet") as temporary:
            table.to_parquet(temporary)
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
        figures=(
            layers_figure(network, tiles, placement, folder / "layers.png"),
            chip_traffic_figure(messages, placement, folder / "chip_traffic.png"),
            mesh_figure(messages, placement, folder / "mesh.png"),
        ),
        tables=(folder / "strategies.parquet", folder / "blocks.parquet"),
        facts={
            "strategy": strategy,
            "chips": placement.chip_count,
            "cores_per_chip": placement.cores_per_chip.tolist(),
            "strategies": strategies.to_dict(orient="records"),
        },
    )


def compare(
    messages: Traffic, board: Board, seed: int = 0
) -> tuple[pd.DataFrame, dict[str, Placement]]:
    """Run every strategy on the same cores.

    Returns
    -------
    tuple of DataFrame and dict
        A row per strategy: ``strategy``, ``chips``, ``cores_per_chip``, messages per step between
        chips, on a chip and in all, ``seconds``; and the placements by strategy.

    Raises
    ------
    MappingError
        If the board has too few cores for all of them.
    """
    rows = []
    placements: dict[str, Placement] = {}
    for strategy in STRATEGIES:
        begin = time.perf_counter()
        placement = partition(strategy, messages, board, seed)
        seconds = time.perf_counter() - begin
        crossing = messages.interchip(placement.chips)
        rows.append(
            {
                "strategy": strategy,
                "chips": placement.chip_count,
                "cores_per_chip": " ".join(str(n) for n in placement.cores_per_chip),
                "interchip_messages_per_step": crossing,
                "intrachip_messages_per_step": messages.total - crossing,
                "messages_per_step": messages.total,
                "seconds": seconds,
            }
        )
        placements[strategy] = placement
    return pd.DataFrame(rows), placements


def block_table(
    network: Network, tiles: Mapping[str, Tile], messages: Traffic, placement: Placement
) -> pd.DataFrame:
    """Every core: its part of the network, its place, and what it sends and gets a step.

    Returns
    -------
    DataFrame
        ``layer``, ``rows``, ``columns``, ``channels`` (as ``first:past the last``), ``chip``,
        ``core``, ``router_row``, ``router_column``, ``messages_out``, ``messages_in`` (the host's
        among them).
    """
    boxes = [
        [f"{a}:{b}" for a, b in box]
        for layer in network.chip_layers()
        for box in tile_boxes(network.shape(layer.name), tiles[layer.name])
    ]
    table = pd.DataFrame(boxes, columns=["rows", "columns", "channels"])
    table.insert(0, "layer", messages.layers)
    table["chip"], table["core"] = placement.chips, placement.positions
    table["router_row"], table["router_column"] = placement.routers.T
    table["messages_out"] = np.asarray(messages.between.sum(axis=1)).ravel()
    table["messages_in"] = np.asarray(messages.between.sum(axis=0)).ravel() + messages.from_host
    return table
