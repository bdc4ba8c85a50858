from dataclasses import dataclass

import numpy as np
import pytest

from spikeseg_core.ann.unet import build_model, weights_of
from spikeseg_core.errors import DataError
from spikeseg_core.frontends.emulation import emulate
from spikeseg_core.frontends.mapped import map_graph
from spikeseg_core.loihi.chip import Board
from spikeseg_core.loihi.cost.constants import CONSTANT_SETS
from spikeseg_core.loihi.cost.counted import EventCounter
from spikeseg_core.loihi.cost.events import StepEvents
from spikeseg_core.loihi.cost.expected import events_from_rates
from spikeseg_core.loihi.cost.model import nanoseconds
from spikeseg_core.loihi.emulator import Emulator
from spikeseg_core.loihi.integer_network import IntegerNetwork
from spikeseg_core.loihi.mapping.axis import axis_of
from spikeseg_core.loihi.mapping.placement import Placement
from spikeseg_core.loihi.quantization.build import build_network, discretize
from spikeseg_core.loihi.quantization.extract import extract_network
from spikeseg_core.network import DT
from spikeseg_core.network.catalogue import NETWORKS
from spikeseg_core.network.graph import DENSE
from spikeseg_core.network.sparsity import pruned, sparse
from tests.spikeseg_core.frontends.graphs import KINDS, graph_of, items_of
from tests.spikeseg_core.loihi.cost.networks import in_order, small_network

NETWORK = small_network(8, (4, 4, 8, 4))
TILES = {layer.name: (4, 4, 4) for layer in NETWORK.chip_layers()}
STEPS, PRESENTED = 20, 3


@dataclass(frozen=True)
class Ran:
    integer: IntegerNetwork
    placement: Placement
    spikes: dict[str, np.ndarray]
    events: StepEvents


@pytest.fixture(scope="module")
def ran() -> Ran:
    """A random network, split over two chips, shown random host spikes."""
    weights = weights_of(NETWORK, build_model(NETWORK, seed=3))
    discretized = discretize(build_network(NETWORK, weights, TILES))
    integer = extract_network(discretized.model)
    shape = (PRESENTED, STEPS, *NETWORK.shape("stem"))
    stem = (np.random.default_rng(0).random(shape) < 0.2).astype(np.uint8)
    emulator, placement = Emulator(integer), in_order(NETWORK, TILES, chips=2)
    counter = EventCounter(integer, placement, "up")
    names = [layer.name for layer in NETWORK.chip_layers()]
    runs = [emulator.run({"stem": stem[[tile]]}, STEPS, record=names) for tile in range(PRESENTED)]
    spikes = {name: np.concatenate([run.spikes[name] for run in runs]) for name in names}
    return Ran(
        integer,
        placement,
        {"stem": stem, **spikes},
        StepEvents.join([counter.count(run.events) for run in runs]),
    )


def test_sparse_rows_of_synapses_are_counted_as_such() -> None:
    network = sparse(small_network(8, (8, 8, 8, 4)), 3)
    tiles = {layer.name: (4, 4, layer.group) for layer in network.chip_layers()}
    weights = pruned(network, weights_of(network, build_model(network, seed=3)))
    integer = extract_network(discretize(build_network(network, weights, tiles)).model)
    shape = (1, STEPS, *network.shape("stem"))
    stem = (np.random.default_rng(0).random(shape) < 0.2).astype(np.uint8)
    placement = in_order(network, tiles, chips=2)
    names = [layer.name for layer in network.chip_layers()]
    run = Emulator(integer).run({"stem": stem}, STEPS, record=names)
    counted = EventCounter(integer, placement, names[-1]).count(run.events).until(STEPS)
    spikes = {"stem": stem, **run.spikes}
    mean = {name: x[0, : STEPS - 1].sum(axis=0) / (STEPS * DT) for name, x in spikes.items()}
    expected = events_from_rates(network, tiles, mean, STEPS, placement)
    assert counted.totals["synaptic_ops"] > 1000
    for name, operations in expected.synaptic_ops_by_connection.items():
        assert counted.synaptic_ops_by_connection[name] == pytest.approx(operations)


@pytest.mark.parametrize("kind", KINDS)
def test_only_fully_connected_layers_count_as_dense(kind: str) -> None:
    graph = graph_of(kind)
    items = items_of(graph, count=1)
    events = emulate(map_graph(graph, Board(1), items), items, steps=50).events.until(50)
    operations = sum(events.synaptic_ops_by_connection.values())
    assert operations > 0
    n = events.totals["synaptic_ops"], events.totals["dense_synaptic_ops"]
    assert n == ((0, operations) if kind == "dense" else (operations, 0))


@pytest.mark.parametrize("name", NETWORKS)
def test_no_layer_of_a_u_net_is_dense(name: str) -> None:
    """So their energies are those of convolutions, whatever a dense synapse costs."""
    network = NETWORKS[name]
    for target, c in network.connections():
        first, last = axis_of(network, target.name, c).reach()
        share = (last - first).max() / network.sizes[target.name]
        assert share**2 < DENSE


def rates(ran: Ran, steps: int) -> dict[str, np.ndarray]:
    """Mean rates of the first ``steps`` steps, as if spread over all of them."""
    return {
        name: s[:, :steps].sum(axis=1).mean(axis=0) / (STEPS * DT) for name, s in ran.spikes.items()
    }


def test_counted_and_expected_events_agree(ran: Ran) -> None:
    """The emulator's counters against this package's own counting, from the same spikes."""
    counted = ran.events.until(STEPS)
    assert counted.totals["spikes"] > 1000
    sent = events_from_rates(NETWORK, TILES, rates(ran, STEPS), STEPS, ran.placement)
    # The spikes of the last step are sent, but there is no step left to deliver them in.
    delivered = events_from_rates(NETWORK, TILES, rates(ran, STEPS - 1), STEPS, ran.placement)

    got, all_sent = counted.per_presentation(), sent.per_presentation()
    arrived = delivered.per_presentation()
    for name in ("synaptic_ops", "messages_in"):
        assert got[name] == pytest.approx(arrived[name]), name
    for name in ("spikes", "messages_out", "messages_interchip", "injected", "readout",
                 "hops_ew", "hops_ns", "neuron_active"):  # fmt: skip
        assert got[name] == pytest.approx(all_sent[name]), name
    for name, operations in delivered.synaptic_ops_by_connection.items():
        assert counted.synaptic_ops_by_connection[name] / PRESENTED == pytest.approx(operations)


def test_the_busiest_core_is_found_for_every_tile_and_step(ran: Ran) -> None:
    """Against the expected events of each single step, in which all cores are told apart."""
    for tile in range(PRESENTED):
        for step in range(1, STEPS):
            now, before = (
                {name: spikes[tile, at] / DT for name, spikes in ran.spikes.items()}
                for at in (step, step - 1)
            )
            sent, arrived = (
                events_from_rates(NETWORK, TILES, spikes, 1, ran.placement).busy
                for spikes in (now, before)
            )
            cores = {**sent, **{n: arrived[n] for n in ("synaptic_ops", "messages_in")}}
            found = {name: n[tile, [step]] for name, n in ran.events.busy.items()}
            for costs in CONSTANT_SETS.values():
                assert nanoseconds(found, costs).max() == pytest.approx(
                    nanoseconds(cores, costs).max()
                )


def test_fewer_steps_are_the_first_ones(ran: Ran) -> None:
    sent = events_from_rates(NETWORK, TILES, rates(ran, 7), STEPS, ran.placement)
    assert ran.events.until(7).per_presentation()["spikes"] == pytest.approx(
        sent.per_presentation()["spikes"]
    )


def test_tiles_are_counted_one_by_one(ran: Ran) -> None:
    run = Emulator(ran.integer).run({"stem": ran.spikes["stem"]}, STEPS)
    with pytest.raises(DataError, match="counts of 3 tiles are summed"):
        EventCounter(ran.integer, ran.placement, "up").count(run.events)


def test_another_chip_map_is_refused(ran: Ran) -> None:
    other = Placement("other", np.zeros(2, dtype=int), np.arange(2))
    with pytest.raises(DataError, match="the placement is for 2 blocks"):
        EventCounter(ran.integer, other, "up")
