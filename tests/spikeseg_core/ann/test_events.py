from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from spikeseg_core.ann.events import ChipSpikes, runs_on_events
from spikeseg_core.ann.forward import convolutions, integers_of
from spikeseg_core.ann.spiking import spiking_forward, through_rates
from spikeseg_core.ann.unet import build_model, model_from_weights, weights_of
from spikeseg_core.config import PresentationConfig
from spikeseg_core.errors import MappingError
from spikeseg_core.loihi.emulator import Emulator
from spikeseg_core.loihi.quantization.build import build_network, discretize
from spikeseg_core.loihi.quantization.extract import extract_network
from spikeseg_core.loihi.quantization.fixed_point import cores_of_channels
from spikeseg_core.loihi.run import emulated
from spikeseg_core.loihi.run.base import host_spikes
from spikeseg_core.network import IMAGE, Connection, Layer, Network, Weights
from spikeseg_core.stack import tf
from tests.spikeseg_core.ann.networks import TINY, assert_gradients
from tests.spikeseg_core.loihi.networks import random_network, random_tiles, random_weights
from tests.spikeseg_core.loihi.quantization.oracle import core_parts
from tests.spikeseg_core.presentation.searched import NETWORK, mapped_network

WINDOWS = [(5, 12), (10, 30)]
STEPS = 30


def cores_of(network: Network, tiles: Any) -> dict[str, np.ndarray]:
    return {
        name: cores_of_channels(network.shape(name)[2], depth)
        for name, (_, _, depth) in tiles.items()
    }


def rates_on_chip(
    network: Network, weights: Weights, tiles: Any, images: Any, bits: int = 8
) -> Any:
    """Rates of all layers, in a graph as in tuning."""
    model = model_from_weights(network, weights, "loihi")
    chip, cores = ChipSpikes(network), cores_of(network, tiles)

    @tf.function
    def rates(shown: Any) -> Any:
        return chip.rates(model, integers_of(network, model, cores, bits), shown, WINDOWS)

    return rates(tf.constant(images[..., np.newaxis], tf.float32))


@settings(max_examples=7, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([4, 5, 6, 8]),
    st.sampled_from([16, 32]),
    st.sampled_from(["rest", "spread"]),
)
def test_spikes_are_those_of_the_mapped_integer_network(seed, bits, population_type, start):
    rng = np.random.default_rng(seed)
    step = 4 if population_type == 16 else 1
    network = random_network(rng, lambda rng: int(rng.integers(1, 4)) * step, size=8)
    network = replace(network, initial_potential=start)
    weights = random_weights(rng, network, scale=2.0)
    while True:
        tiles = random_tiles(rng, network, step)
        if all(part.is_whole for name in tiles for part in core_parts(network, name, tiles[name])):
            break
    built = build_network(
        network, weights, tiles, population_type=population_type, weight_bits=bits
    )
    integer = extract_network(discretize(built).model)
    images = rng.normal(size=(2, 8, 8)).astype(np.float32)
    sent = host_spikes(network, weights, "stem", images, STEPS)
    names = [layer.name for layer in network.chip_layers()]
    ran = Emulator(integer).run([sent] * len(integer.inputs), STEPS, record=names)
    spikes = ran.spikes | {"stem": sent}
    assume(any(spikes[name].any() for name in names))
    found = rates_on_chip(network, weights, tiles, images, bits)
    for name, rates in found.items():
        for k, (first, last) in enumerate(WINDOWS):
            counts = rates.numpy()[2 * k : 2 * k + 2] * (last - first) / 10
            expected = spikes[name][:, first:last].sum(axis=1)
            np.testing.assert_array_equal(np.rint(counts), expected, err_msg=name)
            np.testing.assert_allclose(counts, expected, atol=1e-4)


def test_the_logits_are_those_of_the_deployed_network():
    mapped = mapped_network()
    images = np.random.default_rng(0).normal(size=(3, NETWORK.tile, NETWORK.tile))
    images = images.astype(np.float32)
    shown = PresentationConfig(steps=40)
    deployed = emulated.run(mapped, images, shown).logits
    model = model_from_weights(mapped.network, mapped.weights, "loihi")
    integers = integers_of(mapped.network, model, cores_of(mapped.network, mapped.tiles), 8)
    tiles = tf.constant(images[..., np.newaxis])
    window = [(shown.readout_start, shown.steps)]
    measured = ChipSpikes(mapped.network).rates(model, integers, tiles, window)
    logits, *_ = through_rates(
        mapped.network, convolutions(mapped.network, model, integers), tiles, measured
    )
    np.testing.assert_allclose(logits[..., 0], deployed, atol=1e-5)


def test_without_resets_every_tile_follows_the_one_before_it():
    mapped, steps = mapped_network(), 20
    network, window = mapped.network, (8, 20)
    images = np.random.default_rng(0).normal(size=(3, network.tile, network.tile))
    model = model_from_weights(network, mapped.weights, "loihi")
    integers = integers_of(network, model, cores_of(network, mapped.tiles), 8)
    chip = ChipSpikes(network, continuous=True)
    found = chip.rates(model, integers, tf.constant(images[..., np.newaxis]), [window])
    sent = host_spikes(network, mapped.weights, "stem", images, steps)
    names = [layer.name for layer in network.chip_layers()]
    for tile in range(3):
        pair = np.concatenate([sent[[tile - 1]], sent[[tile]]], axis=1)
        given = [pair] * len(mapped.integer.inputs)
        ran = Emulator(mapped.integer).run(given, 2 * steps, record=names)
        for name in names:
            counts = ran.spikes[name][0, steps + window[0] : steps + window[1]].sum(axis=0)
            rates = found[name][tile] * (window[1] - window[0]) / 10
            np.testing.assert_allclose(rates, counts, atol=1e-4)
        assert ran.spikes[names[-1]][0, :steps].any()


def test_the_float_reference_is_close_and_its_gradients_too():
    network = replace(TINY, initial_potential="spread")
    model = model_from_weights(network, weights_of(network, build_model(network, seed=4)), "loihi")
    tiles = tf.constant(np.random.default_rng(2).normal(size=(4, 16, 16, 1)), tf.float32)
    integers = partial(
        integers_of, network, model, cores_of(network, {"down": (4, 4, 8), "up": (8, 8, 4)}), 8
    )
    window = [(30, 90)]
    gradients = []
    for way in ("events", "float"):
        with tf.GradientTape() as tape:
            found = integers()
            convolve = convolutions(network, model, found)
            if way == "events":
                measured = ChipSpikes(network).rates(model, found, tiles, window)
                logits, *_ = through_rates(network, convolve, tiles, measured)
            else:
                logits, *_ = spiking_forward(network, convolve, tiles, window, delay=1)
            loss = tf.reduce_mean(tf.square(logits - 1))
        gradients.append(tape.gradient(loss, model.trainable_variables))
    for events, reference in zip(*gradients, strict=True):
        scale = np.abs(reference).max()
        np.testing.assert_allclose(events, reference, atol=0.1 * scale)


def test_gradients_reach_every_weight():
    model = model_from_weights(TINY, weights_of(TINY, build_model(TINY, seed=4)), "loihi")
    tiles = tf.constant(np.random.default_rng(2).normal(size=(3, 16, 16, 1)), tf.float32)
    with tf.GradientTape() as tape:
        found = integers_of(TINY, model, cores_of(TINY, {"down": (4, 4, 8), "up": (8, 8, 4)}), 8)
        measured = ChipSpikes(TINY).rates(model, found, tiles, [(10, 20)])
        logits, *_ = through_rates(TINY, convolutions(TINY, model, found), tiles, measured)
        loss = tf.reduce_mean(tf.square(logits - 1))
    assert_gradients(loss, tape, model)


def test_weights_that_no_exponent_holds_are_named():
    weights = weights_of(TINY, build_model(TINY, seed=4))
    kernels = {k: v * 1e-6 if k.startswith("up/") else v for k, v in weights.kernels.items()}
    chip = ChipSpikes(TINY)
    model = model_from_weights(TINY, replace(weights, kernels=kernels), "loihi")
    integers = integers_of(TINY, model, cores_of(TINY, {"down": (4, 4, 8), "up": (8, 8, 4)}), 8)
    with pytest.raises(MappingError, match="'up'"):
        chip.rates(model, integers, tf.zeros((1, 16, 16, 1)), WINDOWS)
    assert isinstance(chip.problem, MappingError)  # a graph would have lost the type


def test_networks_that_need_the_float_way():
    assert runs_on_events(TINY)
    host = Layer("again", 2, (Connection("stem"),), on_chip=False)
    up = replace(TINY.layers[2], inputs=(*TINY.layers[2].inputs, Connection("again")))
    assert not runs_on_events(replace(TINY, layers=(*TINY.layers[:2], host, up)))
    sees = replace(TINY.layers[1], inputs=(Connection(IMAGE, kernel=4, stride=4),))
    assert not runs_on_events(replace(TINY, layers=(TINY.layers[0], sees, TINY.layers[2])))
