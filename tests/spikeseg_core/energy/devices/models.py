"""Networks small enough to convert in a test."""

from typing import Any

import numpy as np

from spikeseg_core.ann.unet import build_model, weights_of
from spikeseg_core.network import Network, Weights
from spikeseg_core.stack import keras
from tests.spikeseg_core.loihi.cost.networks import small_network

TILE = 16


def small_model() -> Any:
    """Strided convolution, transposed convolution: what the U-Nets are made of."""
    keras.utils.set_random_seed(1)
    image = keras.Input((TILE, TILE, 1))
    hidden = keras.layers.Conv2D(4, 4, 2, "same", activation="relu")(image)
    return keras.Model(image, keras.layers.Conv2DTranspose(1, 4, 2, "same")(hidden))


def small_ann() -> tuple[Network, Weights]:
    """A network of such tiles, with a transposed convolution, and its weights."""
    network = small_network(TILE // 2)
    keras.utils.set_random_seed(1)
    return network, weights_of(network, build_model(network))


def tiles(count: int, seed: int = 0) -> np.ndarray:
    """Random standardised tiles."""
    return np.random.default_rng(seed).normal(size=(count, TILE, TILE)).astype(np.float32)
