"""One axis of a connection (rows or columns): which sources reach which targets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Axis:
    """Which targets each source position reaches, along rows or columns.

    Attributes
    ----------
    sources, targets : int
        Positions along the axis in the source and in the target.
    kind : {"conv", "conv_transpose"}
        As in :class:`spikeseg_core.network.Connection`.
    kernel, stride : int
        Width of the kernel and stride, in positions.
    before : int, optional
        Kernel positions beyond the edge at the start; by default those of 'same' padding.
    """

    sources: int
    targets: int
    kind: str
    kernel: int
    stride: int
    before: int | None = None

    @property
    def pad(self) -> int:
        """Kernel positions beyond the edge at the start."""
        if self.before is not None:
            return self.before
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

    def tap(self, position: int) -> tuple[slice, slice]:
        """Give what a kernel position connects, as slices of sources and targets."""
        shift = position - self.pad
        if self.kind == "conv_transpose":  # target = source * stride + shift
            targets, sources = _in_step(self.targets, self.sources, self.stride, shift)
        else:  # source = target * stride + shift
            sources, targets = _in_step(self.sources, self.targets, self.stride, shift)
        return sources, targets


def _in_step(many: int, few: int, stride: int, shift: int) -> tuple[slice, slice]:
    """All pairs ``(j * stride + shift, j)`` within ``many`` and ``few`` positions."""
    first = max(0, -(shift // stride))
    n = max(0, min(few - 1, (many - 1 - shift) // stride) - first + 1)
    start = first * stride + shift
    return slice(start, start + n * stride, stride), slice(first, first + n)
