"""The one form of every energy figure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from spikeseg_core.errors import ConfigError

Family = Literal["loihi", "cpu", "gpu", "jetson", "movidius"]
Presentation = Literal["deployed", "start", "operating point", "equal accuracy"]
Component = Literal["dynamic", "static", "total"]
Basis = Literal["measured", "modelled", "published"]

FAMILIES: dict[str, str] = {
    "loihi": "Loihi",
    "cpu": "CPU",
    "gpu": "GPU",
    "jetson": "Jetson",
    "movidius": "Movidius",
}
"""Device families and their display names."""

COMPONENTS: tuple[Component, ...] = ("dynamic", "static", "total")

RELATIVE_TOLERANCE = 1e-9
"""Largest relative difference of dynamic + static from total that :func:`check_parts` accepts."""


def score_tag(device: str, precision: str) -> str:
    """Name the scores of a network on a device in records: ``cpu_whole_section_int8``."""
    return f"{device}_{precision}".replace(" ", "_")


@dataclass(frozen=True, kw_only=True)
class EnergyFigure:
    """Energy and time of segmenting one section on one device.

    Attributes
    ----------
    family : {"loihi", "cpu", "gpu", "jetson", "movidius"}
        Kind of device.
    variant : str
        Distinguishes devices of one family, such as ``"pre-silicon"`` for Loihi with the other set
        of constants; normally empty.
    presentation : {"deployed", "start", "operating point", "equal accuracy"} or None
        How Loihi is shown a tile; None for other devices.
    feed : {"tiles", "sections"}
        Input of the device: overlapping tiles or whole sections.
    host : bool
        Whether the host's part of the work is included.
    precision : str
        Number format of the weights: ``int8``, ``fp32``, ...
    batch : int
        Tiles given to the device at once; 1 is online.
    component : {"dynamic", "static", "total"}
        Energy of the work itself, static energy for its duration, and their sum.
    mj_per_section : float
        Energy in millijoules for all tiles of one section.
    seconds_per_section : float
        Time in seconds for all tiles of one section.
    basis : {"measured", "modelled", "published"}
        Read from a meter; computed from counts or times and stated constants; or published.
    time_basis : {"measured", "modelled", "published"}
        The same for the time.
    source : str
        The meter, the constants, or the publication.
    note : str
        What a reader must know to use the figure.
    tiles : int or None
        Overlapping tiles that the section is cut into; None if the device takes it whole.
    fastest : float or None
        Time of the fastest call over the median's, where calls were timed: other work disturbs the
        fastest least, so it is what two timings are compared by.
    passes : float or None
        Time of a call in passes of work that never changes, just before and after it, where calls
        were timed: two timings are compared by it, because a machine changes its speed.
    busy : bool
        Whether its time was taken while other work used the machine: not to be compared.
    """

    family: Family
    variant: str = ""
    presentation: Presentation | None = None
    feed: Literal["tiles", "sections"] = "tiles"
    host: bool = False
    precision: str
    batch: int = 1
    component: Component = "total"
    mj_per_section: float
    seconds_per_section: float
    basis: Basis
    time_basis: Basis
    source: str
    note: str = ""
    tiles: int | None = None
    fastest: float | None = None
    passes: float | None = None
    busy: bool = False

    def __post_init__(self) -> None:
        for name in ("mj_per_section", "seconds_per_section"):
            value = getattr(self, name)
            if not math.isfinite(value) or value < 0:
                raise ConfigError(
                    f"{self.title}, {self.component}: {name} is {value}; it must be a finite "
                    "number of at least 0"
                )

    @property
    def label(self) -> str:
        """Display name of the device: ``Loihi, operating point, with host``."""
        parts = (
            FAMILIES[self.family],
            self.variant,
            self.presentation,
            "whole sections" if self.feed == "sections" else "",
            "with host" if self.host else "",
        )
        return ", ".join(part for part in parts if part)

    @property
    def title(self) -> str:
        """Label, precision and batch."""
        batch = "online" if self.batch == 1 else f"batch {self.batch}"
        return f"{self.label}, {self.precision}, {batch}"

    @property
    def device(self) -> str:
        """Name of the device for tables of scores: ``loihi operating point``; without the host."""
        parts = (
            self.family,
            self.variant,
            "" if self.presentation == "deployed" else self.presentation,
            "whole section" if self.feed == "sections" else "",
        )
        return " ".join(part for part in parts if part)

    @property
    def name(self) -> str:
        """Flat name for metrics: ``loihi_with_host``, ``cpu_int8_batch16``."""
        precision = "" if self.family == "loihi" else f" {self.precision}"
        host = " with host" if self.host else ""
        batch = "" if self.batch == 1 else f" batch{self.batch}"
        return f"{self.device}{host}{precision}{batch}".replace(" ", "_").replace("-", "_")

    @property
    def scores(self) -> str:
        """Name of its network's scores in records: ``cpu_whole_section_int8``."""
        return score_tag(self.device, self.precision)

    def cut_into(self, tiles: int | None) -> EnergyFigure:
        """Return the figure for ``tiles`` tiles per section; unchanged if either is whole."""
        if self.tiles is None or tiles is None:
            return self
        factor = tiles / self.tiles
        return replace(
            self,
            mj_per_section=self.mj_per_section * factor,
            seconds_per_section=self.seconds_per_section * factor,
            tiles=tiles,
        )

    def to_json(self) -> dict[str, Any]:
        """Return a plain dict of the fields and the label."""
        return asdict(self) | {"label": self.label}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> EnergyFigure:
        """Read the result of :meth:`to_json`."""
        return cls(**{name: value for name, value in data.items() if name != "label"})


Figures = tuple[EnergyFigure, EnergyFigure, EnergyFigure]
"""Dynamic, static and total of one device."""


def figures_of(*, dynamic_mj: float, static_mj: float, seconds: float, **fields: Any) -> Figures:
    """Return the dynamic, static and total figure of one device, which add up by construction.

    ``dynamic_mj``, ``static_mj`` and ``seconds`` are per section; the other fields are those of
    :class:`EnergyFigure`.
    """
    total = EnergyFigure(
        mj_per_section=dynamic_mj + static_mj, seconds_per_section=seconds, **fields
    )
    return (
        replace(total, component="dynamic", mj_per_section=dynamic_mj),
        replace(total, component="static", mj_per_section=static_mj),
        total,
    )


def select(figures: Iterable[EnergyFigure], **fields: Any) -> list[EnergyFigure]:
    """Return the figures whose fields have these values."""
    return [f for f in figures if all(getattr(f, name) == v for name, v in fields.items())]


def find(figures: Iterable[EnergyFigure], **fields: Any) -> EnergyFigure:
    """Return the one figure whose fields have these values.

    Raises
    ------
    ConfigError
        If there is none, or more than one.
    """
    found = select(figures, **fields)
    if len(found) != 1:
        wanted = ", ".join(f"{name} {value!r}" for name, value in fields.items())
        raise ConfigError(
            f"there are {len(found)} energy figures of {wanted}; expected exactly one"
        )
    return found[0]


def by_device(figures: Iterable[EnergyFigure]) -> dict[str, dict[str, EnergyFigure]]:
    """Group figures by :attr:`EnergyFigure.title` and component."""
    groups: dict[str, dict[str, EnergyFigure]] = {}
    for f in figures:
        groups.setdefault(f.title, {})[f.component] = f
    return groups


def check_parts(figures: Iterable[EnergyFigure]) -> None:
    """Check that dynamic + static = total for every device.

    Raises
    ------
    ConfigError
        If they do not add up or a part is missing; the message names the device.
    """
    for title, group in by_device(figures).items():
        if missing := set(COMPONENTS) - group.keys():
            raise ConfigError(f"{title}: the {', '.join(sorted(missing))} energy is missing")
        dynamic, static, stated = (group[name].mj_per_section for name in COMPONENTS)
        if not math.isclose(dynamic + static, stated, rel_tol=RELATIVE_TOLERANCE):
            raise ConfigError(
                f"{title}: dynamic {dynamic:.6g} mJ + static {static:.6g} mJ is "
                f"{dynamic + static:.6g} mJ, but the stated total is {stated:.6g} mJ"
            )
