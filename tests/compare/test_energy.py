from dataclasses import replace

import numpy as np
import pytest

from spikeseg_core.loihi.cost.constants import CONSTANT_SETS, SILICON_FITTED, EventCost
from spikeseg_core.loihi.cost.counted import EventCounter
from spikeseg_core.loihi.cost.events import StepEvents
from spikeseg_core.loihi.emulator import CoreEvents, Emulator
from spikeseg_core.loihi.mapping.placement import Placement
from spikeseg_core.testing import cases

from .energy import busiest, components, side_by_side


@pytest.fixture(scope="module")
def ran() -> tuple[CoreEvents, StepEvents]:
    """A convolution of the corpus on two routers."""
    case = next(case for case in cases() if case.name == "convolution-skip")
    n = case.network
    at = Placement("apart", np.zeros(n.n_blocks, int), 3 * np.arange(n.n_blocks))
    counts = Emulator(n).run([x[None] for x in case.inputs], len(case.spikes)).events
    return counts, EventCounter(n, at, n.ensembles[-1].name).count(counts)


def test_components_are_counts_times_energies(ran: tuple[CoreEvents, StepEvents]) -> None:
    counts, events = ran
    found, costs = components(events, SILICON_FITTED), SILICON_FITTED
    assert counts.spikes.sum() > 0
    assert found["synapses"] == pytest.approx(counts.synaptic_operations.sum() * 24.0)
    updates = events.totals["neuron_active"].sum() * costs.neuron_active.pj
    assert found["neurons"] == pytest.approx(updates + counts.spikes.sum() * 69.3)
    assert found["messages"] == pytest.approx(counts.messages_out.sum() * 111.0)
    hops = events.totals["hops_ew"].sum() * 3.0 + events.totals["hops_ns"].sum() * 4.2
    assert found["hops"] == pytest.approx(hops)
    assert hops > 0


def test_synapses_of_fully_connected_layers_are_dense() -> None:
    case = next(case for case in cases() if case.name == "floor-far")
    n = case.network
    counts = Emulator(n).run([x[None] for x in case.inputs], len(case.spikes)).events
    at = Placement("apart", np.zeros(n.n_blocks, int), np.arange(n.n_blocks))
    events = EventCounter(n, at, []).count(counts)
    operations = counts.synaptic_operations.sum()
    assert operations > 0
    assert components(events, SILICON_FITTED)["synapses"] == pytest.approx(operations * 35.5)
    free = replace(SILICON_FITTED, dense_synaptic_op=EventCost(0, 0))
    for rule in (busiest, side_by_side):
        assert (rule(events, SILICON_FITTED) > rule(events, free)).any()


@pytest.mark.parametrize("name", CONSTANT_SETS)
def test_rules_of_time_core_by_core(ran: tuple[CoreEvents, StepEvents], name: str) -> None:
    """From the emulator's counts of every core, instead of the candidates for the busiest."""
    counts, events = ran
    costs = CONSTANT_SETS[name]
    sizes = events.totals["neuron_active"][0, 0] / counts.n_cores
    assert sizes > 0
    cells = np.diff(next(c for c in cases() if c.name == "convolution-skip").network.block_start)
    sends = (
        cells * costs.neuron_active.ns
        + counts.spikes * costs.spike.ns
        + counts.messages_out * costs.message_out.ns
    )
    receives = (
        counts.synaptic_operations * costs.synaptic_op.ns + counts.messages_in * costs.message_in.ns
    )
    np.testing.assert_allclose(busiest(events, costs), (sends + receives).max(axis=1))
    shifted = np.append(receives.max(axis=1)[1:], 0.0)
    expected = np.maximum(sends.max(axis=1), shifted)
    np.testing.assert_allclose(side_by_side(events, costs), expected)
    assert (side_by_side(events, costs) < busiest(events, costs)).any()
