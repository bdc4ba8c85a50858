import numpy as np
import pytest

from spikeseg_core.ann.forward import convolutions, forward, integers_of, segment_in_batches
from spikeseg_core.ann.neuron import loihi_rate
from spikeseg_core.ann.unet import build_model, model_from_weights, weights_of
from spikeseg_core.loihi.quantization.fixed_point import cores_of_channels
from spikeseg_core.network import kernel_key
from spikeseg_core.reporting import Reporter
from spikeseg_core.stack import keras, tf
from tests.spikeseg_core.ann.networks import TINY, assert_gradients
from tests.spikeseg_core.loihi.quantization.oracle import fixed_point_of_cores

TILES = np.random.default_rng(2).normal(size=(3, TINY.tile, TINY.tile, 1)).astype(np.float32)
TINY_TILES = {"down": (4, 4, 4), "up": (8, 8, 4)}
CORES = {name: cores_of_channels(TINY.shape(name)[2], 4) for name in TINY_TILES}


def rates(network, convolve):
    return forward(network, convolve, tf.constant(TILES), lambda name, x: loihi_rate(x))


def test_forward_is_the_keras_model() -> None:
    model = model_from_weights(TINY, weights_of(TINY, build_model(TINY, seed=4)), "loihi")
    logits, currents, _ = rates(TINY, convolutions(TINY, model))
    np.testing.assert_allclose(logits, model(TILES), atol=1e-5)
    inputs = keras.Model(model.input, [model.get_layer(name).input for name in currents])
    for found, expected in zip(currents.values(), inputs(TILES), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("weight_bits", [4, 8])
def test_rounded_convolutions_are_those_of_the_cores(weight_bits: int) -> None:
    """The network with the weights that its core blocks realise, put together by hand."""
    weights = weights_of(TINY, build_model(TINY, seed=4))
    kernels = {key: kernel.copy() for key, kernel in weights.kernels.items()}
    for layer, parts in fixed_point_of_cores(
        TINY, weights, TINY_TILES, weight_bits=weight_bits
    ).items():
        for part, found in parts:
            assert part.is_whole
            for c, real in zip(TINY.layer(layer).inputs, found.real_kernels, strict=True):
                kernels[kernel_key(layer, c.source)][..., part.channels] = real
    by_hand = model_from_weights(TINY, type(weights)(kernels, weights.biases), "loihi")
    model = model_from_weights(TINY, weights, "loihi")
    logits, *_ = rates(
        TINY, convolutions(TINY, model, integers_of(TINY, model, CORES, weight_bits))
    )
    exact, *_ = rates(TINY, convolutions(TINY, model))
    # The staircase may turn a rounding error into a step of a few neurons.
    assert np.isclose(logits, by_hand(TILES), atol=1e-4).mean() > 0.95
    assert np.abs(logits - exact).max() > 1e-3


def test_rounding_leaves_a_gradient_to_every_weight() -> None:
    model = model_from_weights(TINY, weights_of(TINY, build_model(TINY, seed=4)), "loihi")
    with tf.GradientTape() as tape:
        logits, *_ = rates(TINY, convolutions(TINY, model, integers_of(TINY, model, CORES, 4)))
        loss = tf.reduce_mean(tf.square(logits - 1))
    assert_gradients(loss, tape, model)


def test_batches_are_joined_in_order_and_reported() -> None:
    told: list[tuple[float, float, str]] = []

    class Listener(Reporter):
        def progress(self, done: float, total: float, message: str) -> None:
            told.append((done, total, message))

    sizes: list[int] = []

    def logits_of(shown):
        sizes.append(shown.shape[0])
        return 2 * shown

    found = segment_in_batches(TILES[..., 0], 2, logits_of, Listener(), "tiles")
    np.testing.assert_array_equal(found, 2 * TILES[..., 0])
    assert sizes == [2, 1]
    assert told == [(2, 3, "tiles"), (3, 3, "tiles")]
