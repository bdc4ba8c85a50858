import numpy as np
import pytest

from spikeseg_core.errors import MappingError
from spikeseg_core.loihi.quantization.build import build_network, discretize
from spikeseg_core.network import DT, IMAGE, RATE_HZ_PER_UNIT, Connection, Layer, Network
from spikeseg_core.stack import nengo_loihi, tf
from tests.spikeseg_core.loihi.networks import random_network, random_tiles, random_weights


def currents(network, weights, activations):
    """Input of every layer in units, from the activations (rows, columns, channels) by name."""
    found = {}
    for layer in network.layers:
        total = weights.biases[layer.name]
        for c in layer.inputs:
            x, kernel = activations[c.source][None], weights.kernel(layer.name, c.source)
            if c.kind == "conv":
                y = tf.nn.conv2d(x, kernel, c.stride, "SAME")
            else:
                shape = (1, *network.shape(layer.name))
                y = tf.nn.conv2d_transpose(x, kernel.transpose(0, 1, 3, 2), shape, c.stride, "SAME")
            total = total + y.numpy()[0]
        found[layer.name] = total
    return found


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


def test_spike_rates_follow_the_rate_curve():
    """Run on NengoLoihi's emulator, the mean rates come close to the float network's."""
    rng = np.random.default_rng(1)
    network = Network(
        "chain",
        16,
        (
            Layer("stem", 4, (Connection(IMAGE, kernel=4, stride=2),), on_chip=False),
            Layer("a", 8, (Connection("stem"),)),
            Layer("b", 4, (Connection("a", kind="conv_transpose", kernel=4, stride=2),)),
        ),
        Connection("b"),
    )
    weights = random_weights(rng, network)
    built = build_network(network, weights, {"a": (4, 8, 8), "b": (16, 8, 4)})
    blocks = discretize(built)
    image = rng.normal(size=(16, 16)).astype(np.float32)
    built.source.image = image
    steps = 400
    with nengo_loihi.Simulator(built.nengo, dt=DT, model=blocks.model, target="sim") as sim:
        sim.run_steps(steps)
        rates = (sim.data[built.probe][steps // 2 :] > 0).mean(axis=0) / DT
    x = {IMAGE: image[..., None]}
    for layer in network.layers:
        x |= {
            other.name: np.zeros(network.shape(other.name))
            for other in network.layers
            if other.name not in x
        }
        current = currents(network, weights, {k: v.astype(np.float32) for k, v in x.items()})
        current = current[layer.name] * RATE_HZ_PER_UNIT
        period = np.ceil(1 / (np.maximum(current, 1e-9) * DT))
        x[layer.name] = np.where(current > 0, 1 / (period * DT), 0) / RATE_HZ_PER_UNIT
    expected = x["b"].ravel() * RATE_HZ_PER_UNIT
    assert expected.max() > 50
    # Not closer: a voltage clipped at zero keeps what comes in and forgets some of what goes out.
    assert np.corrcoef(rates, expected)[0, 1] > 0.85
    assert 0.8 < rates.mean() / expected.mean() < 1.3


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


def test_a_tile_that_is_too_large_says_what_would_fit():
    rng = np.random.default_rng(0)
    network = random_network(rng, channels=lambda rng: 8, size=24)
    tiles = {layer.name: (4, 4, 8) for layer in network.chip_layers()} | {"a": (24, 24, 8)}
    with pytest.raises(
        MappingError, match=r"'a', tile 24x24x8: 4,608 compartments.*limit is 1,024"
    ):
        build_network(network, random_weights(rng, network), tiles)


def test_a_chip_layer_cannot_take_the_image():
    network = Network("pixels", 8, (Layer("a", 4, (Connection(IMAGE),)),), Connection("a"))
    weights = random_weights(np.random.default_rng(0), network)
    with pytest.raises(MappingError, match="'a' is on the chip but takes the image"):
        build_network(network, weights, {"a": (8, 8, 4)})
