"""How long a segmentation took: a fixed start, and seconds per megapixel."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass

import psutil  # type: ignore[import-untyped]


@dataclass(frozen=True)
class Timing:
    """Measured on a wall clock, whatever else the machine did meanwhile.

    Attributes
    ----------
    start_s : float
        Until the first section: the start of the program, checks of the files, the network.
    network_s : float
        Sections to probabilities, with what the network compiles for its first tiles.
    results_s : float
        Masks, cells, their table, and all files.
    megapixels : float
        Segmented here: without the sections that an earlier, killed work had done.
    results_megapixels : float
        Whose results were written.
    """

    start_s: float
    network_s: float
    results_s: float
    megapixels: float
    results_megapixels: float

    def to_json(self) -> dict[str, float]:
        """Return the figures by name."""
        return asdict(self) | {"start_share": self.start_share}

    @property
    def start_share(self) -> float:
        """Share of the start in all of the time."""
        return self.start_s / (self.start_s + self.network_s + self.results_s)

    def __str__(self) -> str:
        network = (
            f"{self.network_s / self.megapixels:.2f} s per megapixel by the network and "
            if self.megapixels
            else ""
        )
        return (
            f"{network}{self.results_s / self.results_megapixels:.2f} s for cells and files "
            f"({self.results_megapixels:.1f} megapixels); start {self.start_s:.1f} s, "
            f"{self.start_share:.0%} of all"
        )


def since_start() -> float:
    """Seconds since this process was started."""
    return max(0.0, time.time() - float(psutil.Process().create_time()))
