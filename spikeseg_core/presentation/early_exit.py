"""Early exit: a tile is stopped when its read-out no longer changes.

The host reads out the spikes at a few checkpoints and compares each read-out with the previous one.
If little has changed, the tile is done, and the chip continues with the next one. Only spikes that
have reached the host decide, so a real chip could be stopped in the same way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from spikeseg_core.errors import ConfigError

CHECKED_EVERY = 4
"""Read-outs are compared on every fourth row and column: a sixteenth of the work."""


@dataclass(frozen=True)
class Stopped:
    """Tiles that were stopped when their read-out no longer changed.

    ``steps`` that each tile ran and ``checks``, its compared read-outs, are int ``(tiles,)``.

    Attributes
    ----------
    logits : ndarray
        Read-out of each tile when it was stopped, float32 ``(tiles, rows, columns)``.
    """

    logits: np.ndarray
    steps: np.ndarray
    checks: np.ndarray


def exit_early(readouts: Mapping[int, np.ndarray], threshold: float) -> Stopped:
    """Stop every tile at the first checkpoint at which it is done.

    A tile is done when its membrane probability, on a grid of pixels, has changed by less than
    ``threshold`` on average since the previous checkpoint. Otherwise it runs to the last one.

    Parameters
    ----------
    readouts : mapping of int to ndarray
        Logits ``(tiles, rows, columns)`` by number of steps: the checkpoints.
    threshold : float
        Mean change of probability; 0 runs every tile to the end.

    Raises
    ------
    ConfigError
        If there are fewer than two checkpoints.
    """
    ends = sorted(readouts)
    if len(ends) < 2:
        raise ConfigError(
            f"read-outs after {ends} steps: early exit needs at least two checkpoints"
        )
    before = readouts[ends[0]]
    logits = np.zeros_like(before)
    steps = np.zeros(len(before), dtype=int)
    checks = np.full(len(before), len(ends))
    running = np.ones(len(before), dtype=bool)
    for number, end in enumerate(ends[1:], start=2):
        now = readouts[end]
        stops = running & ((_change(before, now) < threshold) | (end == ends[-1]))
        logits[stops], steps[stops], checks[stops] = now[stops], end, number
        running &= ~stops
        before = now
    return Stopped(logits, steps, checks)


def _change(before: np.ndarray, now: np.ndarray) -> np.ndarray:
    """Mean change of probability of each tile, on the grid of pixels."""
    grid = (slice(None), slice(None, None, CHECKED_EVERY), slice(None, None, CHECKED_EVERY))
    change: np.ndarray = np.abs(expit(now[grid]) - expit(before[grid])).mean(axis=(1, 2))
    return change
