"""Energy and time of this project's cost model, in the components that SANA-FE reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from spikeseg_core.loihi.cost.constants import EventCost, LoihiConstants
from spikeseg_core.loihi.cost.events import StepEvents
from spikeseg_core.loihi.cost.model import LoihiModel, loihi_energy, nanoseconds

PARTS = {
    "synapses": ("synaptic operations",),
    "neurons": ("neuron updates, active", "neuron updates, idle", "spikes"),
    "messages": ("messages",),
    "hops": ("hops",),
}
"""Parts of this model's estimate in each component; links, host and resets have none there."""

FREE = EventCost(0.0, 0.0)


def components(events: StepEvents, constants: LoihiConstants) -> dict[str, float]:
    """Modelled energy of one presentation by component, in picojoules."""
    parts = loihi_energy(events.until(events.steps), LoihiModel(constants)).parts_mj
    return {name: 1e9 * sum(parts[part] for part in of) for name, of in PARTS.items()}


def busiest(events: StepEvents, constants: LoihiConstants) -> np.ndarray:
    """Nanoseconds of the busiest core in every step, ``(steps,)``: all its events in turn."""
    return np.asarray(nanoseconds(_busy(events), constants).max(axis=1))


def side_by_side(events: StepEvents, constants: LoihiConstants) -> np.ndarray:
    """Nanoseconds of every step, ``(steps,)``, by SANA-FE's simple rule.

    A core updates and sends while it receives; what it receives is what is sent in the same step.
    The last step has no receivers here.
    """
    sends = replace(constants, synaptic_op=FREE, dense_synaptic_op=FREE, message_in=FREE)
    receives = replace(
        constants, neuron_active=FREE, neuron_idle=FREE, spike=FREE, message_out=FREE
    )
    received = busiest(events, receives)
    return np.maximum(busiest(events, sends), np.append(received[1:], 0.0))


def _busy(events: StepEvents) -> Mapping[str, np.ndarray]:
    return {name: counts[0] for name, counts in events.busy.items()}
