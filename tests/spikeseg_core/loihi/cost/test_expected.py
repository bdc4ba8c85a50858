from collections import Counter
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spikeseg_core.errors import ConfigError, DataError
from spikeseg_core.loihi.cost.expected import events_from_rates
from spikeseg_core.loihi.mapping.placement import Placement
from spikeseg_core.network import DT, IMAGE, Connection, Layer, Network
from tests.spikeseg_core.loihi.cost.networks import in_order, random_rates, small_network

STEPS = 20
EMPTY = Placement("none", np.zeros(0, dtype=int), np.zeros(0, dtype=int))


def sources_along_axis(network: Network, target: str, c: Connection, position: int) -> list[int]:
    """Source positions that the kernel joins to one target position, by its definition."""
    size, into = network.sizes[c.source], network.sizes[target]
    if c.kind == "conv_transpose":
        pad = (c.kernel - c.stride) // 2
        return [i for i in range(size) if 0 <= position - c.stride * i + pad < c.kernel]
    pad = max((into - 1) * c.stride + c.kernel - size, 0) // 2
    taps = [c.stride * position - pad + j for j in range(c.kernel)]
    return [i for i in taps if 0 <= i < size]


def brute_force(network: Network, tiles: dict, rates: dict) -> tuple[dict, dict, dict]:
    """Every synapse of the network, one by one: operations, and messages by (sender, receiver)."""

    def core(layer: str, r: int, c: int, k: int) -> tuple:
        return (layer, *(i // t for i, t in zip((r, c, k), tiles[layer], strict=True)))

    ops: Counter = Counter()
    ops_by_core: Counter = Counter()
    reached: dict = {}
    for target, c in network.connections():
        if not target.on_chip:
            continue
        size, depth = network.sizes[target.name], network.shape(c.source)[2]
        for r, col, k in product(range(size), range(size), range(target.channels)):
            here = core(target.name, r, col, k)
            for i, j, m in product(
                sources_along_axis(network, target.name, c, r),
                sources_along_axis(network, target.name, c, col),
                range(depth),
            ):
                spikes = rates[c.source][i, j, m] * DT * STEPS
                ops[f"{target.name}/{c.source}"] += spikes
                ops_by_core[here] += spikes
                reached[(c.source, i, j, m, here)] = spikes
    messages: Counter = Counter()
    for (source, i, j, m, here), spikes in reached.items():
        sender = core(source, i, j, m) if source in tiles else "host"
        messages[(sender, here)] += spikes
    return dict(ops), dict(ops_by_core), dict(messages)


@settings(max_examples=12, deadline=None)
@given(
    channels=st.tuples(*[st.integers(1, 3)] * 4),
    kernels=st.tuples(st.sampled_from([2, 3, 5]), st.sampled_from([2, 3, 4, 5]), st.integers(1, 4)),
    parts=st.tuples(st.integers(2, 6), st.integers(2, 6), st.integers(1, 3)),
    seed=st.integers(0, 100),
)
def test_counts_equal_brute_force(channels: tuple, kernels: tuple, parts: tuple, seed: int) -> None:
    network = small_network(6, channels, *kernels)
    rates = random_rates(network, seed)
    tiles = {layer.name: parts for layer in network.chip_layers()}
    placement = in_order(network, tiles, chips=2)
    events = events_from_rates(network, tiles, rates, STEPS, placement)

    ops, ops_by_core, messages = brute_force(network, tiles, rates)
    assert events.synaptic_ops_by_connection == pytest.approx(ops)
    order = sorted(
        ops_by_core, key=lambda c: ([x.name for x in network.layers].index(c[0]), *c[1:])
    )
    np.testing.assert_allclose(events.busy["synaptic_ops"][0], [ops_by_core[c] for c in order])

    chip_of = {c: placement.chips[i] for i, c in enumerate(order)}
    sent = {pair: n for pair, n in messages.items() if pair[0] != "host"}
    got = events.per_presentation()
    assert got["messages_out"] == pytest.approx(sum(sent.values()))
    assert got["messages_interchip"] == pytest.approx(
        sum(n for (a, b), n in sent.items() if chip_of[a] != chip_of[b])
    )
    assert got["injected"] == pytest.approx(sum(n for p, n in messages.items() if p[0] == "host"))
    assert got["messages_in"] == pytest.approx(sum(messages.values()))
    for index, c in enumerate(order):
        into = sum(n for (_, b), n in messages.items() if b == c)
        assert events.busy["messages_in"][0, index] == pytest.approx(into)


def test_every_compartment_is_updated_and_spikes_are_rates_times_time() -> None:
    network = small_network()
    tiles = {layer.name: (4, 4, 4) for layer in network.chip_layers()}
    rates = random_rates(network)
    events = events_from_rates(network, tiles, rates, STEPS, in_order(network, tiles))
    got = events.per_presentation()
    assert got["neuron_active"] == network.neurons_on_chip * STEPS
    assert got["neuron_idle"] == 0
    assert got["barriers"] == STEPS
    on_chip = sum(rates[layer.name].sum() for layer in network.chip_layers())
    assert events.totals["spikes"] == pytest.approx(on_chip * 0.020)
    assert events.totals["readout"] == pytest.approx(rates["up"].sum() * 0.020)


def test_no_hops_within_one_mesh_tile() -> None:
    network = small_network(4)
    tiles = {layer.name: (4, 4, 4) for layer in network.chip_layers()}
    events = events_from_rates(
        network, tiles, random_rates(network), STEPS, in_order(network, tiles)
    )
    assert events.cores == 3
    assert (events.totals["hops_ew"], events.totals["hops_ns"]) == (0, 0)


def test_missing_rates_and_rates_of_another_shape_name_the_layer() -> None:
    network = small_network()
    rates = random_rates(network)
    with pytest.raises(DataError, match=r"layer 'down' have shape \(2, 2, 4\)"):
        events_from_rates(network, {}, rates | {"down": np.zeros((2, 2, 4))}, STEPS, EMPTY)
    del rates["down"]
    with pytest.raises(DataError, match="no spike rates for layer 'down'"):
        events_from_rates(network, {}, rates, STEPS, EMPTY)


def test_chips_of_another_number_of_cores_are_refused() -> None:
    network = small_network()
    tiles = {layer.name: (8, 8, 4) for layer in network.chip_layers()}
    with pytest.raises(DataError, match="these tiles make 3 cores"):
        events_from_rates(network, tiles, random_rates(network), STEPS, EMPTY)


def test_pixels_have_no_spikes() -> None:
    network = Network(
        "direct", 4, (Layer("a", 1, (Connection(IMAGE),)),), Connection("a", kernel=1)
    )
    one = Placement("one", np.zeros(1, dtype=int), np.zeros(1, dtype=int))
    with pytest.raises(ConfigError, match="takes the image itself"):
        events_from_rates(network, {"a": (4, 4, 1)}, {"a": np.ones((4, 4, 1))}, STEPS, one)
