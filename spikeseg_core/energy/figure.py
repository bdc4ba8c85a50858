"""The one form in which every energy is stated."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from spikeseg_core.errors import ConfigError

Component = Literal["dynamic", "static", "total"]
Basis = Literal["measured", "modelled", "published"]

RELATIVE_TOLERANCE = 1e-9
"""How far dynamic + static may be from total before :func:`check_parts` objects."""


@dataclass(frozen=True)
class EnergyFigure:
    """Energy and time of segmenting one section on one device.

    Attributes
    ----------
    device : str
        ``loihi``, ``cpu``, ``gpu``, or one of these with what sets the figure apart.
    precision : str
        Number format of the weights: ``int8``, ``fp32``, ...
    batch : int
        Tiles given to the device at once; 1 is online.
    component : {"dynamic", "static", "total"}
        Energy of the work itself, of being switched on for its time, and their sum.
    mj_per_section : float
        Energy in millijoules for all tiles of one section.
    seconds_per_section : float
        Time in seconds for all tiles of one section.
    basis : {"measured", "modelled", "published"}
        Read from a meter here; computed from counts or time and stated constants; or taken from a
        publication.
    source : str
        The meter, the constants, or the publication.
    note : str
        What a reader must know to use the figure.
    tiles : int or None
        Overlapping tiles that the section is cut into; None if the device takes it whole.
    """

    device: str
    precision: str
    batch: int
    component: Component
    mj_per_section: float
    seconds_per_section: float
    basis: Basis
    source: str
    note: str = ""
    tiles: int | None = None

    def __post_init__(self) -> None:
        for name in ("mj_per_section", "seconds_per_section"):
            value = getattr(self, name)
            if not math.isfinite(value) or value < 0:
                raise ConfigError(
                    f"{self.device} {self.precision} batch {self.batch} {self.component}: {name} "
                    f"is {value}; it must be a finite number of at least 0"
                )

    def cut_into(self, tiles: int | None) -> EnergyFigure:
        """Return the figure for so many tiles a section.

        Unchanged if sections are not cut, here or there.
        """
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
        """Return a plain dict of the fields."""
        return asdict(self)


def figures_of(
    device: str,
    precision: str,
    batch: int,
    *,
    dynamic_mj: float,
    static_mj: float,
    seconds: float,
    basis: Basis,
    source: str,
    note: str = "",
    tiles: int | None = None,
) -> tuple[EnergyFigure, EnergyFigure, EnergyFigure]:
    """Return the dynamic, static and total figure of one device, which add up by construction.

    ``dynamic_mj`` and ``static_mj`` are millijoules per section, ``seconds`` seconds per section;
    the rest is as in :class:`EnergyFigure`.
    """
    parts: tuple[tuple[Component, float], ...] = (
        ("dynamic", dynamic_mj),
        ("static", static_mj),
        ("total", dynamic_mj + static_mj),
    )
    dynamic, static, total = (
        EnergyFigure(device, precision, batch, component, mj, seconds, basis, source, note, tiles)
        for component, mj in parts
    )
    return dynamic, static, total


def find(
    figures: Iterable[EnergyFigure],
    device: str,
    precision: str,
    batch: int,
    component: Component = "total",
) -> EnergyFigure:
    """Return the one figure with these keys.

    Raises
    ------
    ConfigError
        If there is none, or more than one.
    """
    key = (device, precision, batch, component)
    found = [f for f in figures if (f.device, f.precision, f.batch, f.component) == key]
    if len(found) != 1:
        raise ConfigError(
            f"there are {len(found)} energy figures for device {device!r}, {precision}, batch "
            f"{batch}, {component}; expected exactly one"
        )
    return found[0]


def check_parts(figures: Iterable[EnergyFigure]) -> None:
    """Check that dynamic + static = total wherever a total is stated.

    Raises
    ------
    ConfigError
        If they do not add up, or a part is missing; names the device.
    """
    groups: dict[tuple[str, str, int], dict[str, float]] = {}
    for f in figures:
        groups.setdefault((f.device, f.precision, f.batch), {})[f.component] = f.mj_per_section
    for (device, precision, batch), parts in groups.items():
        name = f"{device} {precision} batch {batch}"
        if missing := {"dynamic", "static", "total"} - parts.keys():
            raise ConfigError(f"{name}: the {', '.join(sorted(missing))} energy is missing")
        total = parts["dynamic"] + parts["static"]
        if not math.isclose(total, parts["total"], rel_tol=RELATIVE_TOLERANCE):
            raise ConfigError(
                f"{name}: dynamic {parts['dynamic']:.6g} mJ + static {parts['static']:.6g} mJ is "
                f"{total:.6g} mJ, the stated total is {parts['total']:.6g} mJ"
            )
