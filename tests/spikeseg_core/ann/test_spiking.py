from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from spikeseg_core.ann.forward import convolutions
from spikeseg_core.ann.spiking import _integrate, spiking_forward
from spikeseg_core.ann.unet import build_model, convolution_name, model_from_weights, weights_of
from spikeseg_core.config import PresentationConfig
from spikeseg_core.network import InitialPotential
from spikeseg_core.snn.convert import convert
from spikeseg_core.stack import tf
from tests.spikeseg_core.ann.networks import TINY, assert_gradients

TILES = np.random.default_rng(2).normal(size=(3, TINY.tile, TINY.tile)).astype(np.float32)
SHOWN = tf.constant(TILES[..., np.newaxis])


def loihi_model() -> Any:
    return model_from_weights(TINY, weights_of(TINY, build_model(TINY, seed=4)), "loihi")


@pytest.mark.parametrize("start", ["rest", "spread"])
@pytest.mark.parametrize("steps", [10, 40])
def test_forward_is_the_spiking_network_of_nengodl(steps: int, start: InitialPotential) -> None:
    network = replace(TINY, initial_potential=start)
    weights = weights_of(TINY, build_model(TINY, seed=4))
    model = model_from_weights(TINY, weights, "loihi")
    logits, *_ = spiking_forward(
        network,
        convolutions(TINY, model),
        SHOWN,
        [(steps // 2, steps)],
        delay=0,
    )
    expected = convert(network, weights).segment_tiles(
        TILES, PresentationConfig(steps=steps), spiking=True, batch_tiles=3
    )
    # Rounding may move a spike by a step.
    assert np.isclose(logits[..., 0], expected.logits, atol=1e-3).mean() > 0.98


@pytest.mark.parametrize("synapse_ms", [1, 2.5])
def test_a_synaptic_low_pass_is_that_of_nengodl(synapse_ms: float) -> None:
    network = replace(TINY, initial_potential="spread")
    weights = weights_of(TINY, build_model(TINY, seed=4))
    _, _, rates = spiking_forward(
        network,
        convolutions(TINY, model_from_weights(TINY, weights, "loihi")),
        SHOWN,
        [(0, 40)],
        delay=1,  # which a filter of Nengo's brings with it
        synapse_ms=synapse_ms,
    )
    expected = convert(network, weights, synapse_ms).segment_tiles(
        TILES, PresentationConfig(steps=40), spiking=True, batch_tiles=3
    )
    for name, rate in expected.rates.items():
        assert np.isclose(100 * rates[name].numpy(), rate, atol=0.1).mean() > 0.98, name


def test_currents_are_the_mean_inputs() -> None:
    model = loihi_model()
    _, currents, _ = spiking_forward(TINY, convolutions(TINY, model), SHOWN, [(0, 20)], delay=0)
    constant = model.get_layer(convolution_name("stem", "image"))(TILES[..., np.newaxis])
    np.testing.assert_allclose(currents["stem"], constant, rtol=1e-6)


def test_gradients_reach_every_weight() -> None:
    model = loihi_model()
    with tf.GradientTape() as tape:
        logits, *_ = spiking_forward(
            TINY,
            convolutions(TINY, model),
            SHOWN,
            [(10, 20)],
            delay=1,
        )
        loss = tf.reduce_mean(tf.square(logits - 1))
    assert_gradients(loss, tape, model)


def test_a_step_along_the_gradient_lowers_the_loss_of_the_spiking_network() -> None:
    model = loihi_model()
    tiles = SHOWN
    labels = tf.cast(tiles > 0, tf.float32)
    losses = []
    for _ in range(30):
        with tf.GradientTape() as tape:
            logits, *_ = spiking_forward(
                TINY, convolutions(TINY, model), tiles, [(30, 60)], delay=1
            )
            entropy = tf.nn.sigmoid_cross_entropy_with_logits(labels, logits)
            loss = tf.reduce_mean(entropy)
        for variable, gradient in zip(
            model.trainable_variables, tape.gradient(loss, model.trainable_variables), strict=True
        ):
            variable.assign_sub(0.3 * gradient)
        losses.append(float(loss))
    assert np.mean(losses[-5:]) < 0.95 * np.mean(losses[:5])


def test_a_delay_is_when_spikes_arrive_not_when_they_count() -> None:
    current = np.random.default_rng(0).normal(1, 2, (2, 30, 7)).astype(np.float32)
    windows = np.array([(10, 30), (0, 20)])
    start = np.linspace(0, 0.9, 7, dtype=np.float32)
    prompt, mean = _integrate(current, start, windows, 0, np.float32(0))
    delayed, same_mean = _integrate(current, start, windows, 1, np.float32(0))
    np.testing.assert_array_equal(delayed[:, 1:], prompt[:, :-1])
    assert not delayed[:, 0].any()
    np.testing.assert_array_equal(mean, same_mean)
    np.testing.assert_allclose(mean[0], prompt[:, 10:].mean(axis=1), rtol=1e-5)
    np.testing.assert_allclose(mean[1], prompt[:, :20].mean(axis=1), rtol=1e-5)


def test_a_shorter_presentation_is_the_beginning_of_a_longer_one() -> None:
    model = loihi_model()
    shown = convolutions(TINY, model), SHOWN
    both, currents, _ = spiking_forward(TINY, *shown, [(10, 20), (20, 40)], delay=1)
    for k, window in enumerate([(10, 20), (20, 40)]):
        alone, alone_currents, _ = spiking_forward(TINY, *shown, [window], delay=1)
        part = slice(k * len(TILES), (k + 1) * len(TILES))
        np.testing.assert_allclose(both[part], alone, rtol=1e-5, atol=1e-6)
        for name, current in alone_currents.items():
            np.testing.assert_allclose(currents[name][part], current, rtol=1e-5, atol=1e-5)
