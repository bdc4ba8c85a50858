"""Pictures of the partition stage."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from spikeseg_core.config import PipelineConfig
from spikeseg_core.figures.mapping import chip_traffic_figure, layers_figure, mesh_figure
from spikeseg_core.figures.style import for_both_screens
from spikeseg_core.loihi.mapping.core_mapping import CoreMapping
from spikeseg_core.loihi.mapping.placement import Placement
from spikeseg_core.loihi.mapping.traffic import traffic
from spikeseg_core.network import load_network
from spikeseg_core.stages.artifacts import MAPPING, PLACEMENT, RATES
from spikeseg_core.storage import load_arrays


def draw_partition(
    config: PipelineConfig, inputs: Mapping[str, Path], folder: Path
) -> tuple[Path, ...]:
    """Draw the layers cut into cores, each chip's mesh, and the traffic between several chips."""
    network, _ = load_network(inputs["tune"])
    tiles = CoreMapping.load(inputs["quantize"] / MAPPING).tiles
    placement = Placement.load(folder / PLACEMENT)
    messages = traffic(network, tiles, load_arrays(inputs["convert"] / RATES))
    pictures = [
        *for_both_screens(
            lambda path, narrow: layers_figure(network, tiles, placement, path, narrow=narrow),
            folder / "layers.png",
        ),
        *for_both_screens(
            lambda path, narrow: mesh_figure(messages, placement, path, narrow=narrow),
            folder / "mesh.png",
        ),
    ]
    if placement.chip_count > 1:
        pictures.append(chip_traffic_figure(messages, placement, folder / "chip_traffic.png"))
    return tuple(pictures)
