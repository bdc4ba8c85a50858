"""Labels and sections that cannot be right: refused where it is certain, else warned about.

Membrane is darker than the rest in a stained section (or brighter, if contrast is inverted
throughout), in all sections alike. Everything is measured on every k-th pixel of large sections.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from spikeseg_core.data.polarity import distinct
from spikeseg_core.data.readers import pixel_sha256
from spikeseg_core.errors import DataError

_SIDE = 512
"""Pixels per side that are looked at."""
_TURNS = {
    "transposed": lambda a: a.swapaxes(-1, -2),
    "upside down": lambda a: a[..., ::-1, :],
    "mirrored": lambda a: a[..., ::-1],
    "turned by 180 degrees": lambda a: a[..., ::-1, ::-1],
    "turned by 90 degrees": lambda a: np.rot90(a, 1, (-2, -1)),
    "turned by 270 degrees": lambda a: np.rot90(a, 3, (-2, -1)),
}
_SECTIONS = 8
"""Sections whose labels are turned."""
_SQUARE_ONLY = ("transposed", "turned by 90 degrees", "turned by 270 degrees")
_CLEAR = 0.15
"""Correlation of label and grey from which on it counts as seen."""
_SHARE_RATIO = 2.5
_LENGTH_RATIO = 1.6
_SATURATED = 0.2


def check_labelled(
    images: np.ndarray, masks: np.ndarray, image_names: Sequence[str], label_names: Sequence[str]
) -> list[str]:
    """Look for sections and labels that cannot be right.

    Parameters
    ----------
    images : array (n, h, w)
        Grey values.
    masks : array (n, h, w)
        Of two values.

    Returns
    -------
    list of str
        Warnings, each with the figure that shows it.

    Raises
    ------
    DataError
        If a section or label is blank, two sections have the same label, labels lie in another
        direction than the sections, or a section's contrast or label is inverted against the
        others.
    """
    values = distinct(masks)
    if len(values) != 2:
        return []
    step = max(1, -(-max(images.shape[1:]) // _SIDE))
    grey = images[:, ::step, ::step].astype(np.float32)
    high = masks[:, ::step, ::step] == values[1]
    _check_blank(images, masks, image_names, label_names)
    correlation = np.array([_correlation(g, m) for g, m in zip(grey, high, strict=True)])
    warned = _check_copies(images, masks, image_names, label_names)
    _check_direction(grey, high, correlation)
    _check_each_direction(grey, high, correlation, label_names)
    share = (masks == values[1]).mean(axis=(1, 2))
    _check_inverted(correlation, share, image_names, label_names)
    return [
        *warned,
        *_warn_share(share, label_names),
        *_warn_correlation(correlation, label_names),
        *_warn_shifted(grey, high, correlation),
        *_warn_length(grey, step, image_names),
        *_warn_saturated(grey, image_names),
    ]


def _check_blank(
    images: np.ndarray, masks: np.ndarray, image_names: Sequence[str], label_names: Sequence[str]
) -> None:
    for stack, names, what in ((images, image_names, "section"), (masks, label_names, "label")):
        blank = [
            f"{name} (all {section.flat[0]})"
            for name, section in zip(names, stack, strict=True)
            if section.min() == section.max()
        ]
        if blank:
            more = f" and {len(blank) - 5} more" if len(blank) > 5 else ""
            raise DataError(
                f"{what} {', '.join(blank[:5])}{more} is blank, one value throughout, in a stack "
                f"of {len(stack)}: take the section out of images and labels, or replace it"
            )


def _check_copies(
    images: np.ndarray, masks: np.ndarray, image_names: Sequence[str], label_names: Sequence[str]
) -> list[str]:
    """Refuse one label for two sections, or two for one; warn of a section that is twice there."""
    warned: list[str] = []
    seen: dict[str, int] = {}
    for index, image in enumerate(images):
        other = seen.setdefault(pixel_sha256(image), index)
        if other != index and not np.array_equal(masks[other], masks[index]):
            raise DataError(
                f"sections {image_names[other]} and {image_names[index]} are the same in all "
                f"{image.size:,} pixels, and their labels are not: one of them is a copy; replace "
                "it, or take the section out"
            )
    first: dict[str, int] = {}
    for index, mask in enumerate(masks):
        other = first.setdefault(pixel_sha256(mask), index)
        if other == index:
            continue
        if not np.array_equal(images[other], images[index]):
            raise DataError(
                f"labels {label_names[other]} and {label_names[index]} are the same in all "
                f"{mask.size:,} pixels, and their sections are not: one of them is a copy; replace "
                "it, or take the section out"
            )
        warned.append(
            f"sections {image_names[other]} and {image_names[index]} are the same in all "
            f"{mask.size:,} pixels, and so are their labels; is one a copy?"
        )
    return warned


def _check_each_direction(
    grey: np.ndarray, high: np.ndarray, correlation: np.ndarray, names: Sequence[str]
) -> None:
    """Refuse a label that fits when it is turned, where the others fit as they are."""
    usual = abs(float(np.median(correlation)))
    for index, straight in enumerate(abs(correlation)):
        if usual < _CLEAR or straight > usual / 3:
            continue
        for name, turn in _turns(grey):
            found = abs(_correlation(grey[index], turn(high[index])))
            if found > max(_CLEAR, usual / 2):
                raise DataError(
                    f"label {names[index]} fits when it is {name}: the correlation of label and "
                    f"grey is then {found:.2f}, and {straight:.2f} as it is ({usual:.2f} in the "
                    "others, median); turn it so"
                )


def _turns(grey: np.ndarray) -> Iterator[tuple[str, Callable[[np.ndarray], np.ndarray]]]:
    square = grey.shape[1] == grey.shape[2]
    return ((name, turn) for name, turn in _TURNS.items() if square or name not in _SQUARE_ONLY)


def _check_direction(grey: np.ndarray, high: np.ndarray, correlation: np.ndarray) -> None:
    straight = abs(float(np.median(correlation)))
    some = np.unique(np.linspace(0, len(grey) - 1, _SECTIONS).round().astype(int))
    grey, high = grey[some], high[some]
    for name, turn in _turns(grey):
        turned = [_correlation(g, m) for g, m in zip(grey, turn(high), strict=True)]
        found = abs(float(np.median(turned)))
        if found > max(_CLEAR, 3 * straight):
            raise DataError(
                f"the labels fit when they are {name}: the correlation of label and grey is then "
                f"{found:.2f}, and {straight:.2f} as they are (median of {len(grey)} sections); "
                "turn them so"
            )


def _check_inverted(
    correlation: np.ndarray,
    share: np.ndarray,
    image_names: Sequence[str],
    label_names: Sequence[str],
) -> None:
    if len(correlation) < 3:
        return
    usual, usual_share = float(np.median(correlation)), float(np.median(share))
    if abs(usual) < _CLEAR:
        return
    for index, value in enumerate(correlation):
        if value * usual < 0 and abs(value) > max(_CLEAR, 0.5 * abs(usual)):
            label = abs(share[index] - (1 - usual_share)) < abs(share[index] - usual_share)
            what = f"label {label_names[index]}" if label else f"section {image_names[index]}"
            raise DataError(
                f"{what} is inverted: the correlation of label and grey is {value:+.2f} and "
                f"{usual:+.2f} in the others (median), at {share[index]:.1%} of the pixels "
                f"({usual_share:.1%}); invert it"
            )


def _warn_share(share: np.ndarray, names: Sequence[str]) -> list[str]:
    if len(share) < 3:
        return []
    usual = float(np.median(share))
    small, values = (usual, share) if usual <= 0.5 else (1 - usual, 1 - share)
    return [
        f"label {name}: {value:.1%} of the pixels have the label of the minority, {small:.1%} in "
        "the other sections (median); is it complete?"
        for name, value in zip(names, values, strict=True)
        if small > 0 and not 1 / _SHARE_RATIO < value / small < _SHARE_RATIO
    ]


def _warn_correlation(correlation: np.ndarray, names: Sequence[str]) -> list[str]:
    usual = abs(float(np.median(correlation)))
    if usual < _CLEAR / 2:
        return [
            f"labels and grey values have a correlation of {usual:.2f} (median of "
            f"{len(correlation)} sections); membranes are usually at 0.2 to 0.6: do these labels "
            "belong to these sections?"
        ]
    return [
        f"label {name}: its correlation with the grey values is {value:+.2f}, and "
        f"{float(np.median(correlation)):+.2f} in the others (median); does it belong here?"
        for name, value in zip(names, correlation, strict=True)
        if usual > _CLEAR and abs(value) < usual / 3
    ]


def _warn_shifted(grey: np.ndarray, high: np.ndarray, correlation: np.ndarray) -> list[str]:
    usual = abs(float(np.median(correlation)))
    if len(grey) < 4:
        return []
    found = []
    for where, sections, of in (
        ("the section before their own", grey[:-1], high[1:]),
        ("the section after their own", grey[1:], high[:-1]),
        ("the sections in reverse order", grey, high[::-1]),
    ):
        value = abs(
            float(np.median([_correlation(g, m) for g, m in zip(sections, of, strict=True)]))
        )
        if value > max(_CLEAR, 1.5 * usual):
            found.append(
                f"labels fit {where} better: correlation with the grey values {value:.2f} there, "
                f"{usual:.2f} here; are they numbered alike?"
            )
    return found


def _warn_saturated(grey: np.ndarray, names: Sequence[str]) -> list[str]:
    shares = np.array([((s == s.min()) | (s == s.max())).mean() for s in grey])
    usual = float(np.median(shares))
    return [
        f"section {name}: {share:.1%} of the pixels have its lowest or highest grey value, "
        f"{usual:.1%} in the others (median); is it saturated, or cropped?"
        for name, share in zip(names, shares, strict=True)
        if share > max(_SATURATED, 5 * usual)
    ]


def _warn_length(grey: np.ndarray, step: int, names: Sequence[str]) -> list[str]:
    if len(grey) < 3:
        return []
    lengths = np.array([alike_over(section) for section in grey]) * step
    usual = float(np.median(lengths))
    return [
        f"section {name}: grey values stay alike over {value:.1f} px (autocorrelation), "
        f"{usual:.1f} px in the others (median); has it another pixel size?"
        for name, value in zip(names, lengths, strict=True)
        if usual > 0 and not 1 / _LENGTH_RATIO < value / usual < _LENGTH_RATIO
    ]


def alike_over(section: np.ndarray) -> float:
    """Shift, px, at which the autocorrelation along both axes falls to half that of 1 px."""
    centred = section - section.mean()
    power = np.abs(np.fft.rfft2(centred, s=[2 * s for s in section.shape])) ** 2
    full = np.fft.irfft2(power, s=[2 * s for s in section.shape])
    height, width = section.shape
    down = full[: height // 2, 0] / np.arange(height, height - height // 2, -1)
    across = full[0, : width // 2] / np.arange(width, width - width // 2, -1)
    return float(np.mean([_falls_to_half(down), _falls_to_half(across)]))


def _falls_to_half(curve: np.ndarray) -> float:
    """Shift at which a curve has half its value at 1 px, where noise no longer counts."""
    if len(curve) < 2 or curve[1] <= 0:
        return 0.5
    below = np.flatnonzero(curve[1:] < 0.5 * curve[1])
    if not len(below):
        return float(len(curve))
    last = int(below[0]) + 1
    before, after = curve[last - 1] / curve[1], curve[last] / curve[1]
    return last - 1 + float((before - 0.5) / max(before - after, 1e-9))


def _correlation(grey: np.ndarray, mask: np.ndarray) -> float:
    """Correlation of grey values with a mask."""
    g, m = grey - grey.mean(), mask - mask.mean()
    norm = float(np.sqrt((g * g).sum() * (m * m).sum()))
    return float((g * m).sum()) / norm if norm > 0 else 0.0
