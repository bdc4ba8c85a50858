"""A small mapped network, and tiles to show to it."""

from dataclasses import replace

import numpy as np

from spikeseg_core.config import PresentationConfig
from spikeseg_core.loihi.mapping.partition import partition
from spikeseg_core.loihi.mapping.traffic import traffic
from spikeseg_core.loihi.quantization.build import build_network, discretize
from spikeseg_core.loihi.quantization.extract import extract_network
from spikeseg_core.loihi.run.base import MappedNetwork
from tests.spikeseg_core.loihi.networks import random_network, random_tiles, random_weights

PRESENTATION = PresentationConfig(steps=40)

IMAGES = np.random.default_rng(8).normal(size=(3, 16, 16)).astype(np.float32)


def mapped_network(initial_potential="rest"):
    rng = np.random.default_rng(7)
    network = random_network(rng, size=16, channels=lambda rng: 8)
    network = replace(network, initial_potential=initial_potential)
    weights, tiles = random_weights(rng, network), random_tiles(rng, network, step=4)
    integer = extract_network(discretize(build_network(network, weights, tiles)).model)
    placement = partition("metis", traffic(network, tiles))
    return MappedNetwork(network, weights, tiles, integer, placement)


MAPPED = mapped_network()
