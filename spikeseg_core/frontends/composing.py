"""One link in place of two: linear operations without a neuron between them.

A source position reaches a target by way of positions in between. Two links are one only if all
these positions exist: a position beyond the border is zero in the network, but a composed kernel
would reach past it.
"""

from __future__ import annotations

import numpy as np

from spikeseg_core.errors import MappingError
from spikeseg_core.network import Axis, Link


class NotComposableError(MappingError):
    """Two links that are not one; the message says why."""


def compose(inner: Link, outer: Link) -> Link:
    """Return the link that does what ``inner`` and then ``outer`` do.

    Raises
    ------
    NotComposableError
        If no single link does.
    """
    if _is_identity(inner):
        return Link(inner.source, outer.rows, outer.columns, outer.kernel)
    if (factors := _factors(outer)) is not None:
        return Link(inner.source, inner.rows, inner.columns, inner.kernel * factors)
    rows, row_tap = _along(inner.rows, outer.rows)
    columns, column_tap = _along(inner.columns, outer.columns)
    shape = (rows.kernel, columns.kernel, inner.kernel.shape[2], outer.kernel.shape[3])
    kernel = np.zeros(shape)
    for i, j in np.ndindex(inner.kernel.shape[:2]):
        for r, c in np.ndindex(outer.kernel.shape[:2]):
            tap = row_tap[i, r], column_tap[j, c]
            kernel[tap] += inner.kernel[i, j].astype(float) @ outer.kernel[r, c]
    return Link(inner.source, rows, columns, kernel.astype(np.float32))


def _factors(link: Link) -> np.ndarray | None:
    """Factor of every channel, if it scales channels and does nothing else."""
    rows, columns, sources, targets = link.kernel.shape
    in_place = all(
        axis.sources == axis.targets and axis.pad == 0 and axis.stride == 1
        for axis in (link.rows, link.columns)
    )
    if not in_place or (rows, columns) != (1, 1) or sources != targets:
        return None
    factors = np.diagonal(link.kernel[0, 0])
    only = np.count_nonzero(link.kernel) == np.count_nonzero(factors)
    return factors if only else None


def _is_identity(link: Link) -> bool:
    """Whether it passes its source on unchanged."""
    factors = _factors(link)
    return factors is not None and bool((factors == 1).all())


def _along(inner: Axis, outer: Axis) -> tuple[Axis, np.ndarray]:
    """Compose along an axis: the new axis, and the new tap for every pair of taps."""
    _check_border(inner, outer)
    k1, s1, p1 = inner.kernel, inner.stride, inner.pad
    k2, s2, p2 = outer.kernel, outer.stride, outer.pad
    a, b = np.ogrid[:k1, :k2]
    kinds = inner.kind, outer.kind
    if kinds == ("conv", "conv"):
        kind, stride, pad, taps = "conv", s1 * s2, p1 + p2 * s1, a + b * s1
    elif kinds == ("conv_transpose", "conv_transpose"):
        kind, stride, pad, taps = "conv_transpose", s1 * s2, p1 * s2 + p2, a * s2 + b
    elif kinds == ("conv", "conv_transpose") and s1 == 1:
        kind, stride, pad = "conv_transpose", s2, p2 + (k1 - 1 - p1) * s2
        taps = b + (k1 - 1 - a) * s2
    elif kinds == ("conv_transpose", "conv") and s2 == 1:
        kind, stride, pad, taps = "conv_transpose", s1, p1 + k2 - 1 - p2, a + (k2 - 1 - b)
    else:
        raise NotComposableError("a stride down and a stride up without a ReLU between them")
    return Axis(inner.sources, outer.targets, kind, int(taps.max()) + 1, stride, pad), taps


def _check_border(inner: Axis, outer: Axis) -> None:
    """Check that no source reaches a target by way of a position beyond the border."""
    for source in range(inner.sources):
        for tap in range(inner.kernel):
            for between in _positions(inner, source, tap):
                if 0 <= between < inner.targets:
                    continue
                if any(
                    0 <= target < outer.targets
                    for k in range(outer.kernel)
                    for target in _positions(outer, between, k)
                ):
                    raise NotComposableError("padding between two layers without a ReLU")


def _positions(axis: Axis, source: int, tap: int) -> tuple[int, ...]:
    """Target that a tap connects a source to, if the targets went on beyond the border."""
    if axis.kind == "conv_transpose":
        return (source * axis.stride + tap - axis.pad,)
    target, rest = divmod(source + axis.pad - tap, axis.stride)
    return () if rest else (target,)
