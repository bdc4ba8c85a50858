from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from spikeseg_core.ann.unet import build_model, weights_of
from spikeseg_core.energy.from_emulator import events_from_emulator
from spikeseg_core.energy.from_rates import events_from_rates
from spikeseg_core.errors import DataError
from spikeseg_core.loihi.build import build_network, discretize
from spikeseg_core.loihi.emulator import Emulator, EmulatorRun
from spikeseg_core.loihi.integer_network import IntegerNetwork
from spikeseg_core.loihi.partition import Placement
from spikeseg_core.network import DT
from tests.spikeseg_core.energy.networks import in_order, small_network

NETWORK = small_network(8, (4, 4, 8, 4))
TILES = {layer.name: (4, 4, 4) for layer in NETWORK.chip_layers()}
STEPS, PRESENTED = 20, 3


@dataclass(frozen=True)
class Ran:
    integer: IntegerNetwork
    placement: Placement
    stem: np.ndarray
    run: EmulatorRun


@pytest.fixture(scope="module")
def ran() -> Ran:
    """A random network, split over two chips, shown random host spikes."""
    weights = weights_of(NETWORK, build_model(NETWORK, seed=3))
    discretized = discretize(build_network(NETWORK, weights, TILES))
    integer = IntegerNetwork.from_model(discretized.model)
    shape = (PRESENTED, STEPS, *NETWORK.shape("stem"))
    stem = (np.random.default_rng(0).random(shape) < 0.2).astype(np.uint8)
    run = Emulator(integer).run(
        {"stem": stem}, STEPS, record=[layer.name for layer in NETWORK.chip_layers()]
    )
    return Ran(integer, in_order(NETWORK, TILES, chips=2), stem, run)


def rates(ran: Ran, steps: int) -> dict[str, np.ndarray]:
    """Mean rates of the first ``steps`` steps, as if spread over all of them."""
    spikes = {"stem": ran.stem, **ran.run.spikes}
    return {
        name: s[:, :steps].sum(axis=1).mean(axis=0) / (STEPS * DT) for name, s in spikes.items()
    }


def test_counted_and_expected_events_agree(ran: Ran) -> None:
    """The emulator's counters against this package's own counting, from the same spikes."""
    counted = events_from_emulator(ran.run.events, ran.integer, ran.placement, "up")
    assert counted.spikes.sum() > 1000
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
    np.testing.assert_allclose(
        counted.synaptic_ops.sum(axis=0) / PRESENTED, delivered.synaptic_ops[0]
    )
    for name, operations in delivered.synaptic_ops_by_connection.items():
        assert counted.synaptic_ops_by_connection[name] / PRESENTED == pytest.approx(operations)


def test_there_is_a_row_for_every_step(ran: Ran) -> None:
    counted = events_from_emulator(ran.run.events, ran.integer, ran.placement, "up")
    assert counted.synaptic_ops.shape == (STEPS, ran.integer.n_blocks)
    assert (counted.steps, counted.presentations, counted.basis) == (STEPS, PRESENTED, "counted")


def test_another_chip_map_is_refused(ran: Ran) -> None:
    other = Placement("other", np.zeros(2, dtype=int), np.arange(2))
    with pytest.raises(DataError, match="the placement is for 2 blocks"):
        events_from_emulator(ran.run.events, ran.integer, other, "up")
