"""Devices with published energy, for another, far smaller network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from spikeseg_core.energy.figure import EnergyFigure, Family, figures_of

KEYWORD_SPOTTER = "keyword spotter"
"""Variant of all published figures."""

KEYWORD_SPOTTER_MULTIPLY_ADDS = 390 * 256 + 256 * 256 + 256 * 29
"""Size of the network behind :data:`PUBLISHED_DEVICES`: two hidden layers of 256 units."""

PUBLISHED_SOURCE = (
    "Blouw et al. 2018, Benchmarking keyword spotting efficiency on neuromorphic hardware, "
    "arXiv 1812.01739, table 1, batch 1; read in secondary sources"
)


@dataclass(frozen=True)
class PublishedDevice:
    """One inference of *another* network on one device, as published.

    Attributes
    ----------
    family : str
        Device family.
    idle_w, running_w : float
        Power in watts when idle and when running.
    inferences_per_second : float
        At batch 1.
    """

    family: Family
    idle_w: float
    running_w: float
    inferences_per_second: float

    @property
    def dynamic_mj(self) -> float:
        """Energy per inference above idle, in mJ."""
        return 1e3 * (self.running_w - self.idle_w) / self.inferences_per_second

    @property
    def static_mj(self) -> float:
        """Idle energy for the time of an inference, in mJ."""
        return 1e3 * self.idle_w / self.inferences_per_second


PUBLISHED_DEVICES: Mapping[str, PublishedDevice] = MappingProxyType(
    {
        d.family: d
        for d in (
            PublishedDevice("gpu", 14.97, 37.83, 770.39),
            PublishedDevice("cpu", 17.01, 28.48, 1813.63),
            PublishedDevice("jetson", 2.64, 4.98, 419.0),
            PublishedDevice("movidius", 0.210, 0.647, 300.0),
            PublishedDevice("loihi", 0.029, 0.110, 296.0),
        )
    }
)


def published_figures(tiles_per_section: int, multiply_adds: int) -> tuple[EnergyFigure, ...]:
    """Return published devices as lower bounds: one inference of a far smaller network per tile.

    The energy of this network on these devices is not published. That of one inference of a
    keyword spotter is; a tile of this network is many times larger, so one such inference per tile
    is a lower bound. Nothing is scaled.
    """
    return tuple(
        figure
        for d in PUBLISHED_DEVICES.values()
        for figure in figures_of(
            family=d.family,
            variant=KEYWORD_SPOTTER,
            precision="as published",
            dynamic_mj=d.dynamic_mj * tiles_per_section,
            static_mj=d.static_mj * tiles_per_section,
            seconds=tiles_per_section / d.inferences_per_second,
            basis="published",
            time_basis="published",
            source=PUBLISHED_SOURCE,
            note=f"ANOTHER network: {tiles_per_section} inferences of a keyword spotter of about "
            f"{KEYWORD_SPOTTER_MULTIPLY_ADDS / 1e6:.2f} M multiply-adds; a tile here has "
            f"{multiply_adds / 1e6:.1f} M. Context, and at most a lower bound",
            tiles=tiles_per_section,
        )
    )
