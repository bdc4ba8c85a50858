"""Loihi: modelled from events or measured on a board, with and without the host."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from spikeseg_core.energy.figure import Figures, figures_of
from spikeseg_core.loihi.cost import constants as k
from spikeseg_core.loihi.cost.events import EventCounts
from spikeseg_core.loihi.cost.model import LoihiModel, loihi_energy
from spikeseg_core.loihi.run.energy_probe import SOURCE, BoardEnergy


@dataclass(frozen=True)
class Presented:
    """How tiles were presented.

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


def with_host(loihi: Figures, host: Figures) -> Figures:
    """Return Loihi's figures including those of the host's work.

    That is :meth:`spikeseg_core.energy.host.Host.work`. The chips wait for it, so the times add up.
    """
    chips, work = loihi[2], host[2]
    return figures_of(
        family=chips.family,
        variant=chips.variant,
        presentation=chips.presentation,
        host=True,
        precision=chips.precision,
        batch=chips.batch,
        dynamic_mj=loihi[0].mj_per_section + host[0].mj_per_section,
        static_mj=loihi[1].mj_per_section + host[1].mj_per_section,
        seconds=chips.seconds_per_section + work.seconds_per_section,
        basis="modelled",
        time_basis="modelled",
        source=f"{chips.source}. Host: {work.source}",
        note=f"{work.note}; {chips.note}",
        tiles=chips.tiles,
        busy=work.busy,
    )
