"""Energy and time of Loihi, modelled from counted events and cited constants.

Dynamic energy is the sum of events times their energies. Time is the work of the busiest core, or
of the links between chips if that is longer (they work in parallel), plus the barrier that ends
every step; it is never below that of the fastest steps seen on hardware. Before the first step
every compartment is reset, unless tiles follow each other without. Static energy is all this time
times the static power.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from spikeseg_core.loihi.chip import LOIHI_1
from spikeseg_core.loihi.cost import constants as k
from spikeseg_core.loihi.cost.constants import LoihiConstants
from spikeseg_core.loihi.cost.events import EventCounts

Idle = Literal["none", "cores in use", "chips", "chips and x86"]
"""What static power includes: nothing; the leakage of the cores in use; that of whole chips; or
that of whole chips and their embedded x86 cores."""

IDLE_DEFINITIONS: tuple[Idle, ...] = ("none", "cores in use", "chips", "chips and x86")


@dataclass(frozen=True)
class LoihiModel:
    """Converts events to energy and time.

    Attributes
    ----------
    constants : LoihiConstants
        Cost of every kind of event.
    idle : Idle
        What static power includes.
    interchip_pj, interchip_ns : float
        Cost in pJ and ns of a message over a link between chips, or between chip and host, in
        addition to sending and receiving. Not published: an assumption to be swept.
    reset_messages : float
        Messages from the host that reset a compartment before a tile is shown. Not published: an
        assumption to be swept.
    sparse : bool
        Whether rows of weights have targets of their own, except in fully connected layers.
    overlapped : bool
        Whether a core receives while it updates and sends, as SANA-FE has it, with whose rule the
        silicon-fitted constants were fitted. Otherwise all that it does adds up: an upper bound.
    """

    constants: LoihiConstants = k.SILICON_FITTED
    idle: Idle = "chips and x86"
    interchip_pj: float = k.INTERCHIP_PJ
    interchip_ns: float = k.INTERCHIP_NS
    reset_messages: float = k.RESET_MESSAGES
    sparse: bool = False
    overlapped: bool = False

    @property
    def costs(self) -> LoihiConstants:
        """Cost of every kind of event, with that of the synapses that the network has."""
        if not self.sparse:
            return self.constants
        return replace(self.constants, synaptic_op=self.constants.sparse_synaptic_op)

    def static_watts(self, events: EventCounts) -> float:
        """Return the static power of the chips in use, in watts."""
        return {
            "none": 0.0,
            "cores in use": k.LEAKAGE_W_PER_CHIP * events.cores / LOIHI_1.cores,
            "chips": k.LEAKAGE_W_PER_CHIP * events.chips,
            "chips and x86": (k.LEAKAGE_W_PER_CHIP + k.X86_W_PER_CHIP) * events.chips,
        }[self.idle]

    @property
    def source(self) -> str:
        """Sources of the numbers."""
        return f"{self.constants.name}: {self.constants.source}. Static: {k.STATIC_SOURCE}"


@dataclass(frozen=True)
class LoihiEstimate:
    """Energy and time of one presentation of one tile.

    Attributes
    ----------
    parts_mj : mapping of str to float
        Dynamic energy by kind of event, in millijoules.
    static_mj : float
        Static energy, in millijoules.
    seconds : float
        Time of one presentation, in seconds, resets included.
    reset_seconds : float
        Time of the resets.
    steps : float
        Time steps of one presentation, on average.
    """

    parts_mj: Mapping[str, float]
    static_mj: float
    seconds: float
    reset_seconds: float
    steps: float

    @property
    def dynamic_mj(self) -> float:
        """Dynamic energy in millijoules."""
        return sum(self.parts_mj.values())

    @property
    def total_mj(self) -> float:
        """Dynamic and static energy in millijoules."""
        return self.dynamic_mj + self.static_mj

    @property
    def steps_per_second(self) -> float:
        """Time steps per second."""
        return self.steps / (self.seconds - self.reset_seconds)


def nanoseconds(
    of_cores: Mapping[str, np.ndarray], costs: LoihiConstants, *, overlapped: bool = False
) -> np.ndarray:
    """Time in ns that cores spend on their events, given by the names of ``OF_A_CORE``.

    ``overlapped`` as in :class:`LoihiModel`.
    """
    receives = (
        of_cores["messages_in"] * costs.message_in.ns
        + of_cores["synaptic_ops"] * costs.synaptic_op.ns
        + of_cores["dense_synaptic_ops"] * costs.dense_synaptic_op.ns
    )
    sends = (
        of_cores["neuron_active"] * costs.neuron_active.ns
        + of_cores["neuron_idle"] * costs.neuron_idle.ns
        + of_cores["spikes"] * costs.spike.ns
        + of_cores["messages_out"] * costs.message_out.ns
    )
    return np.asarray(np.maximum(receives, sends) if overlapped else receives + sends)


def loihi_energy(events: EventCounts, model: LoihiModel | None = None) -> LoihiEstimate:
    """Model the energy and time of one presentation of one tile.

    Parameters
    ----------
    model : LoihiModel, optional
        Default: silicon-fitted constants, static power of whole chips and their x86 cores.
    """
    model = model or LoihiModel()
    costs = model.costs
    n = events.per_presentation()
    compartments = (n["neuron_active"] + n["neuron_idle"]) / events.steps
    resets = events.reset * model.reset_messages * compartments
    over_link = n["messages_interchip"] + n["injected"] + n["readout"]
    picojoules = {
        "synaptic operations": n["synaptic_ops"] * costs.synaptic_op.pj
        + n["dense_synaptic_ops"] * costs.dense_synaptic_op.pj,
        "neuron updates, active": n["neuron_active"] * costs.neuron_active.pj,
        "neuron updates, idle": n["neuron_idle"] * costs.neuron_idle.pj,
        "spikes": n["spikes"] * costs.spike.pj,
        "messages": n["messages_out"] * costs.message_out.pj
        + n["messages_in"] * costs.message_in.pj,
        "hops": n["hops_ew"] * costs.hop_ew.pj + n["hops_ns"] * costs.hop_ns.pj,
        "links between chips": n["messages_interchip"] * model.interchip_pj,
        "input": n["injected"] * (costs.message_out.pj + model.interchip_pj),
        "read-out": n["readout"] * (costs.message_out.pj + model.interchip_pj),
        "resets": resets * (costs.message_out.pj + model.interchip_pj),
    }
    core_ns = nanoseconds(events.busy, costs, overlapped=model.overlapped)
    busiest_ns = float(core_ns.max(axis=1).sum()) / events.presentations
    barrier_ns = events.steps * costs.barrier(events.mesh_tiles)
    link_ns = over_link * model.interchip_ns / events.chips
    seen = (
        k.SEEN_STEPS_PER_SECOND_ONE_CHIP
        if events.chips == 1
        else k.SEEN_STEPS_PER_SECOND_SEVERAL_CHIPS
    )
    seconds = max(1e-9 * (max(busiest_ns, link_ns) + barrier_ns), events.steps / seen)
    reset_seconds = 1e-9 * resets * model.interchip_ns / events.chips
    seconds += reset_seconds
    return LoihiEstimate(
        parts_mj={name: 1e-9 * pj for name, pj in picojoules.items()},
        static_mj=1e3 * model.static_watts(events) * seconds,
        seconds=seconds,
        reset_seconds=reset_seconds,
        steps=events.steps,
    )


def energy_range(events: EventCounts, model: LoihiModel) -> tuple[float, float]:
    """Total energy in mJ of one presentation at the ends of the constants' stated errors.

    The error in energy applies to the dynamic part, the error in time to the static part. Constants
    without a stated error give a range of width zero.
    """
    tile = loihi_energy(events, model)
    energy = model.constants.energy_error or 0.0
    time = model.constants.time_error or 0.0
    low, high = (
        tile.dynamic_mj * (1 + sign * energy) + tile.static_mj * (1 + sign * time)
        for sign in (-1, 1)
    )
    return low, high
