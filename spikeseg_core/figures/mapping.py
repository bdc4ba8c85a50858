"""Pictures of a mapping: layers cut into cores, chips, the mesh and its traffic."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.patches import Rectangle

from spikeseg_core.figures.style import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
    new_figure,
    save,
)
from spikeseg_core.loihi.chip import LOIHI_1, Chip
from spikeseg_core.loihi.mapping.fit import Tile, grid_of, shape_text, tile_boxes
from spikeseg_core.loihi.mapping.mesh import hops
from spikeseg_core.loihi.mapping.placement import Placement, router_of
from spikeseg_core.loihi.mapping.traffic import Traffic
from spikeseg_core.network import Network

CHIP_COLOURS = (BLUE, ORANGE, GREEN, VERMILLION, SKY, PURPLE)
"""Colours of chips 0, 1, ...; they repeat on larger boards."""

COLUMNS, NARROW_COLUMNS = 4, 2
"""Layers side by side, on a wide and on a narrow screen."""


def layers_figure(
    network: Network,
    tiles: Mapping[str, Tile],
    placement: Placement,
    path: Path,
    *,
    narrow: bool = False,
) -> Path:
    """Draw every on-chip layer cut into its cores, coloured by chip.

    The channel parts of a layer are drawn side by side, each as a map of its rows and columns.
    """
    layers = network.chip_layers()
    columns = NARROW_COLUMNS if narrow else COLUMNS
    rows = -(-len(layers) // columns)
    figure = new_figure(2.4 * columns, 0.4 + 1.6 * rows)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    colours = ListedColormap(CHIP_COLOURS)
    first = 0
    for panel, layer in zip(panels, layers, strict=False):
        shape, tile = network.shape(layer.name), tiles[layer.name]
        parts = grid_of(shape, tile)[2]
        gap = max(1, shape[1] // 12)
        for index, ((r0, r1), (c0, c1), (k0, _)) in enumerate(tile_boxes(shape, tile)):
            chip = int(placement.chips[first + index])
            left = (k0 // tile[2]) * (shape[1] + gap) + c0
            panel.add_patch(
                Rectangle(
                    (left, r0), c1 - c0, r1 - r0,
                    facecolor=colours(chip % len(CHIP_COLOURS)), edgecolor="white", linewidth=0.6,
                )
            )  # fmt: skip
        panel.set_xlim(0, parts * (shape[1] + gap) - gap)
        panel.set_ylim(shape[0], 0)
        panel.set_aspect("equal")
        panel.set_title(
            f"{layer.name}  {shape_text(shape)}\n{shape_text(tile)} per core", fontsize=8
        )
        panel.axis("off")
        first += int(np.prod(grid_of(shape, tile)))
    for panel in panels[len(layers) :]:
        panel.axis("off")
    chips = range(min(placement.chip_count, len(CHIP_COLOURS)))
    if len(chips) == 1:
        return save(figure, path)  # nothing to tell apart
    figure.legend(
        handles=[Rectangle((0, 0), 1, 1, facecolor=CHIP_COLOURS[chip]) for chip in chips],
        labels=[f"on chip {chip} ({placement.cores_per_chip[chip]} cores)" for chip in chips],
        loc="outside lower center", ncols=columns, fontsize=8, frameon=False,
    )  # fmt: skip
    return save(figure, path)


def chip_traffic_figure(messages: Traffic, placement: Placement, path: Path) -> Path:
    """Draw the NoC traffic between chips; the diagonal is the traffic within a chip."""
    table = messages.between_chips(placement.chips)
    size = 2.2 + 0.6 * len(table)
    figure = new_figure(max(size, 5.0), size)
    figure.supxlabel(messages.unit, fontsize=8)
    panel = figure.subplots()
    shown = panel.imshow(table + 1, cmap="cividis_r", norm=LogNorm(1))
    bar = figure.colorbar(shown, ax=panel, fraction=0.046, pad=0.04)
    bar.set_label("messages + 1", fontsize=8)
    bar.ax.tick_params(labelsize=7)
    if len(table) <= 8:
        bright = np.log10(table.max() + 1) * 0.6
        for i, j in np.ndindex(table.shape):
            panel.text(
                j, i, f"{table[i, j]:,.0f}", ha="center", va="center", fontsize=8,
                color="white" if np.log10(table[i, j] + 1) > bright else "black",
            )  # fmt: skip
    panel.set_xlabel("to chip", fontsize=8)
    panel.set_ylabel("from chip", fontsize=8)
    panel.set_xticks(range(len(table)))
    panel.set_yticks(range(len(table)))
    panel.tick_params(labelsize=8)
    return save(figure, path)


def mesh_figure(
    messages: Traffic,
    placement: Placement,
    path: Path,
    most_chips: int = 4,
    chip: Chip = LOIHI_1,
    *,
    narrow: bool = False,
) -> Path:
    """Draw the mesh of each chip: routers coloured by messages sent, links by traffic."""
    found = hops(messages, placement, chip)
    chips = range(min(placement.chip_count, most_chips))
    across = 1 if narrow else len(chips)
    down = len(chips) // across
    figure = new_figure(max(4.6 * across, 5.0 if narrow else 6.0), 0.3 + 2.8 * down)
    panels = figure.subplots(down, across, squeeze=False).ravel()
    sent = np.asarray(messages.between.sum(axis=1)).ravel()
    widest = max(found.busiest_link, 1e-12)
    loads = []
    for number in chips:
        here = placement.chips == number
        load = np.zeros(chip.mesh_shape)
        np.add.at(load, tuple(router_of(placement.positions[here], chip).T), sent[here])
        loads.append(load)
    most = max(float(np.max(loads)), 1e-12)
    for panel, number, load in zip(panels, chips, loads, strict=True):
        links, widths = [], []
        for (row, link), value in np.ndenumerate(found.links_east_west[number]):
            links.append([(link, row), (link + 1, row)])
            widths.append(value)
        for (link, column), value in np.ndenumerate(found.links_north_south[number]):
            links.append([(column, link), (column, link + 1)])
            widths.append(value)
        panel.add_collection(
            LineCollection(
                links, linewidths=0.3 + 7 * np.array(widths) / widest, colors=GREY, zorder=1
            )
        )
        rows, columns = np.indices(chip.mesh_shape)
        routers = panel.scatter(
            columns, rows, c=load, cmap="cividis_r", s=130, edgecolors="black", linewidths=0.5,
            vmin=0, vmax=most, zorder=2,
        )  # fmt: skip
        cores = int((placement.chips == number).sum())
        panel.set_title(f"chip {number}, {cores} cores", fontsize=9)
        panel.set_xlim(-0.6, chip.mesh_shape[1] - 0.4)
        panel.set_ylim(chip.mesh_shape[0] - 0.4, -0.6)
        panel.set_aspect("equal")
        panel.axis("off")
    bar = figure.colorbar(routers, ax=list(panels), fraction=0.05, pad=0.02)
    bar.set_label("sent by a router's cores", fontsize=8)
    bar.ax.tick_params(labelsize=7)
    between = "\n" if narrow else "; "
    figure.supxlabel(
        f"{messages.unit}{between}the width of a link shows its traffic, "
        f"{found.busiest_link:,.0f} on the busiest",
        fontsize=8,
    )
    return save(figure, path)
