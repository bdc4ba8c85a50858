"""The one comparison behind a headline: Loihi against the best int8 CPU, online."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from spikeseg_core.energy.figure import EnergyFigure, Presentation, select


@dataclass(frozen=True)
class Headline:
    """Totals of the same section, for the same tiles.

    Attributes
    ----------
    loihi, with_host : EnergyFigure
        Loihi in one presentation, without and with the host's part.
    cpu : EnergyFigure
        The int8 online run with the least energy, on tiles or on whole sections.
    """

    loihi: EnergyFigure
    with_host: EnergyFigure | None
    cpu: EnergyFigure

    @property
    def ratio(self) -> float:
        """The CPU's energy over Loihi's; above 1, Loihi needs less."""
        return self.cpu.mj_per_section / self.loihi.mj_per_section

    @property
    def ratio_with_host(self) -> float | None:
        """The same with the host's part charged to Loihi; None if it is not known."""
        if self.with_host is None:
            return None
        return self.cpu.mj_per_section / self.with_host.mj_per_section

    @property
    def busy(self) -> bool:
        """Whether other work disturbed the CPU's timing, so that the ratio means nothing."""
        return self.cpu.busy


def headline(
    figures: Iterable[EnergyFigure], presentation: Presentation | None = None
) -> Headline | None:
    """Choose the figures, as :func:`spikeseg_core.energy.sensitivity.sensitivity` does.

    Parameters
    ----------
    presentation : str, optional
        How Loihi is shown a tile; default: the operating point, if there is one, or as deployed.

    Returns
    -------
    Headline or None
        None if Loihi or the CPU is missing.
    """
    totals = select(figures, component="total", precision="int8", batch=1)
    ours = select([f for f in totals if f.basis != "published"], variant="")
    chips = {(f.presentation, f.host): f for f in select(ours, family="loihi")}
    ways: tuple[Presentation, ...] = ("operating point", "deployed")
    ways = (presentation,) if presentation else ways
    way = next((way for way in ways if (way, False) in chips), None)
    cpus = select(ours, family="cpu")
    if way is None or not cpus:
        return None
    loihi = chips[way, False]
    best = min(cpus, key=lambda f: f.mj_per_section)
    return Headline(loihi, chips.get((way, True)), best.cut_into(loihi.tiles))
