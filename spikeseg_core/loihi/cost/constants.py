"""Energies and times of single events on Loihi, each with its source.

All of them come from secondary sources or from code, not from the original tables; every source
string says so. Energies are in picojoules, times in nanoseconds, powers in watts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np


@dataclass(frozen=True)
class EventCost:
    """Cost of one event: ``pj`` picojoules, and ``ns`` nanoseconds of its core's time."""

    pj: float
    ns: float


@dataclass(frozen=True)
class LoihiConstants:
    """Costs of the events that :class:`~spikeseg_core.loihi.cost.events.EventCounts` counts.

    Attributes
    ----------
    name, source : str
        Short name of the set, and its source.
    synaptic_op : EventCost
        One spike adding one weight to one compartment, through shared (convolution) weights.
    sparse_synaptic_op, dense_synaptic_op : EventCost
        The same where every row of weights has targets of its own, and where layers are fully
        connected.
    neuron_active, neuron_idle : EventCost
        Updating one compartment for one step, with and without new input.
    spike : EventCost
        One spike of a compartment, before any message is sent.
    message_out, message_in : EventCost
        One spike message to one core, at its sender and at its receiver.
    hop_ew, hop_ns : EventCost
        One message passing one router east-west or north-south.
    barrier_ns : tuple of (int, float)
        Duration in ns of a time step's barrier, by number of mesh tiles (4 cores each) in use.
    energy_error, time_error : float or None
        Relative error stated by the source; None if it states none.
    """

    name: str
    source: str
    synaptic_op: EventCost
    sparse_synaptic_op: EventCost
    dense_synaptic_op: EventCost
    neuron_active: EventCost
    neuron_idle: EventCost
    spike: EventCost
    message_out: EventCost
    message_in: EventCost
    hop_ew: EventCost
    hop_ns: EventCost
    barrier_ns: tuple[tuple[int, float], ...]
    energy_error: float | None = None
    time_error: float | None = None

    def barrier(self, tiles: float) -> float:
        """Duration in ns of a barrier over ``tiles`` mesh tiles, linear in log2 between entries."""
        sizes, times = zip(*self.barrier_ns, strict=True)
        return float(np.interp(np.log2(max(tiles, 1)), np.log2(sizes), times))


PRE_SILICON = LoihiConstants(
    name="pre-silicon",
    source="Davies et al. 2018, IEEE Micro 38(1), table 2 (SPICE, 0.75 V); read in secondary "
    "sources",
    synaptic_op=EventCost(23.6, 3.5),
    sparse_synaptic_op=EventCost(23.6, 3.5),  # the table makes no difference
    dense_synaptic_op=EventCost(23.6, 3.5),
    neuron_active=EventCost(81.0, 8.4),
    neuron_idle=EventCost(52.0, 5.3),
    spike=EventCost(0.0, 0.0),  # the table has no entry of its own: part of the active update
    message_out=EventCost(1.7, 2.1),  # "within-tile spike"
    message_in=EventCost(0.0, 0.0),
    hop_ew=EventCost(3.0, 4.1),
    hop_ns=EventCost(4.0, 6.5),
    barrier_ns=((1, 113.0), (32, 465.0)),
)

SILICON_FITTED = LoihiConstants(
    name="silicon-fitted",
    source="Loihi description shipped with SANA-FE (Boyle et al.), fitted to measurements on "
    "silicon, stated error up to 11.7 % in energy and 24.3 % in latency; read in its code",
    synaptic_op=EventCost(24.0, 3.1),
    sparse_synaptic_op=EventCost(33.6, 4.7),
    dense_synaptic_op=EventCost(35.5, 3.8),
    neuron_active=EventCost(51.2 + 21.6, 6.0 + 3.7),  # access + update
    neuron_idle=EventCost(51.2, 6.0),  # access only
    spike=EventCost(69.3, 30.0),
    message_out=EventCost(111.0, 5.1),
    message_in=EventCost(0.0, 16.0),
    hop_ew=EventCost(3.0, 4.1),
    hop_ns=EventCost(4.2, 6.5),
    barrier_ns=((1, 600.0), (2, 1000.0), (4, 1400.0), (29, 1800.0)),
    energy_error=0.117,
    time_error=0.243,
)

CONSTANT_SETS: Mapping[str, LoihiConstants] = MappingProxyType(
    {c.name: c for c in (PRE_SILICON, SILICON_FITTED)}
)

LEAKAGE_W_PER_CHIP = 0.104
X86_W_PER_CHIP = 0.065
STATIC_SOURCE = (
    "leakage 104 mW and embedded x86 cores 65 mW per chip, from 3.34 W and 2.1 W on a board of 32 "
    "chips; read in secondary sources"
)

SEEN_STEPS_PER_SECOND_ONE_CHIP = 125e3
SEEN_STEPS_PER_SECOND_SEVERAL_CHIPS = 65e3
SEEN_STEPS_SOURCE = (
    "fastest step rates seen by NengoLoihi's authors on hardware, 125k per second on one chip "
    "and 65k on several; read in secondary sources. No step is modelled as faster"
)

INTERCHIP_PJ = 640.0
INTERCHIP_NS = 6.5
INTERCHIP_PJ_RANGE = (0.0, 10_000.0)
INTERCHIP_NS_RANGE = (0.0, 200.0)
INTERCHIP_SOURCE = (
    "assumed: Loihi's links between chips and to the host are unpublished. 640 pJ per message is "
    "64 bits at 10 pJ per bit, an ordinary board-level parallel link; 6.5 ns is the slowest "
    "hop of the mesh that the links continue; swept from 0 to 10 nJ and 0 to 200 ns"
)

RESET_MESSAGES = 1.0
RESET_MESSAGES_RANGE = (0.0, 2.0)
RESET_SOURCE = (
    "assumed: how a network is reset between tiles is unpublished. One message from the host sets "
    "the membrane potential of each compartment, over the links and before the first step; swept "
    "from 0 (by the chip itself) to 2 (the current, too)"
)
