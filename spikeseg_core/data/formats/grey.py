"""Sections of any type as grey values of 8 or 16 bits, and labels as whole numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from spikeseg_core.data.formats.volume import Volume
from spikeseg_core.errors import DataError

_TOP16 = np.iinfo(np.uint16).max
_AS_IT_IS = (np.uint8, np.uint16)
_LEAST_TOP = 1 / 64
"""Highest value from which on floating point counts as a share of 1: it has 1,024 steps of 16 bits,
and 0 to 1e-3 has 66."""
_EXACT = 1e-4
"""How far a floating-point value may be from a whole number that it stands for."""


def grey_sections(
    volumes: Sequence[Volume], channel: str | int | None = None
) -> tuple[np.ndarray, list[str]]:
    """Decode images: uint8 or uint16 (n, h, w), and what was done to the values.

    Raises
    ------
    DataError
        If an image is in colour and no channel is chosen, or its values fit no 16 bits.
    """
    raw, notes = _raw(volumes, [_grey_planes(volume, channel) for volume in volumes])
    notes += _not_needed(volumes, channel)
    pixels, said = raw, list[str]()
    if raw.dtype not in _AS_IT_IS:
        convert, dtype, said = _to_grey(raw.dtype, _values(raw), volumes[0].name)
        pixels = _each(raw, convert, dtype)
    first = 0
    for volume in volumes:
        last = first + volume.shape[0]
        if volume.white_is_zero:
            np.subtract(np.iinfo(pixels.dtype).max, pixels[first:last], out=pixels[first:last])
        first = last
    if any(volume.white_is_zero for volume in volumes):
        said.append("the file declares that 0 is white: grey values are turned round")
    return pixels, notes + [f"{volumes[0].name}: {note}" for note in said]


def grey_planes(
    volume: Volume, channel: str | int | None = None
) -> tuple[Callable[[], Iterator[np.ndarray]], list[str]]:
    """Decode a stack section by section, so that it need not fit in memory.

    Every section is decoded once before, so damage is found, and the range of its values is known.

    Returns
    -------
    callable
        Gives every section (h, w), uint8 or uint16, equal to those of :func:`grey_sections`.
    list of str
        What is done to the values.

    Raises
    ------
    DataError
        As :func:`grey_sections`.
    """
    kinds: set[np.dtype] = set()

    def looked_at() -> Iterator[np.ndarray]:
        for plane in _grey_planes(volume, channel):
            kinds.add(plane.dtype.newbyteorder("="))
            if plane.dtype.newbyteorder("=") not in (*_AS_IT_IS, np.bool_):
                yield plane

    values = _values(looked_at())
    (dtype,) = kinds
    convert: _Convert = np.asarray
    said: list[str] = []
    if dtype == np.bool_:
        convert = _from_bool
    elif dtype not in _AS_IT_IS:
        convert, _, said = _to_grey(dtype, values, volume.name)
    else:
        convert = _native
    if volume.white_is_zero:
        said.append("the file declares that 0 is white: grey values are turned round")

    def planes() -> Iterator[np.ndarray]:
        for plane in _grey_planes(volume, channel):
            grey = convert(plane)
            yield np.iinfo(grey.dtype).max - grey if volume.white_is_zero else grey

    notes = [*volume.notes, *said]
    return planes, [f"{volume.name}: {note}" for note in notes] + _not_needed([volume], channel)


def _native(plane: np.ndarray) -> np.ndarray:
    return np.asarray(plane, plane.dtype.newbyteorder("="))


def _from_bool(plane: np.ndarray) -> np.ndarray:
    return plane.astype(np.uint8) * np.uint8(255)


def label_sections(
    volumes: Sequence[Volume], channel: str | int | None = None
) -> tuple[np.ndarray, list[str]]:
    """Decode labels: whole numbers (n, h, w); a colour becomes the number 0xRRGGBB.

    Raises
    ------
    DataError
        If values are not whole numbers and not between 0 and 1.
    """
    raw, notes = _raw(volumes, [_label_planes(volume, channel) for volume in volumes])
    notes += _not_needed(volumes, channel)
    if raw.dtype.kind == "f":
        low, high, whole, _, wrong = _values(raw)
        if wrong:
            raise DataError(_not_finite(volumes[0].name, wrong))
        if not whole and low >= 0 and high <= 1:
            raw = np.round(255 * raw).astype(np.uint8)
            notes.append("labels between 0 and 1 are read as 0 to 255")
        elif whole and max(-low, high) < 2**53:
            raw = np.round(raw).astype(np.int64)
        else:
            raise DataError(
                f"{volumes[0].name} has labels of floating point from {low:g} to {high:g}, which "
                "are neither whole numbers nor between 0 and 1: save the masks as 8 bits"
            )
    if all(volume.white_is_zero for volume in volumes) and raw.dtype == np.uint8:
        raw = 255 - raw
    return raw, notes


def _not_needed(volumes: Sequence[Volume], channel: str | int | None) -> list[str]:
    """Say that a channel was chosen where there is one."""
    first = volumes[0]
    if channel is None or first.channels or first.palette is not None:
        return []
    return [f"{first.name} has one channel, which is read instead of {channel!r}"]


def _raw(
    volumes: Sequence[Volume], planes: Sequence[Iterator[np.ndarray]]
) -> tuple[np.ndarray, list[str]]:
    count = sum(volume.shape[0] for volume in volumes)
    raw: np.ndarray | None = None
    done = 0
    for decoded in planes:
        for plane in decoded:
            values = _from_bool(plane) if plane.dtype == bool else plane
            if raw is None:
                raw = _room((count, *values.shape), values.dtype, volumes[0].name)
            elif raw.dtype != values.dtype.newbyteorder("="):
                # Only labels: colours beside grey.
                raw = raw.astype(np.promote_types(raw.dtype, values.dtype))
            raw[done] = values
            done += 1
    assert raw is not None and done == count
    return raw, _told(volumes)


def _told(volumes: Sequence[Volume]) -> list[str]:
    """Collect the notes of all files; what holds for several of them is said once."""
    names: dict[str, list[str]] = {}
    for volume in volumes:
        for note in volume.notes:
            names.setdefault(note, []).append(volume.name)
    return [
        f"{of[0]}{f' and {len(of) - 1} others' if len(of) > 1 else ''}: {note}"
        for note, of in names.items()
    ]


def _room(shape: tuple[int, ...], dtype: np.dtype, name: str) -> np.ndarray:
    try:
        return np.empty(shape, dtype.newbyteorder("="))
    except MemoryError:
        raise DataError(
            f"{name}: a stack of {shape} ({dtype}) does not fit in memory; split or crop it"
        ) from None


def _grey_planes(volume: Volume, channel: str | int | None) -> Iterator[np.ndarray]:
    chosen = _chosen(volume, channel)
    for plane in volume.decode():
        shown = plane if volume.palette is None else volume.palette[plane]
        if shown.ndim == 2:
            yield shown
        elif chosen is not None:
            yield shown[..., chosen]
        elif (shown[..., :3] == shown[..., :1]).all() and (
            volume.palette is not None or volume.colour
        ):
            yield shown[..., 0]
        else:
            _refuse_channels(volume)


def _refuse_channels(volume: Volume) -> None:
    names = volume.channels or ("red", "green", "blue")
    of = (
        "is in colour; only grey images are supported"
        if not volume.channels or volume.colour
        else (f"has {len(names)} channels")
    )
    raise DataError(
        f"{volume.name} {of}: convert it to grey, or choose a channel with a file spikeseg.yaml "
        f"beside the images that says 'channel: {names[0]}' (there are {', '.join(names)})"
        + "".join(f"; {note}" for note in volume.notes)
    )


def _chosen(volume: Volume, channel: str | int | None) -> int | None:
    names = volume.channels or (("red", "green", "blue") if volume.palette is not None else ())
    if channel is None or not names:
        return None
    for index, name in enumerate(names):
        if str(channel).casefold() in (name.casefold(), str(index)):
            return index
    raise DataError(
        f"{volume.name} has no channel {channel!r}; it has {', '.join(names)} (or 0 to "
        f"{len(names) - 1}): correct 'channel' in spikeseg.yaml"
    )


def _label_planes(volume: Volume, channel: str | int | None) -> Iterator[np.ndarray]:
    chosen = _chosen(volume, channel)
    palette = volume.palette
    if palette is not None and (palette == palette[:, :1]).all():
        palette = palette[:, 0]
    for plane in volume.decode():
        shown = plane if palette is None else palette[plane]
        if shown.ndim == 2:
            yield shown
        elif chosen is not None:
            yield shown[..., chosen]
        elif (shown[..., :3] == shown[..., :1]).all():
            yield shown[..., 0]
        elif shown.dtype == np.uint8 and shown.shape[-1] == 3:
            colours = shown.astype(np.uint32)
            yield colours[..., 0] << 16 | colours[..., 1] << 8 | colours[..., 2]
        else:
            _refuse_channels(volume)


class _Values(NamedTuple):
    """What is known of all values of a stack of another type than 8 or 16 bits.

    Attributes
    ----------
    whole : bool
        Whether all are whole numbers; ``eight``: whether 255 times all are.
    wrong : int
        Values that are not finite.
    """

    low: float
    high: float
    whole: bool = True
    eight: bool = True
    wrong: int = 0


def _values(planes: Iterable[np.ndarray]) -> _Values:
    found = _Values(np.inf, -np.inf)
    for plane in planes:
        if plane.dtype.kind == "f":
            found = _Values(
                min(found.low, float(plane.min())),
                max(found.high, float(plane.max())),
                found.whole and _whole(plane),
                found.eight and _whole(255 * plane.astype(np.float64)),
                found.wrong + int((~np.isfinite(plane)).sum()),
            )
        else:
            found = _Values(min(found.low, int(plane.min())), max(found.high, int(plane.max())))
    return found


_Convert = Callable[[np.ndarray], np.ndarray]


def _to_grey(dtype: np.dtype, values: _Values, name: str) -> tuple[_Convert, DTypeLike, list[str]]:
    """Choose how planes become 8 or 16 bits: the function, its type, and what to say."""
    low, high = values.low, values.high
    if dtype.kind == "f":
        return _from_float(values, name)
    low, high = int(low), int(high)
    if low >= 0 and high <= _TOP16:
        small = np.uint8 if dtype == np.int8 else np.uint16
        return lambda plane: plane.astype(small), small, []
    if dtype in (np.int8, np.int16):
        shift = 128 if dtype == np.int8 else 32768
        unsigned = np.uint8 if dtype == np.int8 else np.uint16
        return (
            lambda plane: (plane.astype(np.int32) + shift).astype(unsigned),
            unsigned,
            [f"signed grey values from {low} to {high} are read as value + {shift}"],
        )
    if high - low <= _TOP16:
        return (
            lambda plane: (plane - plane.dtype.type(low)).astype(np.uint16),
            np.uint16,
            [
                f"grey values from {low} to {high} are read as value "
                f"{'-' if low > 0 else '+'} {abs(low)}"
            ],
        )
    raise DataError(
        f"{name} has values from {low} to {high} ({dtype}), more than 16 bits: if these are "
        "labels of cells they belong to the labels; otherwise scale the images to 8 or 16 bits"
    )


def _from_float(values: _Values, name: str) -> tuple[_Convert, DTypeLike, list[str]]:
    low, high = values.low, values.high
    if values.wrong:
        raise DataError(_not_finite(name, values.wrong))
    if values.whole and low >= 0 and 1 < high <= _TOP16:
        small = np.uint8 if high <= 255 else np.uint16
        return lambda plane: np.round(plane).astype(small), small, []
    if low >= 0 and _LEAST_TOP <= high <= 1:
        top, dtype = (255, np.uint8) if values.eight else (_TOP16, np.uint16)
        return (
            lambda plane: np.round(top * plane.astype(np.float64)).astype(dtype),
            dtype,
            [f"grey values from 0 to 1 are read as 0 to {top}"],
        )
    span = high - low or 1.0
    return (
        lambda plane: np.round((plane.astype(np.float64) - low) * (_TOP16 / span)).astype(
            np.uint16
        ),
        np.uint16,
        [f"floating-point grey values from {low:g} to {high:g} are read as 0 to {_TOP16}"],
    )


def _each(
    raw: np.ndarray, convert: Callable[[np.ndarray], np.ndarray], dtype: DTypeLike
) -> np.ndarray:
    found = np.empty(raw.shape, dtype)
    for index, plane in enumerate(raw):
        found[index] = convert(plane)
    return found


def _whole(plane: np.ndarray) -> bool:
    return bool((np.abs(plane - np.round(plane)) < _EXACT).all())


def _not_finite(name: str, count: int) -> str:
    return f"{name} has {count:,} pixels that are no numbers (NaN or infinite): replace them"
