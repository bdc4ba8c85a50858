"""Time and energy of one step of a mapped network, and its bottleneck.

A step ends when its slowest part is done: the busiest core (synaptic operations, neuron updates,
messages), the busiest link of a mesh, or the busiest link between two chips. Then comes the
barrier. Constants and their sources are in :mod:`spikeseg_core.loihi.cost.constants`; the cost of a
link between chips is unpublished and therefore swept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from spikeseg_core.loihi.cost.constants import SEEN_STEPS_PER_SECOND_SEVERAL_CHIPS
from spikeseg_core.loihi.cost.events import EventCounts
from spikeseg_core.loihi.cost.expected import events_from_rates
from spikeseg_core.loihi.cost.model import LoihiModel, loihi_energy, nanoseconds
from spikeseg_core.loihi.mapping.fit import Tile
from spikeseg_core.loihi.mapping.mesh import Hops, hops
from spikeseg_core.loihi.mapping.placement import Placement
from spikeseg_core.loihi.mapping.traffic import Rates, Traffic, traffic
from spikeseg_core.network import Network

FASTEST_SEEN_US = 1e6 / SEEN_STEPS_PER_SECOND_SEVERAL_CHIPS
"""Shortest step seen on several chips, in microseconds; shorter modelled steps are implausible."""


@dataclass(frozen=True)
class StepEstimate:
    """Modelled time and energy of one step.

    Attributes
    ----------
    core_us, mesh_us, link_us, barrier_us : float
        Busiest core, busiest mesh link, busiest link between chips, barrier; in microseconds.
    busiest_core, busiest_layer : int, str
        The core, in the order of nengo-loihi's blocks, and its layer.
    busiest_link : tuple of int
        Chips of the busiest link, from and to; both 0 on one chip.
    dynamic_uj, static_uj : float
        Energy in microjoules; static is that of chips and x86 cores for the step's duration.
    """

    core_us: float
    mesh_us: float
    link_us: float
    barrier_us: float
    busiest_core: int
    busiest_layer: str
    busiest_link: tuple[int, int]
    dynamic_uj: float
    static_uj: float

    @property
    def time_us(self) -> float:
        """Time of the step in microseconds."""
        return max(self.core_us, self.mesh_us, self.link_us) + self.barrier_us

    @property
    def bottleneck(self) -> str:
        """What the step waits for."""
        return {
            self.link_us: "link from chip {} to chip {}".format(*self.busiest_link),
            self.mesh_us: "a link of a chip's mesh",
            self.core_us: f"core {self.busiest_core} (layer {self.busiest_layer})",
        }[max(self.core_us, self.mesh_us, self.link_us)]


@dataclass(frozen=True, eq=False)
class MappedStep:
    """Events of one step of a mapped network, before costs.

    Attributes
    ----------
    events : EventCounts
        Events of every core.
    messages : Traffic
        Messages between cores.
    hops : Hops
        Routers passed.
    chips : ndarray of int
        Chip of every core.
    """

    events: EventCounts
    messages: Traffic
    hops: Hops
    chips: np.ndarray

    @classmethod
    def of(
        cls, network: Network, tiles: Mapping[str, Tile], rates: Rates, placement: Placement
    ) -> MappedStep:
        """Count the events of one step at mean rates in Hz, the host's layers included."""
        messages = traffic(network, tiles, rates)
        return cls(
            events_from_rates(network, tiles, rates, 1, placement),
            messages,
            hops(messages, placement),
            placement.chips,
        )

    def estimate(self, model: LoihiModel | None = None) -> StepEstimate:
        """Model time and energy; by default as :class:`LoihiModel`.

        Resets are left out: they come once before all steps of a tile.
        """
        model = replace(model or LoihiModel(), reset_messages=0.0)
        costs = model.costs
        core_ns = nanoseconds(self.events.busy, costs, overlapped=model.overlapped)[0]
        busiest = int(core_ns.argmax())
        crossing = self.messages.between_chips(self.chips)
        np.fill_diagonal(crossing, 0)
        source, target = np.unravel_index(int(crossing.argmax()), crossing.shape)
        mesh_ns = max(
            self.hops.links_east_west.max() * costs.hop_ew.ns,
            self.hops.links_north_south.max() * costs.hop_ns.ns,
        )
        core_us = float(core_ns[busiest]) * 1e-3
        mesh_us = float(mesh_ns) * 1e-3
        link_us = float(crossing.max()) * model.interchip_ns * 1e-3
        barrier_us = costs.barrier(self.events.mesh_tiles) * 1e-3
        time_us = max(core_us, mesh_us, link_us) + barrier_us
        return StepEstimate(
            core_us=core_us,
            mesh_us=mesh_us,
            link_us=link_us,
            barrier_us=barrier_us,
            busiest_core=busiest,
            busiest_layer=str(self.messages.layers[busiest]),
            busiest_link=(int(source), int(target)),
            dynamic_uj=loihi_energy(self.events, model).dynamic_mj * 1e3,
            static_uj=model.static_watts(self.events) * time_us,
        )
