"""The axes of a connection (rows and columns), cut into tiles: who reaches whom, and clipping."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from spikeseg_core.network import Axis, Connection, Graph, Link, Network

Clipping = tuple[tuple[int, int, int], ...]
"""For each source position that reaches a part of the targets: the kernel position for the first
target reached, that target's position in the part, and the number of targets reached."""


def axis_of(network: Network, target: str, connection: Connection) -> Axis:
    """Axis of a connection; the same for rows and columns."""
    return Axis(
        network.sizes[connection.source],
        network.sizes[target],
        connection.kind,
        connection.kernel,
        connection.stride,
    )


def axes_of(
    network: Network | Graph, target: str, connection: Connection | Link
) -> tuple[Axis, Axis]:
    """Rows and columns of a connection of either kind of network."""
    if isinstance(connection, Link):
        return connection.rows, connection.columns
    assert isinstance(network, Network)
    return (axis_of(network, target, connection),) * 2


def channel_groups(
    network: Network | Graph, target: str, connection: Connection | Link
) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """Source channels that share their target channels, and those targets; an axon for each."""
    if isinstance(connection, Link):
        return connection.groups
    counts = network.shape(connection.source)[2], network.shape(target)[2]
    return ((np.arange(counts[0]), np.arange(counts[1])),)


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
