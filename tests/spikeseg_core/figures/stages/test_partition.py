from pathlib import Path

import numpy as np

from spikeseg_core.config import PipelineConfig
from spikeseg_core.figures.stages import draw
from spikeseg_core.loihi.mapping.core_mapping import CoreMapping
from spikeseg_core.loihi.mapping.placement import place
from spikeseg_core.loihi.mapping.traffic import traffic
from spikeseg_core.network import save_network
from spikeseg_core.stages.artifacts import MAPPING, PLACEMENT, RATES
from spikeseg_core.storage import save_arrays
from tests.spikeseg_core.loihi.networks import random_network, random_weights

BOTH = ["layers.png", "layers_narrow.png", "mesh.png", "mesh_narrow.png"]


def prepared(tmp_path: Path, chips: int) -> dict[str, Path]:
    rng = np.random.default_rng(0)
    network = random_network(rng, lambda rng: 8, size=16)
    tiles = {layer.name: (8, 8, 8) for layer in network.chip_layers()}
    placed = np.arange(traffic(network, tiles).cores) % chips
    inputs = {name: tmp_path / name for name in ("tune", "convert", "quantize")}
    save_network(inputs["tune"], network, random_weights(rng, network))
    save_arrays(
        inputs["convert"] / RATES,
        {layer.name: np.full(network.shape(layer.name), 20.0) for layer in network.layers},
    )
    CoreMapping(tiles, placed).save(inputs["quantize"] / MAPPING)
    place(placed, "round_robin").save(tmp_path / PLACEMENT)
    return inputs


def test_layers_chips_and_mesh_are_drawn(tmp_path: Path) -> None:
    inputs = prepared(tmp_path, chips=2)
    drawn = draw("partition", PipelineConfig(), inputs, tmp_path)
    assert [path.name for path in drawn] == [*BOTH, "chip_traffic.png"]
    assert all(path.exists() for path in drawn)


def test_one_chip_has_no_traffic_between_chips(tmp_path: Path) -> None:
    inputs = prepared(tmp_path, chips=1)
    drawn = draw("partition", PipelineConfig(), inputs, tmp_path)
    assert [path.name for path in drawn] == BOTH
