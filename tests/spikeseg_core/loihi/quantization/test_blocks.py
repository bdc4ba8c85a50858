import numpy as np
import pytest

from spikeseg_core.loihi.quantization.build import build_network, discretize
from spikeseg_core.network import DT, IMAGE
from spikeseg_core.stack import nengo_loihi
from tests.spikeseg_core.loihi.networks import random_network, random_tiles, random_weights
from tests.spikeseg_core.loihi.quantization.oracle import currents


def dense_weights(discretized, layer, name):
    """Integer weights into a layer from a source, (source neurons, neurons), in weight units."""
    built, model = discretized.built, discretized.model
    network = built.network
    source_ensemble = built.ensembles[name]
    shape = network.shape(layer)
    ids = np.arange(np.prod(shape)).reshape(shape)
    dense = np.zeros((network.neurons(name), network.neurons(layer)))
    places = {}
    tile = built.tiles[layer]
    boxes = [
        ids[r : r + tile[0], c : c + tile[1], k : k + tile[2]].ravel()
        for r in range(0, shape[0], tile[0])
        for c in range(0, shape[1], tile[1])
        for k in range(0, shape[2], tile[2])
    ]
    for block, box in zip(discretized.blocks(layer), boxes, strict=True):
        for synapse in block.synapses:
            places[id(synapse)] = (synapse, block, box)
    if network.layer(name).on_chip:
        pairs = [
            (axon, model.block_comp_map[block].list)
            for block in discretized.blocks(name)
            for axon in block.axons
        ]
        assert source_ensemble in model.objs
    else:
        pairs = [
            (axon, range(network.neurons(name)))
            for spike_input in model.inputs
            for axon in spike_input.axons
        ]
    for axon, neurons in pairs:
        if id(axon.target) not in places:
            continue
        synapse, block, box = places[id(axon.target)]
        for neuron, spike in zip(neurons, axon.map_spikes(np.arange(len(neurons))), strict=True):
            base = None if spike is None else synapse.axon_compartment_base(spike.axon_idx)
            if base is None:
                continue
            w, i = synapse.axon_weights_indices(spike.axon_idx, spike.atom)
            dense[neuron, box[base + i]] += w / block.discretize_info["v_scale"]
    return dense


@pytest.mark.parametrize("seed", range(3))
def test_integer_weights_are_the_convolutions(seed):
    """Every connection, both kinds, equals TensorFlow's within the rounding of 8 bits."""
    rng = np.random.default_rng(seed)
    network = random_network(rng, size=8)
    weights = random_weights(rng, network)
    tiles = random_tiles(rng, network)
    blocks = discretize(build_network(network, weights, tiles, population_type=32))
    activations = {
        layer.name: rng.random(network.shape(layer.name), dtype=np.float32)
        for layer in network.layers
    } | {IMAGE: np.zeros((8, 8, 1), np.float32)}
    expected = currents(network, weights, activations)
    for layer in network.chip_layers():
        bias = np.concatenate([b.compartment.bias for b in blocks.blocks(layer.name)])
        assert bias.dtype == np.int32
        found = weights.biases[layer.name] + sum(
            (activations[c.source].ravel() @ dense_weights(blocks, layer.name, c.source)).reshape(
                network.shape(layer.name)
            )
            / 1000  # a spike is worth 1 / (RATE_HZ_PER_UNIT * DT) units, gain RATE_HZ_PER_UNIT
            for c in layer.inputs
        )
        scale = max(
            np.abs(weights.kernel(layer.name, c.source)).sum(axis=(0, 1, 2)).max()
            for c in layer.inputs
        )
        assert np.abs(found - expected[layer.name]).max() < 0.01 * scale


def test_a_model_can_be_simulated_again():
    rng = np.random.default_rng(2)
    network = random_network(rng, size=8)
    built = build_network(
        network, random_weights(rng, network), random_tiles(rng, network), population_type=32
    )
    blocks = discretize(built)
    built.source.image = rng.normal(size=(8, 8))
    runs = []
    for _ in range(2):
        with nengo_loihi.Simulator(built.nengo, dt=DT, model=blocks.model, target="sim") as sim:
            sim.clear_probes()
            sim.run_steps(30)
            runs.append(np.array(sim.data[built.probe]))
    assert runs[0].shape == (30, network.neurons("d"))
    assert runs[0].any()
    np.testing.assert_array_equal(*runs)


def test_fewer_weight_bits_round_more():
    rng = np.random.default_rng(3)
    network = random_network(rng)
    weights, tiles = random_weights(rng, network), random_tiles(rng, network)
    errors = []
    for bits in (8, 6, 4):
        built = build_network(network, weights, tiles, population_type=32, weight_bits=bits)
        errors.append(np.mean([e.relative for e in discretize(built).model.weight_errors.values()]))
    assert errors[0] < 0.02 < errors[1] < errors[2] < 0.5
