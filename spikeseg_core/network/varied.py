"""Architectures that differ from a named one in single respects: ``lean(fine=0.75, up=2)``.

A search tries such numbers, and every other place takes the name like any other network's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from spikeseg_core.errors import ConfigError
from spikeseg_core.network.description import Connection, Layer, Network

STEP = 4
"""Channels are multiples of this: population axons need it, and vectors of a CPU like it."""

_NAME = re.compile(r"(?P<base>[\w-]+)\((?P<parts>[^()]*)\)")


@dataclass(frozen=True)
class Part:
    """One respect in which a network can be varied.

    Attributes
    ----------
    low, high : float
        Values that it may have.
    whole : bool
        Whether only whole numbers make sense.
    what : str
        What the number is.
    change : callable
        Changes a network so.
    """

    low: float
    high: float
    whole: bool
    what: str
    change: Callable[[Network, float], Network]


def split(name: str) -> tuple[str, dict[str, float]]:
    """Split a network's name into that of the network it varies, and the parts.

    Raises
    ------
    ConfigError
        If a part is unknown, is no number, or is out of bounds.
    """
    found = _NAME.fullmatch(name)
    if found is None:
        return name, {}
    parts: dict[str, float] = {}
    for text in filter(None, (each.strip() for each in found["parts"].split(","))):
        part, _, value = (each.strip() for each in text.partition("="))
        try:
            parts[part] = float(value)
        except ValueError:
            raise ConfigError(
                f"network {name!r}: cannot read {text!r}; write it as fine=0.75"
            ) from None
    _check(name, parts)
    return found["base"], parts


def varied_name(base: str, parts: Mapping[str, float]) -> str:
    """Return the name of a network varied in ``parts``; parts of ``base`` itself stay.

    Raises
    ------
    ConfigError
        As :func:`split`.
    """
    base, before = split(base)
    parts = before | dict(parts)
    _check(base, parts)
    told = ", ".join(f"{part}={parts[part]:g}" for part in PARTS if part in parts)
    return f"{base}({told})"


def varied(base: Network, parts: Mapping[str, float]) -> Network:
    """Return the network with other widths, depth and kernels, under a name that says so."""
    network = replace(base, name=varied_name(base.name, parts))
    for part, one in PARTS.items():
        if part in parts:
            network = one.change(network, parts[part])
    return network


def _check(name: str, parts: Mapping[str, float]) -> None:
    for part, value in parts.items():
        if part not in PARTS:
            known = "; ".join(f"{each} ({one.what})" for each, one in PARTS.items())
            raise ConfigError(f"network {name!r} cannot be varied in {part!r}, only in {known}")
        one = PARTS[part]
        whole = " whole number" if one.whole else " number"
        if not one.low <= value <= one.high or (one.whole and value != int(value)):
            raise ConfigError(
                f"network {name!r}: {part} is {value:g}, and must be a{whole} from {one.low:g} to "
                f"{one.high:g}: {one.what}"
            )


def _with_layers(network: Network, own: Callable[[Layer], Layer]) -> Network:
    return replace(network, layers=tuple(map(own, network.layers)))


def _stem(network: Network, value: float) -> Network:
    def own(layer: Layer) -> Layer:
        return layer if layer.on_chip else replace(layer, channels=int(value))

    return _with_layers(network, own)


def _wider(network: Network, factor: float, chosen: Callable[[int], bool]) -> Network:
    def own(layer: Layer) -> Layer:
        if not layer.on_chip or not chosen(network.sizes[layer.name]):
            return layer
        return replace(layer, channels=max(STEP, STEP * round(factor * layer.channels / STEP)))

    return _with_layers(network, own)


def _largest(network: Network) -> int:
    return max(network.sizes[layer.name] for layer in network.chip_layers())


def _fine(network: Network, factor: float) -> Network:
    side = _largest(network)
    return _wider(network, factor, lambda size: size == side)


def _coarse(network: Network, factor: float) -> Network:
    side = _largest(network)
    return _wider(network, factor, lambda size: size < side)


def _row(network: Network, most: float) -> Network:
    """Leave out ensembles that only follow another one of their size."""
    place: dict[str, int] = {}
    stands_for: dict[str, str] = {}

    def fed(c: Connection) -> Connection:
        return replace(c, source=stands_for.get(c.source, c.source))

    kept: list[Layer] = []
    for layer in network.layers:
        first, *others = layer.inputs
        follows = not others and first.kind == "conv" and first.stride == 1
        source = stands_for.get(first.source, first.source)
        in_a_row = follows and source in place
        if in_a_row and place[source] >= most:
            stands_for[layer.name] = source
            continue
        if layer.on_chip:
            place[layer.name] = place[source] + 1 if in_a_row else 1
        kept.append(replace(layer, inputs=tuple(map(fed, layer.inputs))))
    return replace(network, layers=tuple(kept), readout=fed(network.readout))


def _up(network: Network, side: float) -> Network:
    def own(c: Connection) -> Connection:
        return replace(c, kernel=int(side)) if c.kind == "conv_transpose" else c

    return _with_layers(network, lambda layer: replace(layer, inputs=tuple(map(own, layer.inputs))))


def _readout(network: Network, side: float) -> Network:
    return replace(network, readout=replace(network.readout, kernel=int(side)))


PARTS: Mapping[str, Part] = MappingProxyType(
    {
        "stem": Part(1, 256, True, "channels of the host's layers", _stem),
        "fine": Part(
            0.1, 4, False, "factor of the channels of the largest ensembles on the chip", _fine
        ),
        "coarse": Part(0.1, 4, False, "factor of the channels of all smaller ensembles", _coarse),
        "row": Part(
            1, 8, True, "most ensembles in a row, of one size and without another input", _row
        ),
        "up": Part(2, 16, True, "side of the kernels that enlarge, px", _up),
        "readout": Part(4, 64, True, "side of the read-out's kernel, px", _readout),
    }
)
"""By the name that stands in a network's name, in that order."""
