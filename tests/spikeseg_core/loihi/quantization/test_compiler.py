"""The compiler against NengoLoihi's own builder, splitter, discretizer and emulator."""

from dataclasses import replace
from typing import Any

import nengo
import numpy as np
import pytest

from spikeseg_core.errors import MappingError
from spikeseg_core.frontends.scaling import scaled
from spikeseg_core.loihi.emulator import Emulator
from spikeseg_core.loihi.emulator.synapses import Routes
from spikeseg_core.loihi.mapping.fit import fit
from spikeseg_core.loihi.mapping.tiles import choose_tiles
from spikeseg_core.loihi.quantization.build import build_network, discretize
from spikeseg_core.loihi.quantization.compiler import compile_graph
from spikeseg_core.loihi.quantization.extract import extract_network
from spikeseg_core.network import RATE_HZ_PER_UNIT, Graph, Link
from spikeseg_core.network.neuron import nengo_neuron
from spikeseg_core.stack import nengo_loihi
from spikeseg_core.testing import engines
from spikeseg_core.testing.networks import run_nengo_loihi
from tests.spikeseg_core.frontends.graphs import KINDS, graph_of, items_of, random_tiles
from tests.spikeseg_core.loihi.networks import random_network, random_weights
from tests.spikeseg_core.loihi.networks import random_tiles as random_u_net_tiles

STEPS = 60


def at_rest(kind: str) -> tuple[Graph, np.ndarray]:
    """A network of a kind of layer whose neurons start at rest, as NengoLoihi's do."""
    graph = graph_of(kind)
    items = items_of(graph)
    return replace(scaled(graph, items, 200.0), initial_potential="rest", floor_at_rest=True), items


def matrix(link: Link) -> np.ndarray:
    """Every weight of a link, ``(targets, sources)``."""
    shape = link.rows.sources, link.columns.sources, link.kernel.shape[2]
    n = int(np.prod(shape))
    return link(np.eye(n, dtype=np.float32).reshape(n, *shape)).reshape(n, -1).T


def nengo_network(graph: Graph, tiles: Any, item: np.ndarray) -> Any:
    """The same network in Nengo, its connections as dense matrices."""
    with nengo.Network(seed=0) as network:
        nengo_loihi.add_params(network)
        ensembles: dict[str, Any] = {}
        for layer in graph.layers:
            bias = layer.bias
            if not layer.on_chip:
                bias = bias + sum(link(item[None])[0] for link in layer.inputs)
            n = bias.size
            ensemble = nengo.Ensemble(
                n,
                1,
                neuron_type=nengo_neuron(),
                gain=np.ones(n),
                bias=bias.ravel() * np.float32(RATE_HZ_PER_UNIT),
                label=layer.name,
            )
            network.config[ensemble].on_chip = layer.on_chip
            ensembles[layer.name] = ensemble
            if layer.on_chip:
                shape = nengo_loihi.BlockShape(tiles[layer.name], layer.shape)
                network.config[ensemble].block_shape = shape
                for link in layer.inputs:
                    nengo.Connection(
                        ensembles[link.source].neurons,
                        ensemble.neurons,
                        transform=matrix(link) * np.float32(RATE_HZ_PER_UNIT),
                        synapse=None,
                    )
        nengo.Probe(ensembles["last"].neurons)
    return network


def synapses(network: Any, source: str, target: str) -> np.ndarray:
    """All weights from one population to another that are not 0, in order."""
    names = [p.name.split("-")[0] for p in (*network.inputs, *network.ensembles)]
    found = []
    for population, name in enumerate(names):
        if name == source:
            rows = Routes(network).synapses(population, network.ensemble_index(target))
            found.append(np.stack(rows, axis=1))
    table = np.concatenate(found)
    table = table[table[:, 2] != 0]
    return table[np.lexsort(table.T)]


@pytest.mark.parametrize("kind", KINDS)
def test_integers_and_spikes_are_nengo_loihis(kind: str) -> None:
    graph, items = at_rest(kind)
    tiles = random_tiles(graph, seed=len(kind))
    integer = compile_graph(graph, tiles)
    truth = run_nengo_loihi(nengo_network(graph, tiles, items[0]), STEPS)
    assert integer.n_blocks == truth.network.n_blocks
    for name in ("vth", "bias", "decay_u", "decay_v", "refract", "block_vmin", "block_vmax"):
        np.testing.assert_array_equal(getattr(integer, name), getattr(truth.network, name), name)
    for layer in graph.chip_layers():
        for link in layer.inputs:
            found = synapses(integer, link.source, layer.name)
            expected = synapses(truth.network, link.source, layer.name)
            np.testing.assert_array_equal(found, expected)
    assert not truth.overflowed
    chip = [layer.name for layer in graph.chip_layers()]
    sent = zip(truth.network.inputs, truth.inputs, strict=True)
    by_name = {population.name.split("-")[0]: spikes for population, spikes in sent}
    given = [by_name[population.name][None] for population in integer.inputs]
    run = Emulator(integer).run(given, STEPS, record=chip)
    for name in chip:
        of_name = run.spikes[name].reshape(STEPS, -1)
        assert of_name.any()
        np.testing.assert_array_equal(of_name, truth.spikes[name], name)


@pytest.mark.parametrize("kind", ["convolution", "depthwise"])
def test_without_a_floor_the_spikes_are_those_of_the_reference(kind: str) -> None:
    graph = replace(at_rest(kind)[0], floor_at_rest=False)
    integer = compile_graph(graph, random_tiles(graph, seed=1))
    rng = np.random.default_rng(0)
    spikes = rng.random((STEPS, integer.inputs[0].size)) < 0.1
    expected = engines.reference(integer, [spikes], STEPS)
    assert expected.any()
    np.testing.assert_array_equal(engines.layered(integer, [spikes], STEPS), expected)
    with_floor = compile_graph(replace(graph, floor_at_rest=True), random_tiles(graph, seed=1))
    assert (engines.reference(with_floor, [spikes], STEPS) != expected).any()


@pytest.mark.parametrize("bits", [4, 6])
def test_fewer_weight_bits_have_fewer_weights(bits: int) -> None:
    graph, _ = at_rest("convolution")
    integer = compile_graph(graph, random_tiles(graph, 0), weight_bits=bits)
    for k, exponent in enumerate(integer.synapse_exponent):
        sets = slice(*integer.set_start[k : k + 2])
        weights = integer.weight[integer.weight_start[sets.start] : integer.weight_start[sets.stop]]
        unit = 2.0 ** (6 + exponent + 9 - bits)
        assert np.abs(weights / unit).max() <= 2 ** (bits - 1)


def test_biases_beyond_the_weights_are_named() -> None:
    graph, _ = at_rest("convolution")
    layers = tuple(
        replace(layer, bias=layer.bias + 1e6) if layer.on_chip else layer for layer in graph.layers
    )
    with pytest.raises(MappingError, match=r"layer 'last': a core has biases of up to .* Hz"):
        compile_graph(replace(graph, layers=layers), choose_tiles(graph, population_type=32))


def test_a_tile_that_does_not_fit_is_refused() -> None:
    graph, _ = at_rest("transposed")
    with pytest.raises(MappingError, match="compartments in a core, the limit is 1,024"):
        compile_graph(graph, {"last": (12, 16, 8)})
    assert sum(part.cores for part in fit(graph, {"last": (6, 16, 8)}, 32)) == 2


@pytest.mark.parametrize("seed", range(4))
def test_this_projects_u_net_has_the_integers_of_nengo_loihis_blocks(seed: int) -> None:
    rng = np.random.default_rng(seed)
    network = replace(random_network(rng, size=8), initial_potential="spread")
    weights, tiles = random_weights(rng, network), random_u_net_tiles(rng, network)
    blocks = discretize(build_network(network, weights, tiles, population_type=32))
    expected = extract_network(blocks.model)
    found = compile_graph(Graph.of(network, weights), tiles)
    for name in ("block_start", "neuron", "vth", "bias", "voltage"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), name)
    for layer, c in network.connections():
        if layer.on_chip:
            np.testing.assert_array_equal(
                synapses(found, c.source, layer.name), synapses(expected, c.source, layer.name)
            )
