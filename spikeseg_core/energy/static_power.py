"""The ratio to Loihi under every definition of what being switched on costs.

The definition of idle alone has moved a published result sixfold, so no ratio stands for itself:
each is of a pair of definitions, one for Loihi and one for the other device.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import pandas as pd

from spikeseg_core.energy.figure import Component, EnergyFigure, find
from spikeseg_core.energy.report import Presented
from spikeseg_core.loihi.cost import constants as k
from spikeseg_core.loihi.cost.events import EventCounts
from spikeseg_core.loihi.cost.model import Idle, LoihiModel, loihi_energy

Charge = Literal["dynamic", "total", "published"]
"""What a conventional device is charged: its dynamic energy; its total; or its dynamic energy and
the idle power that was published for such a device."""

PAIRS: Mapping[str, tuple[Charge, Idle | Literal["published"]]] = {
    "dynamic over dynamic": ("dynamic", "none"),
    "dynamic over chips and x86": ("dynamic", "chips and x86"),
    "total over cores in use": ("total", "cores in use"),
    "total over chips": ("total", "chips"),
    "total over chips and x86": ("total", "chips and x86"),
    # The published idle power of Loihi (29 mW) is far below what whole chips leak; it is here
    # because it was published, not because it is believed.
    "published idle powers": ("published", "published"),
}
"""Pairs of definitions: the other device's over Loihi's. The second charges Loihi alone for being
switched on: the worst case for it."""

COMPONENTS: tuple[Component, ...] = ("dynamic", "total")

WANTED = {"cpu": 3.0, "gpu": 10.0}
"""Ratios that this project set out to reach."""


@dataclass(frozen=True)
class Opponent:
    """A conventional device at work on one section.

    Attributes
    ----------
    name : str
    dynamic, total : EnergyFigure
        Of one section.
    idle_w : float
        Published idle power of such a device, in watts.
    """

    name: str
    dynamic: EnergyFigure
    total: EnergyFigure
    idle_w: float

    @classmethod
    def of(cls, figures: Iterable[EnergyFigure], device: str, precision: str) -> Opponent:
        """Take the online figures of a device; its kind is the first word of its name."""
        figures = list(figures)
        dynamic, total = (find(figures, device, precision, 1, c) for c in COMPONENTS)
        idle_w = k.PUBLISHED_DEVICES[device.split(maxsplit=1)[0]].idle_w
        return cls(f"{device}, {precision}", dynamic, total, idle_w)

    def cut_into(self, tiles: int) -> Opponent:
        """Return the device at work on so many tiles a section, unless it takes them whole."""
        return replace(self, dynamic=self.dynamic.cut_into(tiles), total=self.total.cut_into(tiles))

    @property
    def dynamic_mj(self) -> float:
        """Dynamic energy, millijoules a section."""
        return self.dynamic.mj_per_section

    @property
    def total_mj(self) -> float:
        """Total energy, millijoules a section."""
        return self.total.mj_per_section

    @property
    def seconds(self) -> float:
        """Seconds a section."""
        return self.total.seconds_per_section

    def mj(self, charge: Charge) -> float:
        """Millijoules a section under a definition."""
        return {
            "dynamic": self.dynamic_mj,
            "total": self.total_mj,
            "published": self.dynamic_mj + 1e3 * self.idle_w * self.seconds,
        }[charge]


def best_online(figures: Iterable[EnergyFigure]) -> str:
    """Return the device name of the CPU's int8 online run that needs least energy."""
    online = [
        f
        for f in figures
        if (f.precision, f.batch, f.component) == ("int8", 1, "total") and f.device[:3] == "cpu"
    ]
    return min(online, key=lambda f: f.mj_per_section).device


def loihi_mj(events: EventCounts, idle: Idle | Literal["published"], model: LoihiModel) -> float:
    """Millijoules of one presentation of one tile under a definition."""
    if idle == "published":
        tile = loihi_energy(events, replace(model, idle="none"))
        return tile.total_mj + 1e3 * k.PUBLISHED_DEVICES["loihi"].idle_w * tile.seconds
    return loihi_energy(events, replace(model, idle=idle)).total_mj


def ratios_by_idle(loihi: Presented, opponent: Opponent, model: LoihiModel) -> dict[str, float]:
    """Return the opponent's energy over Loihi's for each of :data:`PAIRS`, for the same tiles."""
    opponent = opponent.cut_into(loihi.tiles)
    return {
        pair: opponent.mj(charge) / (loihi_mj(loihi.events, idle, model) * loihi.tiles)
        for pair, (charge, idle) in PAIRS.items()
    }


def idle_table(
    loihi: Mapping[str, Presented],
    opponents: Sequence[Opponent],
    *,
    host: Opponent,
    host_shares: Mapping[str, float],
    model: LoihiModel,
) -> pd.DataFrame:
    """Put all ratios in one table.

    Parameters
    ----------
    loihi : mapping of str to Presented
        Ways of presenting tiles, by name.
    opponents : sequence of Opponent
        Conventional devices; those that take tiles are given as many as Loihi.
    host : Opponent
        What the host's work is priced like, under the pair's definition for the opponent.
    host_shares : mapping of str to float
        By the names of ``loihi``, the host's work as a share of the network's multiply-adds.
    model : LoihiModel
        Constants; the idle definition is varied.

    Returns
    -------
    pandas.DataFrame
        A row each: ``loihi`` (its name, with ``+ host`` where the host is charged), ``opponent``,
        ``idle`` (of :data:`PAIRS`), ``loihi_mj`` and ``opponent_mj`` a section, ``ratio``, and
        ``wanted``, what this project set out to reach.
    """
    rows = []
    for name, presented in loihi.items():
        tiles = presented.tiles
        for pair, (charge, idle) in PAIRS.items():
            chip = loihi_mj(presented.events, idle, model) * tiles
            hosted = chip + host_shares[name] * host.cut_into(tiles).mj(charge)
            rows += [
                {
                    "loihi": device,
                    "opponent": opponent.name,
                    "idle": pair,
                    "loihi_mj": mj,
                    "opponent_mj": opponent.mj(charge),
                    "ratio": opponent.mj(charge) / mj,
                    "wanted": WANTED[opponent.name[:3]],
                }
                for device, mj in ((name, chip), (f"{name} + host", hosted))
                for opponent in (one.cut_into(tiles) for one in opponents)
            ]
    return pd.DataFrame(rows)
