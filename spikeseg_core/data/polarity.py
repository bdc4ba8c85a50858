"""Which label value marks membrane: stated by the user, or detected."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from spikeseg_core.errors import DataError

Polarity = Literal["membrane_dark", "membrane_bright"]
"""``membrane_dark``: the lower label value (0, black) marks membrane."""


class PolarityChoice(NamedTuple):
    """The polarity and, in a sentence for the log, why it was chosen."""

    polarity: Polarity
    reason: str


def choose_polarity(
    images: np.ndarray, masks: np.ndarray, stated: Literal["auto"] | Polarity = "auto"
) -> PolarityChoice:
    """Decide which of the two label values marks membrane.

    Membrane is the minority of pixels and darker in the image than the rest. If the two cues
    disagree, the user has to decide.

    Parameters
    ----------
    stated : ``"auto"``, ``"membrane_dark"`` or ``"membrane_bright"``
        ``"auto"`` decides from the data; anything else is used as it is.

    Raises
    ------
    DataError
        If the masks do not have exactly two values, or the cues disagree.
    """
    low, high = _two_values(masks)
    bright = masks == high
    share = {"bright": float(bright.mean()), "dark": float((~bright).mean())}
    grey = {"bright": float(images[bright].mean()), "dark": float(images[~bright].mean())}
    facts = (
        f"label {low} has {share['dark']:.1%} of the pixels at a mean grey of {grey['dark']:.1f}, "
        f"label {high} {share['bright']:.1%} at {grey['bright']:.1f}"
    )
    minority = min(share, key=share.__getitem__)
    darker = min(grey, key=grey.__getitem__)
    if stated == "auto" and minority != darker:
        raise DataError(
            f"cannot tell which label is membrane: it should be the minority and darker in the "
            f"image, but {facts}. Set polarity to membrane_dark (label {low} is membrane) or "
            f"membrane_bright (label {high} is membrane)"
        )
    detected: Polarity = "membrane_dark" if minority == "dark" else "membrane_bright"
    chosen = detected if stated == "auto" else stated
    value = low if chosen == "membrane_dark" else high
    if stated == "auto":
        why = "detected as the minority and the darker class"
    elif minority == darker and stated != detected:
        why = "stated, ALTHOUGH it is neither the minority nor the darker class"
    else:
        why = "stated"
    return PolarityChoice(chosen, f"label {value} is membrane, {why} ({facts})")


def membrane_labels(masks: np.ndarray, polarity: Polarity) -> np.ndarray:
    """Turn masks ``(n, h, w)`` of two values into labels.

    Returns
    -------
    uint8 array (n, h, w)
        1 = membrane, 0 = interior.
    """
    value = _two_values(masks)[0 if polarity == "membrane_dark" else 1]
    return (masks == value).astype(np.uint8)


def distinct(masks: np.ndarray) -> np.ndarray:
    """Return the values that occur in masks (n, h, w), ascending; section by section."""
    if masks.dtype in (np.uint8, np.uint16):
        most = np.iinfo(masks.dtype).max + 1
        seen = np.zeros(most, dtype=bool)
        for section in masks:
            seen |= np.bincount(section.ravel(), minlength=most) > 0
        return np.flatnonzero(seen)
    return np.unique(np.concatenate([np.unique(section) for section in masks]))


def _two_values(masks: np.ndarray) -> tuple[int, int]:
    values = distinct(masks)
    if len(values) != 2:
        shown = ", ".join(str(v) for v in values[:6]) + (", ..." if len(values) > 6 else "")
        raise DataError(
            f"labels have {len(values)} grey value{'s' * (len(values) != 1)} ({shown}) and need "
            "two, membrane and interior: make masks of two values (JPEG or scaling adds others), "
            "or name the value of pixels without a label as 'ignore: VALUE' in spikeseg.yaml"
        )
    return int(values[0]), int(values[1])
