"""What a network that is handed on says of itself, in any format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import spikeseg_core

UNKNOWN = "not stated"


@dataclass(frozen=True)
class About:
    """Facts that go with the weights.

    Attributes
    ----------
    name : str
        Of the network.
    threshold : float
        Least probability of membrane in a mask, as validation chose it.
    tiles_per_axis : int
        Overlapping tiles along each axis of a section, in training.
    dataset : str
        What it was trained on.
    grey : {"uint8", "uint16"}
        Type of the training sections.
    scores : mapping of str to float
        On the test split of the dataset, measured.
    pixel_nm : float, optional
        Side of a pixel of the training sections, nm.
    licence : str, optional
        Of the weights, as SPDX names it.
    authors : tuple of str
        Who trained it.
    """

    name: str
    threshold: float
    tiles_per_axis: int
    dataset: str
    grey: str = "uint8"
    scores: Mapping[str, float] = field(default_factory=dict)
    pixel_nm: float | None = None
    licence: str | None = None
    authors: tuple[str, ...] = ()

    def facts(self) -> dict[str, str]:
        """Return everything as text, by name."""
        return {
            "name": self.name,
            "classes": "membrane",
            "threshold": f"{self.threshold:g}",
            "tiles_per_axis": str(self.tiles_per_axis),
            "pixel_size_nm": UNKNOWN if self.pixel_nm is None else f"{self.pixel_nm:g}",
            "dataset": self.dataset,
            "scores": ", ".join(f"{name} {value:.4f}" for name, value in self.scores.items())
            or UNKNOWN,
            "licence": self.licence or UNKNOWN,
            "authors": ", ".join(self.authors) or UNKNOWN,
            "made_by": f"SpikeSeg {spikeseg_core.__version__}",
        }
