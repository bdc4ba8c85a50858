from pathlib import Path

import numpy as np
from PIL import Image

from spikeseg_core.figures.mapping import (
    CHIP_COLOURS,
    chip_traffic_figure,
    layers_figure,
    mesh_figure,
)
from spikeseg_core.loihi.mapping.placement import place
from spikeseg_core.loihi.mapping.traffic import traffic
from tests.spikeseg_core.loihi.networks import random_network


def test_more_chips_than_colours_and_panels_are_drawn(tmp_path: Path) -> None:
    network = random_network(np.random.default_rng(0), lambda rng: 8, size=16)
    tiles = {layer.name: (4, 4, 8) for layer in network.chip_layers()}
    messages = traffic(network, tiles)
    placement = place(np.arange(messages.cores) % (len(CHIP_COLOURS) + 3), "round_robin")
    for path in (
        layers_figure(network, tiles, placement, tmp_path / "layers.png"),
        chip_traffic_figure(messages, placement, tmp_path / "traffic.png"),
        mesh_figure(messages, placement, tmp_path / "mesh.png"),
    ):
        with Image.open(path) as picture:
            assert picture.width > 800
