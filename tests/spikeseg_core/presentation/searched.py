"""A small network with a finished search."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from spikeseg_core.ann.unet import build_model, weights_of
from spikeseg_core.config import DeployConfig, PresentationConfig
from spikeseg_core.data.dataset import Dataset, prepare_dataset
from spikeseg_core.loihi.quantization.build import build_network, discretize
from spikeseg_core.loihi.quantization.extract import extract_network
from spikeseg_core.loihi.run.base import Deployment, MappedNetwork
from spikeseg_core.presentation.search import Search, search
from spikeseg_core.reporting import SILENT
from tests.spikeseg_core.data.small import small_dataset
from tests.spikeseg_core.loihi.cost.networks import in_order, small_network

NETWORK = small_network(16, channels=(2, 4, 4, 4))
CONFIG = DeployConfig(
    tiles_per_axis=(4, 5),
    presentation_steps=(10, 30),
    readout_windows=(0.5, 0.8),
    early_exit=(0.5, 0.0),
    continuous_steps=(12, 20),
)
PRESENTATION = PresentationConfig(steps=20)


@dataclass(frozen=True)
class Searched:
    """What was searched, and what was found."""

    mapped: MappedNetwork
    dataset: Dataset
    search: Search
    deployed: dict[str, Deployment]


def mapped_network() -> MappedNetwork:
    """The network with random weights, on one chip."""
    tiles = {layer.name: (8, 8, 4) for layer in NETWORK.chip_layers()}
    weights = weights_of(NETWORK, build_model(NETWORK))
    integer = extract_network(discretize(build_network(NETWORK, weights, tiles)).model)
    return MappedNetwork(NETWORK, weights, tiles, integer, in_order(NETWORK, tiles))


def searched(folder: Path) -> Searched:
    """Search on synthetic sections, written to ``folder``."""
    dataset = prepare_dataset(
        small_dataset(5, 1, 1, 1),
        NETWORK.tile,
        folder,
    )
    mapped = mapped_network()
    return Searched(mapped, dataset, *search(mapped, dataset, PRESENTATION, CONFIG, SILENT))
