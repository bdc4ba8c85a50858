import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spikeseg_core.loihi.mapping.tiles import choose_tiles
from spikeseg_core.loihi.quantization.build import build_network, discretize
from spikeseg_core.loihi.quantization.fixed_point import cores_of_channels, fixed_point, rounded
from spikeseg_core.network.catalogue import NETWORKS
from spikeseg_core.stack import tf
from tests.spikeseg_core.loihi.networks import random_network, random_tiles, random_weights
from tests.spikeseg_core.loihi.quantization.oracle import core_parts, fixed_point_of_cores


def spread_out(rng, weights):
    """Give channels and connections scales of their own, so that cores and exponents differ."""
    for kernel in weights.kernels.values():
        kernel *= 2.0 ** rng.uniform(-6, 2) * 2.0 ** rng.uniform(-3, 3, kernel.shape[-1])
    for bias in weights.biases.values():
        bias *= 10 ** rng.uniform(-2, 1.5)


@settings(max_examples=10, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([4, 5, 6, 8]),
    st.sampled_from([16, 32]),
    st.sampled_from([0.0, 5.0]),
)
def test_integers_are_the_builders_in_every_block(seed, weight_bits, population_type, synapse_ms):
    rng = np.random.default_rng(seed)
    step = 4 if population_type == 16 else 1
    network = random_network(rng, lambda rng: int(rng.integers(1, 5)) * step, size=8)
    weights = random_weights(rng, network)
    spread_out(rng, weights)
    tiles = random_tiles(rng, network, step)
    built = build_network(
        network,
        weights,
        tiles,
        population_type=population_type,
        weight_bits=weight_bits,
        synapse_ms=synapse_ms,
    )
    blocks = discretize(built)
    found = fixed_point_of_cores(
        network, weights, tiles, weight_bits=weight_bits, synapse_ms=synapse_ms
    )
    for layer in network.chip_layers():
        members = blocks.blocks(layer.name)
        assert len(members) == len(found[layer.name])
        for block, (part, ours) in zip(members, found[layer.name], strict=True):
            channels = part.channels.stop - part.channels.start
            pixels = block.n_neurons // channels
            np.testing.assert_array_equal(block.compartment.vth, np.tile(ours.thresholds, pixels))
            np.testing.assert_array_equal(block.compartment.bias, np.tile(ours.biases, pixels))
            kernels = [k for k in ours.kernels if np.size(k)]
            exponents = [e for k, e in zip(ours.kernels, ours.exponents, strict=True) if np.size(k)]
            assert len(kernels) == len(block.synapses)
            for synapse, kernel, exponent in zip(block.synapses, kernels, exponents, strict=True):
                assert synapse.synapse_cfg.weight_exp == exponent[0]
                for stored in synapse.weights:  # (in_channels, positions * channels)
                    assert is_part_of(stored.reshape(len(stored), -1, channels), kernel.numpy())


def realised(kernels, biases, *how):
    return rounded(kernels, biases, fixed_point(kernels, biases, *how))


def is_part_of(stored, kernel):
    """Whether all columns (in_channels, channels) of a stored set are positions of the kernel."""
    known = {kernel[r, c].tobytes() for r in range(len(kernel)) for c in range(len(kernel[0]))}
    return all(
        np.ascontiguousarray(stored[:, p]).tobytes() in known for p in range(stored.shape[1])
    )


def test_real_weights_are_what_the_chip_does():
    """Charge of a spike, and of a step's bias, over the threshold."""
    rng = np.random.default_rng(0)
    kernel, bias = rng.normal(size=(3, 3, 4, 8)), rng.normal(size=8)
    found = fixed_point(
        [tf.constant(kernel, tf.float32)], tf.constant(bias, tf.float32), np.zeros(8, int)
    )
    charge = found.kernels[0].numpy() / found.thresholds.numpy()
    np.testing.assert_allclose(found.real_kernels[0], charge, rtol=1e-3)
    np.testing.assert_allclose(found.real_biases * 0.1, found.biases / found.thresholds, rtol=1e-6)
    assert 0 < np.abs(found.real_kernels[0] - kernel).max() < np.abs(kernel).max() / 127
    np.testing.assert_allclose(found.real_biases, bias, rtol=3e-3)


def test_a_core_of_small_weights_keeps_their_precision():
    rng = np.random.default_rng(1)
    kernel = rng.normal(size=(3, 3, 4, 8)).astype(np.float32)
    kernel[..., 4:] *= 0.01
    bias = tf.zeros(8)

    def error(depth):
        (real,), _ = realised([tf.constant(kernel)], bias, cores_of_channels(8, depth), 8)
        return np.abs(real - kernel)[..., 4:].max()

    assert error(4) < 0.05 * error(8)


def test_gradients_pass_straight_through():
    rng = np.random.default_rng(2)
    kernel = tf.Variable(rng.normal(size=(3, 3, 2, 4)), dtype=tf.float32)
    bias = tf.Variable(rng.normal(size=4), dtype=tf.float32)
    with tf.GradientTape() as tape:
        (real,), real_bias = realised([kernel], bias, np.zeros(4, int), 4)
        loss = tf.reduce_sum(2 * real) + tf.reduce_sum(3 * real_bias)
    to_kernel, to_bias = tape.gradient(loss, [kernel, bias])
    np.testing.assert_array_equal(to_kernel, np.full((3, 3, 2, 4), 2))
    np.testing.assert_array_equal(to_bias, np.full(4, 3))
    assert np.any(real != kernel)


def test_a_channel_group_without_weights_keeps_its_bias():
    (real,), bias = realised(
        [tf.zeros((3, 3, 2, 4))], tf.constant([1.0, 2, 3, 4]), cores_of_channels(4, 2), 8
    )
    assert not np.any(real)
    np.testing.assert_array_equal(bias, [1, 2, 3, 4])
    silent = fixed_point([tf.zeros((3, 3, 2, 4))], tf.ones(4), np.zeros(4, int))
    assert not np.any(silent.fits)


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS.keys())
def test_cores_of_the_presets_see_whole_kernels(network):
    """So that training, which takes the scale of the whole kernel, rounds exactly as they do."""
    tiles = choose_tiles(network)
    for name, tile in tiles.items():
        assert all(part.is_whole for part in core_parts(network, name, tile))
