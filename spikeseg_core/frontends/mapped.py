"""A network on the chip: scaled, cut into cores, in integers, placed; its files and its fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spikeseg_core.errors import DataError
from spikeseg_core.frontends.presenting import with_gains
from spikeseg_core.frontends.scaling import MAX_RATE_HZ, scaled
from spikeseg_core.loihi.chip import Board
from spikeseg_core.loihi.integer_network import IntegerNetwork
from spikeseg_core.loihi.mapping.core_mapping import CoreMapping
from spikeseg_core.loihi.mapping.fit import RESOURCES, Tile, shape_text
from spikeseg_core.loihi.mapping.mesh import place_on_mesh
from spikeseg_core.loihi.mapping.partition import check_board, partition
from spikeseg_core.loihi.mapping.placement import Placement
from spikeseg_core.loihi.mapping.tiles import choose_tiles
from spikeseg_core.loihi.mapping.traffic import Traffic
from spikeseg_core.loihi.quantization.compiler import compile_graph
from spikeseg_core.loihi.quantization.counts import core_needs, traffic_of
from spikeseg_core.loihi.soundness import check_network, check_sizes
from spikeseg_core.network import RATE_HZ_PER_UNIT, Graph
from spikeseg_core.reporting import SILENT, Reporter

POPULATION_TYPE = 32
"""Axons that NxSDK has for any number of channels, with tiles of any depth."""

GAIN_ROUNDS = 2
"""Times that gains are measured; the first ones change the rates that the second are for."""

MOST_CORES = 2**20
"""More than the largest board has."""

MAPPING_FILE, PLACEMENT_FILE = "mapping.json", "placement.json"


@dataclass(frozen=True, eq=False)
class MappedGraph:
    """Everything that a run needs.

    Attributes
    ----------
    graph : Graph
        Scaled to spike rates.
    tiles : mapping of str to Tile
        Part of every on-chip ensemble that a core holds.
    integer : IntegerNetwork
        The cores in integers.
    placement : Placement
        Chip and core of every block.
    weight_bits : int
        Bits per weight, including the sign.
    """

    graph: Graph
    tiles: Mapping[str, Tile]
    integer: IntegerNetwork
    placement: Placement
    weight_bits: int = 8

    def save(self, folder: Path) -> None:
        """Write everything into a folder."""
        self.graph.save(folder)
        self.integer.save(folder)
        self.placement.save(folder / PLACEMENT_FILE)
        chips = self.placement.chips
        mapping = CoreMapping(self.tiles, chips, POPULATION_TYPE, self.weight_bits)
        mapping.save(folder / MAPPING_FILE)

    @classmethod
    def load(cls, folder: Path) -> MappedGraph:
        """Read what :meth:`save` wrote.

        Raises
        ------
        DataError
            If a file is missing or damaged, or they do not belong together.
        """
        check_sizes(folder)
        graph = Graph.load(folder)
        mapping = CoreMapping.load(folder / MAPPING_FILE)
        integer = IntegerNetwork.load(folder)
        check_network(integer)
        placement = Placement.load(folder / PLACEMENT_FILE)
        found = cls(graph, mapping.tiles, integer, placement, mapping.weight_bits)
        if wrong := found._mixture():
            raise DataError(f"{folder} mixes several networks ({wrong}); map the model again")
        return found

    def _mixture(self) -> str | None:
        """Say which parts are of different networks; None if all fit."""
        chip = {layer.name: layer.shape for layer in self.graph.chip_layers()}
        on_cores = {e.name: int(np.prod(e.shape)) for e in self.integer.ensembles}
        host = {layer.name for layer in self.graph.layers if not layer.on_chip}
        if {name: int(np.prod(shape)) for name, shape in chip.items()} != on_cores:
            return "the layers are not the ensembles of the cores"
        if not {population.name for population in self.integer.inputs} <= host:
            return "the inputs are no layers of the host"
        if not chip.keys() <= self.tiles.keys():
            return "a layer has no tile"
        places = (self.placement.chips, self.placement.positions)
        blocks = self.integer.n_blocks
        if any(a.shape != (blocks,) or a.dtype.kind not in "iu" for a in places):
            return f"the placement is not that of {blocks} cores"
        if any(a.size and (a.min() < 0 or a.max() >= MOST_CORES) for a in places):
            return "the placement names cores that no board has"
        return None

    def traffic(self, rates: Mapping[str, np.ndarray]) -> Traffic:
        """Messages between the cores at mean rates in Hz."""
        return traffic_of(self.integer, rates)

    def fit(self) -> list[dict[str, Any]]:
        """Tile, cores, neurons and the fullest core of every on-chip ensemble."""
        needs = core_needs(self.integer, self.weight_bits)
        rows = []
        for index, layer in enumerate(self.graph.chip_layers()):
            blocks = self.integer.ensemble_blocks(index)
            rows.append(
                {
                    "layer": layer.name,
                    "shape": shape_text(layer.shape),
                    "tile": shape_text(self.tiles[layer.name]),
                    "cores": len(blocks),
                    "neurons": int(np.prod(layer.shape)),
                    **{name: int(needs[name][blocks].max()) for name in RESOURCES},
                }
            )
        return rows


def map_graph(
    graph: Graph,
    board: Board,
    items: np.ndarray,
    *,
    max_rate_hz: float = MAX_RATE_HZ,
    weight_bits: int = 8,
    seed: int = 0,
    report: Reporter = SILENT,
) -> MappedGraph:
    """Map a network onto a board.

    Parameters
    ----------
    graph : Graph
        From :func:`~spikeseg_core.frontends.reading.read_model`.
    items : ndarray
        Items of the input, ``(items, rows, columns, channels)``: their activations set the scale of
        every ensemble's rates, and the messages that the placement is chosen for.

    Raises
    ------
    MappingError
        If a layer does not fit a core or the network the board; the message says what would fit.
    """
    ready = scaled(graph, items, max_rate_hz)
    report.say("choosing tiles")
    form = POPULATION_TYPE, weight_bits
    tiles = choose_tiles(ready, "fewest_cores", *form, chip=board.chip)
    report.say("rounding weights")
    integer = compile_graph(ready, tiles, *form)
    messages = traffic_of(integer, mean_rates(ready, items))
    check_board(messages, board)
    report.say("measuring what neurons lose when they spike")
    for _ in range(GAIN_ROUNDS):
        ready = with_gains(ready, integer, items)
        integer = compile_graph(ready, tiles, *form)
    report.say(f"placing {messages.cores} cores")
    placement = place_on_mesh(messages, partition("optimized", messages, board, seed), seed)
    return MappedGraph(ready, tiles, integer, placement, weight_bits)


def mean_rates(graph: Graph, items: np.ndarray) -> dict[str, np.ndarray]:
    """Mean rate in Hz of every neuron that the activations of these items ask for."""
    return {
        name: values.mean(axis=0) * RATE_HZ_PER_UNIT
        for name, values in graph.forward(items).items()
    }
