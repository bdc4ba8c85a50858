"""What the sections that a network was trained on look like, and sections that differ."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.stats import skew

from spikeseg_core.data.checks import alike_over

_MOST = 8
"""Sections that are looked at."""
_SIDE = 1024
"""Side of the part that is looked at, px."""
_FINE_PX, _COARSE_PX = 1.0, 6.0
_CLEAR_SKEW = 0.15
_LENGTH_RATIO = 1.6
_SATURATED = 0.2
_SHARE_RATIO = 3.0


@dataclass(frozen=True)
class Known:
    """Medians over the training sections.

    Attributes
    ----------
    skew : float
        Skewness of the grey values between two scales: below 0 where thin structures are dark.
    alike_px : float
        Distance over which grey values stay alike (autocorrelation).
    extreme : float
        Share of pixels that have the lowest or highest grey value of their section.
    membrane : float
        Share of membrane in the labels.
    """

    skew: float
    alike_px: float
    extreme: float
    membrane: float

    @classmethod
    def of(cls, images: np.ndarray, labels: np.ndarray) -> Known:
        """Look at training sections (n, h, w) and their labels, 1 = membrane."""
        seen = [_looks(image) for image in images[:_MOST]]
        tilt, alike, extreme = np.median(seen, axis=0).tolist()
        return cls(tilt, alike, extreme, float(labels[:_MOST].mean()))

    def to_json(self) -> dict[str, Any]:
        """Return the figures by name."""
        return asdict(self)

    def doubts(self, section: np.ndarray, membrane: float) -> list[str]:
        """Say, with the figure, why the network may not know a section.

        Brightness and contrast do not matter: sections are standardised.

        Parameters
        ----------
        section : array (h, w)
            Grey values.
        membrane : float
            Share of membrane in its mask.
        """
        if section.min() == section.max():
            return [f"it is blank: every pixel is {section.flat[0]}"]
        found, own = [], Known(*_looks(section), membrane)
        if own.skew * self.skew < 0 and min(abs(own.skew), abs(self.skew)) > _CLEAR_SKEW:
            found.append(
                f"its contrast looks inverted: fine structures have a skewness of {own.skew:+.2f}, "
                f"and {self.skew:+.2f} in training"
            )
        if not 1 / _LENGTH_RATIO < own.alike_px / max(self.alike_px, 1e-9) < _LENGTH_RATIO:
            found.append(
                f"its pixel size looks different: grey values stay alike over {own.alike_px:.1f} "
                f"px, and {self.alike_px:.1f} px in training"
            )
        if own.extreme > max(_SATURATED, 5 * self.extreme):
            found.append(
                f"it is saturated or cropped: {own.extreme:.1%} of the pixels have its lowest or "
                f"highest grey value, and {self.extreme:.1%} in training"
            )
        if not 1 / _SHARE_RATIO < own.membrane / max(self.membrane, 1e-9) < _SHARE_RATIO:
            found.append(
                f"{own.membrane:.1%} of its mask is membrane, and {self.membrane:.1%} in training"
            )
        return found


def without_training(section: np.ndarray) -> list[str]:
    """Say what is wrong with a section if nothing is known of the training."""
    if section.min() == section.max():
        return [f"it is blank: every pixel is {section.flat[0]}"]
    return []


def _looks(section: np.ndarray) -> tuple[float, float, float]:
    part = section[:_SIDE, :_SIDE].astype(np.float32)
    if part.min() == part.max():
        part = section.astype(np.float32)
    fine = gaussian_filter(part, _FINE_PX) - gaussian_filter(part, _COARSE_PX)
    low, high = section.min(), section.max()
    extreme = float(((section == low) | (section == high)).mean())
    return float(skew(fine, axis=None)), alike_over(part), extreme
