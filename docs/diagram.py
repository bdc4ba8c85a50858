"""Draw how a U-Net becomes spikes on two chips: ``python docs/diagram.py`` writes the picture.

Shapes, neurons and cores are those of a network of the catalogue; nothing is drawn by hand.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spikeseg_core.figures.style import BLUE, GREY, ORANGE
from spikeseg_core.loihi.chip import Board
from spikeseg_core.loihi.mapping.fit import grid_of
from spikeseg_core.loihi.mapping.tiles import choose_tiles
from spikeseg_core.network.catalogue import network
from spikeseg_core.network.description import IMAGE, Network

PICTURE = Path(__file__).parent / "images" / "u-net-on-chips.svg"
WIDTH, HEIGHT = 1120, 560
LEFT, TOP, STEP = 190, 70, 68
CHIPS = (BLUE, ORANGE)
FONT = 'font-family="sans-serif"'


@dataclass(frozen=True)
class Box:
    """One layer on the page."""

    name: str
    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> tuple[float, float]:
        """Point in the middle."""
        return self.x + self.width / 2, self.y + self.height / 2


def diagram(name: str = "paper", population_type: int = 32) -> str:
    """Return the picture as SVG."""
    net = network(name)
    tiles = choose_tiles(net, "fewest_cores", population_type)
    cores = {each: int(np.prod(grid_of(net.shape(each), tile))) for each, tile in tiles.items()}
    boxes = {box.name: box for box in _boxes(net)}
    last = boxes[net.readout.source]
    across = _line(last.x + last.width, last.middle[1], WIDTH - 88, last.middle[1])
    parts = [_section(), *_arrows(net, boxes), across]
    for layer in net.layers:
        parts += _layer(net, boxes[layer.name], cores.get(layer.name))
    parts += [*_read_out(), *_chips(sum(cores.values())), *_legend(net)]
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'role="img" aria-label="A U-Net cut into cores of two chips">\n'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>\n{body}\n</svg>\n'
    )


def _boxes(net: Network) -> list[Box]:
    """Lay the layers out as a U: the smaller a layer, the lower it stands."""
    finest = max(net.shape(layer.name)[0] for layer in net.layers)
    boxes = []
    for index, layer in enumerate(net.layers):
        size = net.shape(layer.name)[0]
        level = np.log2(finest / size)
        height = 22 + 1.4 * size
        boxes.append(Box(layer.name, LEFT + index * STEP, TOP + 74 * level, 40, height))
    return boxes


def _layer(net: Network, box: Box, cores: int | None) -> list[str]:
    """Draw a layer: grey on the host, else its two halves in the colours of the chips."""
    size, _, channels = net.shape(box.name)
    parts = []
    if cores is None:
        parts.append(_rect(box.x, box.y, box.width, box.height, "#cccccc"))
    else:
        for half, colour in enumerate(CHIPS):
            y = box.y + half * box.height / 2
            parts.append(_rect(box.x, y, box.width, box.height / 2, colour))
    x, below = box.middle[0], box.y + box.height
    parts += [
        _text(x, box.y - 6, box.name, bold=True),
        _text(x, below + 14, f"{size}² x {channels}"),
        _text(x, below + 27, f"{cores} cores" if cores else "host"),
    ]
    return parts


def _arrows(net: Network, boxes: dict[str, Box]) -> list[str]:
    parts = []
    for layer in net.layers:
        for connection in layer.inputs:
            end = boxes[layer.name]
            if connection.source == IMAGE:
                parts.append(_line(132, TOP + 46, end.x, end.middle[1]))
                continue
            start = boxes[connection.source]
            if start.x + STEP < end.x - 1:
                top = max(start.y, end.y) + 10
                parts.append(_line(start.x + start.width, top, end.x, top, dashed=True))
            else:
                parts.append(_line(start.x + start.width, start.middle[1], end.x, end.middle[1]))
    return parts


def _section() -> str:
    """Draw the section with its overlapping tiles; one of them is shown to the network."""
    x, y, side, tile = 20, TOP - 10, 112, 46
    lines = [_rect(x, y, side, side, "#eeeeee")]
    for row in range(4):
        for column in range(4):
            place = [offset + step * (side - tile) / 3 for offset, step in ((x, column), (y, row))]
            lines.append(_rect(*place, tile, tile, "none", stroke=GREY))
    lines.append(_rect(x + side - tile, y + (side - tile) / 3, tile, tile, "none", stroke="black"))
    lines += [
        _text(x + side / 2, y - 8, "section", bold=True),
        _text(x + side / 2, y + side + 14, "16 tiles that overlap"),
        _text(x + side / 2, y + side + 27, "shown one by one"),
    ]
    return "\n".join(lines)


def _read_out() -> list[str]:
    x = WIDTH - 62
    return [
        _rect(x - 26, TOP, 52, 92, "#cccccc"),
        _text(x, TOP - 6, "read-out", bold=True),
        _text(x, TOP + 106, "host: mean spikes,"),
        _text(x, TOP + 119, "then membrane"),
        _text(x, TOP + 132, "probability"),
    ]


def _chips(cores: int) -> list[str]:
    """Draw the two meshes of the board."""
    board, parts, side = Board(2), [], 9.0
    per_chip = board.cores // 2
    for chip, colour in enumerate(CHIPS):
        x, y = LEFT + 190 + chip * 300, HEIGHT - 140
        for core in range(per_chip):
            column, row = core % 16, core // 16
            fill = colour if core < cores / 2 else "white"
            parts.append(
                _rect(x + column * side, y + row * side, side - 2, side - 2, fill, stroke=colour)
            )
        parts.append(_text(x + 72, y - 10, f"chip {chip + 1}: {per_chip} cores", bold=True))
        parts.append(_text(x + 72, y + 90, "1,024 neurons a core at most"))
    start = LEFT + 190 + 144
    parts.append(_line(start + 6, HEIGHT - 104, start + 150, HEIGHT - 104))
    parts.append(_text(start + 78, HEIGHT - 112, "spikes between chips"))
    return parts


def _legend(net: Network) -> list[str]:
    return [
        _text(20, HEIGHT - 108, f"network {net.name}:", bold=True, anchor="start"),
        _text(20, HEIGHT - 92, f"{net.neurons_on_chip:,} neurons on chip", anchor="start"),
        _text(20, HEIGHT - 76, f"{net.neurons_off_chip:,} on the host", anchor="start"),
        _text(20, HEIGHT - 60, "solid: convolution, dashed: skip", anchor="start"),
        _text(20, HEIGHT - 44, "colours: the half on each chip", anchor="start"),
    ]


def _rect(
    x: float, y: float, width: float, height: float, fill: str, *, stroke: str = "white"
) -> str:
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" '
        f'fill="{fill}" stroke="{stroke}"/>'
    )


def _line(x1: float, y1: float, x2: float, y2: float, *, dashed: bool = False) -> str:
    dash = ' stroke-dasharray="4 3"' if dashed else ""
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
        f'stroke="{GREY}" stroke-width="1.3"{dash}/>'
    )


def _text(x: float, y: float, text: str, *, bold: bool = False, anchor: str = "middle") -> str:
    weight = ' font-weight="bold"' if bold else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" {FONT} font-size="11" fill="#222222" '
        f'text-anchor="{anchor}"{weight}>{text}</text>'
    )


if __name__ == "__main__":
    PICTURE.write_text(diagram(*sys.argv[1:2]))
    print(PICTURE)
