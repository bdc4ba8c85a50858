"""One axis of a connection (rows or columns): which sources reach which targets, and clipping."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from spikeseg_core.network import Connection, Network

Clipping = tuple[tuple[int, int, int], ...]
"""For each source position that reaches a part of the targets: the kernel position for the first
target reached, that target's position in the part, and the number of targets reached."""


@dataclass(frozen=True)
class Axis:
    """Which targets each source position reaches, along rows or columns ('same' padding).

    Attributes
    ----------
    sources, targets : int
        Positions along the axis in the source and in the target.
    kind : {"conv", "conv_transpose"}
        As in :class:`spikeseg_core.network.Connection`.
    kernel, stride : int
        Width of the kernel and stride, in positions.
    """

    sources: int
    targets: int
    kind: str
    kernel: int
    stride: int

    @property
    def pad(self) -> int:
        """Kernel positions beyond the edge at the start."""
        if self.kind == "conv_transpose":
            return max(self.kernel - self.stride, 0) // 2
        return max((self.targets - 1) * self.stride + self.kernel - self.sources, 0) // 2

    def reach(self) -> tuple[np.ndarray, np.ndarray]:
        """First target and one past the last target of each source, shape ``(sources,)`` each."""
        i = np.arange(self.sources)
        if self.kind == "conv_transpose":
            first = i * self.stride - self.pad
            last = first + self.kernel - 1
        else:
            first = -((self.kernel - 1 - self.pad - i) // self.stride)
            last = (i + self.pad) // self.stride
        return np.maximum(first, 0), np.minimum(last, self.targets - 1) + 1

    def kernel_position(self, source: np.ndarray, target: np.ndarray) -> np.ndarray:
        """Kernel position that connects a source to a target."""
        if self.kind == "conv_transpose":
            return target - source * self.stride + self.pad
        return source + self.pad - target * self.stride


def axis_of(network: Network, target: str, connection: Connection) -> Axis:
    """Axis of a connection; the same for rows and columns."""
    return Axis(
        network.sizes[connection.source],
        network.sizes[target],
        connection.kind,
        connection.kernel,
        connection.stride,
    )


def cuts(size: int, part: int) -> list[tuple[int, int]]:
    """Cut ``size`` positions into parts of ``part``; the last may be smaller."""
    return [(start, min(start + part, size)) for start in range(0, size, part)]


@lru_cache(maxsize=100_000)
def clipped(axis: Axis, start: int, stop: int) -> Clipping:
    """Clipping of the targets ``start`` to ``stop - 1``."""
    first, last = axis.reach()
    first, last = np.maximum(first, start), np.minimum(last, stop)
    used = np.flatnonzero(first < last)
    positions = axis.kernel_position(used, first[used])
    counts = (last - first)[used]
    table = np.stack([positions, first[used] - start, counts], axis=1)
    return tuple((int(a), int(b), int(c)) for a, b, c in table)


@lru_cache(maxsize=100_000)
def reach_counts(axis: Axis, source_part: int, target_part: int, split: bool) -> np.ndarray:
    """Count the sources of each source part that reach each target part.

    ``split`` is whether the target layer is cut along any axis: an uncut layer keeps the axons of
    sources that reach nothing, which only splitting drops.

    Returns
    -------
    ndarray
        Source positions, shape ``(source parts, target parts)``.
    """
    first, last = axis.reach()
    counts = []
    for a, b in cuts(axis.targets, target_part):
        hits = (np.maximum(first, a) < np.minimum(last, b)) | (not split)
        total = np.concatenate([[0], np.cumsum(hits)])
        counts.append([total[e] - total[s] for s, e in cuts(axis.sources, source_part)])
    return np.array(counts, dtype=np.int64).T


def kinds_of_parts(axis: Axis, part: int) -> tuple[list[tuple[int, Clipping]], np.ndarray]:
    """Kinds of parts along an axis, by width and clipping, and the kind of every part."""
    parts = [(b - a, clipped(axis, a, b)) for a, b in cuts(axis.targets, part)]
    kinds = list(dict.fromkeys(parts))
    index = {kind: i for i, kind in enumerate(kinds)}
    return kinds, np.array([index[p] for p in parts])
