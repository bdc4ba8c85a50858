"""Conventional baselines for Loihi, under every static-power accounting.

The static-power accounting alone has changed a published result sixfold, so every ratio belongs to
a pair of accountings: one for the baseline and one for Loihi.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import pandas as pd

from spikeseg_core.energy.devices.loihi import Presented, loihi_figures
from spikeseg_core.energy.devices.published import PUBLISHED_DEVICES
from spikeseg_core.energy.figure import EnergyFigure, Presentation, find, select
from spikeseg_core.energy.host import Host
from spikeseg_core.loihi.cost.events import EventCounts
from spikeseg_core.loihi.cost.model import Idle, LoihiModel, loihi_energy

Charge = Literal["dynamic", "total", "published"]
"""What a baseline is charged for: its dynamic energy; its total energy; or its dynamic energy plus
the idle power published for such a device."""

PAIRS: Mapping[str, tuple[Charge, Idle | Literal["published"]]] = {
    "dynamic over dynamic": ("dynamic", "none"),
    "dynamic over chips and x86": ("dynamic", "chips and x86"),
    "total over cores in use": ("total", "cores in use"),
    "total over chips": ("total", "chips"),
    "total over chips and x86": ("total", "chips and x86"),
    # The published idle power of Loihi (29 mW) is far below the leakage of whole chips; it is
    # included because it was published, not because it is plausible.
    "published idle powers": ("published", "published"),
}
"""Pairs of accountings: the baseline's over Loihi's. The second, charging only Loihi for static
power, is its worst case."""

WANTED = {"cpu": 3.0, "gpu": 10.0}
"""Target ratios of this project, by device family."""


@dataclass(frozen=True)
class Baseline:
    """A conventional device processing one section, online.

    Attributes
    ----------
    dynamic, total : EnergyFigure
        Energy per section.
    """

    dynamic: EnergyFigure
    total: EnergyFigure

    @classmethod
    def of(cls, figures: Iterable[EnergyFigure], **fields: Any) -> Baseline:
        """Select the online figures with these fields.

        Raises
        ------
        ConfigError
            If there is none, or more than one device.
        """
        online = select(figures, batch=1)
        dynamic, total = (find(online, component=c, **fields) for c in ("dynamic", "total"))
        return cls(dynamic, total)

    @classmethod
    def best(cls, figures: Iterable[EnergyFigure]) -> Baseline:
        """Select the CPU's int8 online run with the least energy."""
        online = select(figures, family="cpu", precision="int8", batch=1, component="total")
        best = min(online, key=lambda f: f.mj_per_section)
        return cls.of(figures, family="cpu", feed=best.feed, precision="int8")

    def cut_into(self, tiles: int) -> Baseline:
        """Return it for ``tiles`` tiles per section; unchanged if it takes whole sections."""
        return replace(self, dynamic=self.dynamic.cut_into(tiles), total=self.total.cut_into(tiles))

    @property
    def label(self) -> str:
        """Display name."""
        return f"{self.total.label}, {self.total.precision}"

    def mj(self, charge: Charge) -> float:
        """Energy in mJ per section under an accounting."""
        if charge == "total":
            return self.total.mj_per_section
        idle_w = PUBLISHED_DEVICES[self.total.family].idle_w if charge == "published" else 0.0
        return self.dynamic.mj_per_section + 1e3 * idle_w * self.total.seconds_per_section


def loihi_mj(events: EventCounts, idle: Idle | Literal["published"], model: LoihiModel) -> float:
    """Energy in mJ of one presentation of one tile under an accounting."""
    if idle == "published":
        tile = loihi_energy(events, replace(model, idle="none"))
        return tile.total_mj + 1e3 * PUBLISHED_DEVICES["loihi"].idle_w * tile.seconds
    return loihi_energy(events, replace(model, idle=idle)).total_mj


def ratios_by_accounting(
    loihi: Presented, baseline: Baseline, model: LoihiModel
) -> dict[str, float]:
    """Return the baseline's energy over Loihi's for the same tiles, for each of :data:`PAIRS`."""
    baseline = baseline.cut_into(loihi.tiles)
    return {
        pair: baseline.mj(charge) / (loihi_mj(loihi.events, idle, model) * loihi.tiles)
        for pair, (charge, idle) in PAIRS.items()
    }


def accounting_table(
    loihi: Mapping[Presentation, Presented],
    baselines: Sequence[Baseline],
    *,
    host: Host,
    model: LoihiModel,
) -> pd.DataFrame:
    """Tabulate the ratios of all pairs of Loihi and a baseline.

    Parameters
    ----------
    host : Host
        Its work is charged under the pair's accounting for the baseline.
    model : LoihiModel
        Constants; its accounting is varied.

    Returns
    -------
    pandas.DataFrame
        Columns: ``loihi`` and ``baseline`` (labels), ``presentation``, ``host`` (whether the host
        is charged), ``name`` (of the pair, for metrics), ``idle`` (of :data:`PAIRS`),
        ``loihi_mj`` and ``baseline_mj`` per section, ``ratio`` and ``wanted`` (the target).
    """
    rows = []
    for way, presented in loihi.items():
        tiles = presented.tiles
        dynamic, _, total = host.work(presented)
        work = Baseline(dynamic, total)
        chip = loihi_figures(presented.events, tiles, model, presentation=way)[2]
        for pair, (charge, idle) in PAIRS.items():
            alone = loihi_mj(presented.events, idle, model) * tiles
            hosted = alone + work.mj(charge)
            rows += [
                {
                    "loihi": replace(chip, host=with_host).label,
                    "presentation": way,
                    "host": with_host,
                    "baseline": one.label,
                    "name": f"{chip.name}{'_host' * with_host}_against_{one.total.name}",
                    "idle": pair,
                    "loihi_mj": mj,
                    "baseline_mj": one.mj(charge),
                    "ratio": one.mj(charge) / mj,
                    "wanted": WANTED[one.total.family],
                }
                for with_host, mj in ((False, alone), (True, hosted))
                for one in (baseline.cut_into(tiles) for baseline in baselines)
            ]
    return pd.DataFrame(rows)
