"""Loihi: modelled from events or measured on a board, with and without the host."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from spikeseg_core.energy.figure import EnergyFigure, Figures, figures_of, find
from spikeseg_core.energy.host import host_operations
from spikeseg_core.loihi.cost import constants as k
from spikeseg_core.loihi.cost.events import EventCounts
from spikeseg_core.loihi.cost.model import LoihiModel, loihi_energy
from spikeseg_core.loihi.run.energy_probe import SOURCE, BoardEnergy
from spikeseg_core.network import Network


@dataclass(frozen=True)
class Presented:
    """How tiles were presented, and the host's work that goes with it.

    Attributes
    ----------
    events : EventCounts
        Events on the chips.
    tiles : int
        Tiles that cover one section.
    extra_readouts : float
        Read-outs per tile before the last one, made to decide on early exit.
    """

    events: EventCounts
    tiles: int
    extra_readouts: float = 0.0

    def host_share(self, network: Network) -> float:
        """Return the host's work as a share of the network's multiply-adds."""
        operations = host_operations(network, self.events.steps, self.extra_readouts)
        return operations / network.multiply_adds


def loihi_figures(
    events: EventCounts, tiles_per_section: int, model: LoihiModel | None = None, **fields: Any
) -> Figures:
    """Return dynamic, static and total energy of one section, tile after tile.

    Parameters
    ----------
    model : LoihiModel, optional
        Default: silicon-fitted constants, static power of whole chips and their x86 cores.
    **fields
        ``presentation`` and ``variant`` of :class:`~spikeseg_core.energy.figure.EnergyFigure`.
    """
    model = model or LoihiModel()
    tile = loihi_energy(events, model)
    return figures_of(
        family="loihi",
        precision="int8",
        dynamic_mj=tile.dynamic_mj * tiles_per_section,
        static_mj=tile.static_mj * tiles_per_section,
        seconds=tile.seconds * tiles_per_section,
        basis="modelled",
        time_basis="modelled",
        source=model.source,
        note=f"events {events.basis}; {events.steps} steps per tile, {events.cores} cores on "
        f"{events.chips} chip{'s' if events.chips > 1 else ''}; {k.INTERCHIP_SOURCE}; "
        f"{k.RESET_SOURCE}; {k.SEEN_STEPS_SOURCE}",
        tiles=tiles_per_section,
        **{"presentation": "deployed", **fields},
    )


def board_figures(readings: Sequence[BoardEnergy], tiles_per_section: int) -> Figures:
    """Return dynamic, static and total energy of a section as measured on a board.

    Parameters
    ----------
    readings : sequence of BoardEnergy
        One per presentation of a tile; their mean is used.
    """
    n = len(readings)
    per_section = tiles_per_section / n
    return figures_of(
        family="loihi",
        variant="board",
        presentation="deployed",
        precision="int8",
        dynamic_mj=sum(r.dynamic_mj for r in readings) * per_section,
        static_mj=sum(r.static_mj for r in readings) * per_section,
        seconds=sum(r.seconds for r in readings) * per_section,
        basis="measured",
        time_basis="measured",
        source=SOURCE,
        note=f"mean of {n} tiles of {readings[0].steps} steps; the host is not measured",
        tiles=tiles_per_section,
    )


def with_host(loihi: Figures, cpu: Sequence[EnergyFigure], share: float) -> Figures:
    """Return Loihi's figures including the host's share of the work.

    ``share`` is the host's part of the network's multiply-adds
    (:func:`~spikeseg_core.energy.host.host_operations`). It is priced like this machine's CPU at
    int8, online, on tiles.
    """
    dynamic, static, total = loihi
    on_host = {
        c: find(cpu, family="cpu", feed="tiles", precision="int8", batch=1, component=c).cut_into(
            total.tiles
        )
        for c in ("dynamic", "static")
    }
    return figures_of(
        family=total.family,
        variant=total.variant,
        presentation=total.presentation,
        host=True,
        precision=total.precision,
        batch=total.batch,
        dynamic_mj=dynamic.mj_per_section + share * on_host["dynamic"].mj_per_section,
        static_mj=static.mj_per_section + share * on_host["static"].mj_per_section,
        seconds=total.seconds_per_section + share * on_host["dynamic"].seconds_per_section,
        basis="modelled",
        time_basis="modelled",
        source=f"{total.source}. Host: {on_host['dynamic'].source}",
        note=f"host does {share:.1%} of the multiply-adds (layers off the chip, read-out), priced "
        f"like the CPU's int8 online run; {total.note}",
        tiles=total.tiles,
        busy=on_host["dynamic"].busy,
    )
