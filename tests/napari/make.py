"""``make napari``: a network with random weights as it is exported, and what it gives.

``python -m tests.napari.make FOLDER``, with the environment of development.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from spikeseg_core.ann.unet import model_from_weights
from spikeseg_core.data.sources.synthetic import synthetic_sections
from spikeseg_core.evaluation.segment import keras_segmenter
from spikeseg_core.inference.about import About
from spikeseg_core.inference.onnx_model import onnx_model
from spikeseg_core.inference.segmenter import Segmenter
from tests.spikeseg_core.loihi.networks import random_network, random_weights

TILES = 3


def make(folder: Path) -> None:
    """Write the network, the sample's sections and the probabilities of ``spikeseg segment``."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(22)
    network = random_network(rng, size=8)
    weights = random_weights(rng, network)
    sections, _ = synthetic_sections(count=4, size=256, seed=22)
    tiled = keras_segmenter(model_from_weights(network, weights))
    probability = Segmenter(network.tile, TILES, tiled)(sections)
    threshold = round(float(np.quantile(probability, 0.8)), 4)
    about = About(network.name, threshold, TILES, "noise")
    (folder / "membrane.onnx").write_bytes(onnx_model(network, weights, about).SerializeToString())
    np.savez(folder / "expected.npz", sections=sections, probability=probability, cut=threshold)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
