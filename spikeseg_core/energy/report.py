"""All energy figures of one mapped network, and what they are worth against each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from spikeseg_core.energy.devices.gpu import published_figures
from spikeseg_core.energy.figure import Component, EnergyFigure, check_parts, find
from spikeseg_core.energy.host import host_operations, with_host
from spikeseg_core.loihi.cost.constants import PRE_SILICON
from spikeseg_core.loihi.cost.events import EventCounts
from spikeseg_core.loihi.cost.model import LoihiModel, energy_range, loihi_energy, loihi_figures
from spikeseg_core.network import Network

PUBLISHED_GPU = "gpu (keyword spotter)"

COMPARED: tuple[Component, ...] = ("dynamic", "total")


@dataclass(frozen=True)
class EnergyReport:
    """What the benchmark has to say.

    Attributes
    ----------
    figures : tuple of EnergyFigure
        Every device, precision, batch and component.
    ratios : mapping of str to float
        Energy of a conventional device over Loihi's; above 1 Loihi needs less.
    events : mapping of str to float
        Counts of one presentation of one tile.
    loihi_parts_mj : mapping of str to float
        Loihi's dynamic energy of one section by kind of event, in millijoules.
    facts : mapping
        Cores, chips, steps, step rate; the range of Loihi's total by the constants' stated errors.
    """

    figures: tuple[EnergyFigure, ...]
    ratios: Mapping[str, float]
    events: Mapping[str, float]
    loihi_parts_mj: Mapping[str, float]
    facts: Mapping[str, Any]

    def table(self) -> pd.DataFrame:
        """One row a figure."""
        return pd.DataFrame([f.to_json() for f in self.figures])

    def metrics(self) -> dict[str, float]:
        """Flat names: ``energy/loihi_total_mj``, ``energy/ratio_cpu_int8_online``, ..."""
        named = {
            f"energy/{_name(f)}_{f.component}_mj": f.mj_per_section
            for f in self.figures
            if f.basis != "published"
        }
        times = {
            f"energy/{_name(f)}_seconds": f.seconds_per_section
            for f in self.figures
            if f.component == "total" and f.basis != "published"
        }
        return named | times | {f"energy/ratio_{name}": r for name, r in self.ratios.items()}


def _name(f: EnergyFigure) -> str:
    device = f.device.replace(" + ", "_with_").replace(" ", "_").replace("-", "_")
    precision = "" if device.startswith("loihi") else f"_{f.precision}"
    return f"{device}{precision}" + ("" if f.batch == 1 else f"_batch{f.batch}")


@dataclass(frozen=True)
class Presented:
    """Tiles as they were presented, and what that left for the host.

    Attributes
    ----------
    events : EventCounts
        What happened on the chips.
    tiles : int
        Tiles that cover one section.
    checks : float
        Read-outs a tile that were made to see whether it has settled.
    """

    events: EventCounts
    tiles: int
    checks: float = 0.0

    def host_share(self, network: Network) -> float:
        """Return the host's work as a share of the network's multiply-adds."""
        return host_operations(network, self.events.steps, self.checks) / network.multiply_adds


def energy_report(
    network: Network,
    loihi: Mapping[str, Presented],
    cpu: Sequence[EnergyFigure],
    *,
    others: Sequence[EnergyFigure] = (),
    model: LoihiModel | None = None,
) -> EnergyReport:
    """Put the figures of all devices side by side.

    Parameters
    ----------
    network : Network
        The network that was mapped.
    loihi : mapping of str to Presented
        As it was deployed, under the name ``"loihi"``, and other ways of presenting tiles.
    cpu : sequence of EnergyFigure
        From :mod:`spikeseg_core.energy.devices.cpu`.
    others : sequence of EnergyFigure
        Measured on a GPU or a board. Published devices are added either way.
    model : LoihiModel, optional
        By default silicon-fitted constants, whole chips and their x86 cores charged.

    Raises
    ------
    ConfigError
        If the parts of a device do not add up, or the CPU has no int8 online figure.
    """
    model = model or LoihiModel()
    events, tiles = loihi["loihi"].events, loihi["loihi"].tiles
    pre_silicon = loihi_figures(
        events, tiles, replace(model, constants=PRE_SILICON), device="loihi pre-silicon"
    )
    modelled: list[EnergyFigure] = [*pre_silicon]
    for name, presented in loihi.items():
        chip = loihi_figures(presented.events, presented.tiles, model, device=name)
        modelled += [*chip, *with_host(chip, tuple(cpu), presented.host_share(network))]
    published = published_figures(tiles, network.multiply_adds)
    figures = (*modelled, *cpu, *others, *published)
    check_parts(figures)
    tile = loihi_energy(events, model)
    return EnergyReport(
        figures=figures,
        ratios=_ratios(figures, [*cpu, *others], loihi),
        events=events.per_presentation(),
        loihi_parts_mj={name: mj * tiles for name, mj in tile.parts_mj.items()},
        facts={
            "event_basis": events.basis,
            "presentations": events.presentations,
            "steps": events.steps,
            "cores": events.cores,
            "chips": events.chips,
            "tiles_per_section": tiles,
            "steps_per_second": tile.steps_per_second,
            "loihi_total_mj_range": [mj * tiles for mj in energy_range(events, model)],
            "synaptic_ops_by_connection": {
                name: operations / events.presentations
                for name, operations in events.synaptic_ops_by_connection.items()
            },
        },
    )


def _ratios(
    figures: Sequence[EnergyFigure],
    conventional: Sequence[EnergyFigure],
    loihi: Mapping[str, Presented],
) -> dict[str, float]:
    """Conventional over Loihi: dynamic over dynamic, total over total, for equally many tiles.

    Names end with what Loihi is: nothing as deployed, ``_operating_point`` and so on.
    """
    gpu = find(figures, PUBLISHED_GPU, "as published", 1)
    ratios: dict[str, float] = {}
    for device in loihi:
        suffix = device.removeprefix("loihi").replace(" ", "_")
        chip = {c: find(figures, device, "int8", 1, c).mj_per_section for c in COMPARED}
        tiles = loihi[device].tiles
        hosted = find(figures, f"{device} + host", "int8", 1).mj_per_section
        for f in (figure.cut_into(tiles) for figure in conventional):
            when = "online" if f.batch == 1 else f"batch{f.batch}"
            name = f"{f.device}_{f.precision}_{when}{suffix}".replace(" ", "_")
            if f.component == "total":
                ratios[name] = f.mj_per_section / chip["total"]
                ratios[f"{name}_with_host"] = f.mj_per_section / hosted
            elif f.component == "dynamic":
                ratios[f"{name}_dynamic"] = f.mj_per_section / chip["dynamic"]
        ratios[f"published_gpu_other_network_online{suffix}"] = (
            gpu.cut_into(tiles).mj_per_section / chip["total"]
        )
    return ratios
