import warnings
from dataclasses import replace

import nengo
import numpy as np
import pytest

from spikeseg_core.ann.unet import build_model, model_from_weights, weights_of
from spikeseg_core.config import PresentationConfig
from spikeseg_core.network import DT, InitialPotential, Network, Weights
from spikeseg_core.network.initial_state import initial_potentials
from spikeseg_core.snn.convert import convert
from spikeseg_core.stack import nengo_dl
from tests.spikeseg_core.ann.networks import TINY

TILES = np.random.default_rng(2).normal(size=(5, TINY.tile, TINY.tile)).astype(np.float32)


def random_weights(seed: int = 1) -> Weights:
    """Weights that make the neurons fire at some 100 Hz, with biases that are not 0."""
    weights = weights_of(TINY, build_model(TINY, seed=seed))
    rng = np.random.default_rng(seed)
    biases = {k: rng.normal(0, 0.3, b.shape).astype(np.float32) for k, b in weights.biases.items()}
    return Weights(weights.kernels, biases)


def test_every_neuron_is_converted() -> None:
    net = convert(TINY, random_weights())
    assert net.neurons == TINY.neurons_on_chip + TINY.neurons_off_chip


def test_rates_and_logits_are_those_of_the_tuned_model() -> None:
    weights = random_weights()
    model = model_from_weights(TINY, weights, "loihi")
    found = convert(TINY, weights).segment_tiles(
        TILES, PresentationConfig(), spiking=False, batch_tiles=2
    )
    expected = np.asarray(model(TILES[..., np.newaxis]))[..., 0]
    # On a boundary of the staircase rounding decides, so a few neurons may differ.
    close = np.isclose(found.logits, expected, atol=1e-4)
    assert close.mean() > 0.98
    assert found.rates["stem"].shape == (5, *TINY.shape("stem"))


def reference_run(
    network: Network, weights: Weights, tile: np.ndarray, config: PresentationConfig
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """One tile through the same neurons in numpy, step by step, with Keras's convolutions."""
    model = model_from_weights(network, weights, "loihi")
    convolutions = {}
    for layer in network.layers:
        for c in layer.inputs:
            convolutions[layer.name, c.source] = model.get_layer(f"{layer.name}_from_{c.source}")
    readout = model.get_layer(f"readout_from_{network.readout.source}")
    voltage = {layer.name: initial_potentials(network, layer.name) for layer in network.layers}
    spikes = {name: np.zeros_like(v) for name, v in voltage.items()}
    logits = np.zeros((network.tile, network.tile))
    for step in range(config.steps):
        out = {"image": tile[np.newaxis, ..., np.newaxis]}
        for layer in network.layers:
            current = sum(
                np.asarray(convolutions[layer.name, c.source](out[c.source])) for c in layer.inputs
            )[0]
            v = np.maximum(voltage[layer.name] + 100.0 * current * DT, 0)
            fired = v > 1
            voltage[layer.name] = np.where(fired, 0, v)
            spikes[layer.name] += fired
            out[layer.name] = (fired / (100.0 * DT)).astype(np.float32)[np.newaxis]
        if step >= config.readout_start:
            logits += np.asarray(readout(out[network.readout.source]))[0, ..., 0]
    rates = {name: n / (config.steps * DT) for name, n in spikes.items()}
    return logits / (config.steps - config.readout_start), rates


@pytest.mark.parametrize("start", ["rest", "spread"])
@pytest.mark.parametrize("steps", [5, 30])
def test_spikes_and_window_are_those_of_a_plain_simulation(
    steps: int, start: InitialPotential
) -> None:
    network = replace(TINY, initial_potential=start)
    weights, config = random_weights(), PresentationConfig(steps=steps, readout_window=0.4)
    found = convert(network, weights).segment_tiles(TILES[:3], config, spiking=True, batch_tiles=2)
    for i in range(3):
        logits, rates = reference_run(network, weights, TILES[i], config)
        for name, rate in rates.items():
            # Thresholds are passed at another step where float32 rounds differently.
            assert np.isclose(found.rates[name][i], rate, atol=1e-3).mean() > 0.99
        assert np.isclose(found.logits[i], logits, atol=1e-3).mean() > 0.95


def test_a_synapse_filters() -> None:
    weights, config = random_weights(), PresentationConfig(steps=20)
    plain, filtered = (
        convert(TINY, weights, ms).segment_tiles(TILES[:1], config, spiking=True, batch_tiles=1)
        for ms in (0.0, 5.0)
    )
    np.testing.assert_array_equal(plain.rates["stem"], filtered.rates["stem"])
    assert plain.rates["up"].mean() > filtered.rates["up"].mean()


def test_nothing_is_left_to_tensorflow() -> None:
    net = convert(TINY, random_weights())
    nodes = net._converter.net.all_nodes
    assert not any(isinstance(node, nengo_dl.TensorNode) for node in nodes)
    transposed = [
        c
        for c in net._converter.net.all_connections
        if isinstance(c.transform, nengo.transforms.ConvolutionTranspose)
    ]
    assert len(transposed) == 2


def test_conversion_is_quiet() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        convert(TINY, random_weights()).segment_tiles(
            TILES[:1], PresentationConfig(steps=5), spiking=True, batch_tiles=1
        )
