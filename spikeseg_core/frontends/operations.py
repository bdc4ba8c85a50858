"""What a reader of a file format found: operations in order, each on tensors by name.

Readers call the methods of :class:`Operations`; :mod:`spikeseg_core.frontends.folding` makes a
spiking network of the result. Tensors have rows, columns and channels; a vector has one row and
one column. What the chip cannot do is kept as an operation of kind ``refused``, so that one message
can name all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from spikeseg_core.errors import ConfigError
from spikeseg_core.frontends import hints
from spikeseg_core.network import IMAGE, Axis, Link
from spikeseg_core.network.graph import Shape

Kind = Literal["input", "linear", "relu", "add", "concat", "same", "head", "refused"]

UNREADABLE = (ValueError, KeyError, IndexError, TypeError, ConfigError)
"""What goes wrong in a layer whose numbers do not fit together; the layer is then refused."""

Pair = tuple[int, int]
"""Along rows, along columns."""

Pads = tuple[Pair, Pair]
"""Positions added before and after, along rows and along columns."""


@dataclass(frozen=True, eq=False)
class Operation:
    """One operation.

    Attributes
    ----------
    inputs : tuple of str
        Tensors that it takes; its own tensor has its name.
    shape : Shape
        Of its tensor.
    link : Link, optional
        What a linear operation does.
    bias : float ndarray (channels,), optional
        What it adds.
    pooling : bool
        Whether it is an average pooling, which can be an ensemble of its own.
    text : str
        Kind of the head, or why the operation is refused.
    flat : {"", "channels last", "channels first"}
        In which order a dense layer sees this tensor as a vector.
    """

    name: str
    kind: Kind
    inputs: tuple[str, ...]
    shape: Shape
    link: Link | None = None
    bias: np.ndarray | None = None
    pooling: bool = False
    ceiling: float = float("inf")
    text: str = ""
    flat: str = ""


class Operations:
    """A network as it is read, operation after operation.

    Attributes
    ----------
    found : dict of str to Operation
        In order.
    channels_first : bool
        Whether items of the input have their channels first.
    """

    def __init__(self, name: str, *, channels_first: bool = False) -> None:
        self.name, self.channels_first = name, channels_first
        self.found: dict[str, Operation] = {}

    def shape(self, name: str) -> Shape:
        """Shape of a tensor."""
        return self.found[name].shape

    def _add(self, operation: Operation) -> None:
        if operation.name in self.found:
            raise ConfigError(f"network {self.name!r} has two tensors called {operation.name!r}")
        self.found[operation.name] = operation

    def input(self, name: str, shape: Shape) -> None:
        """Take the network's input."""
        if any(each.kind == "input" for each in self.found.values()):
            raise ConfigError(
                f"network {self.name!r} has several inputs; this maps networks with one"
            )
        if min(shape) < 1:
            raise ConfigError(
                f"input {name!r} of network {self.name!r} has shape {shape}; all sizes must be "
                "known: save the model with a fixed input size"
            )
        self._add(Operation(name, "input", (), shape))

    def conv(
        self,
        name: str,
        source: str,
        kernel: np.ndarray,
        bias: np.ndarray | None = None,
        *,
        strides: Pair = (1, 1),
        pads: Pads = ((0, 0), (0, 0)),
        groups: int = 1,
        dilations: Pair = (1, 1),
        pooling: bool = False,
    ) -> None:
        """Convolve; the kernel is ``(rows, columns, source channels / groups, channels)``."""
        kernel = _dilated(_ungrouped(kernel, groups), dilations)
        shape = self.shape(source)
        axes = [
            Axis(n, (n + sum(pad) - k) // stride + 1, "conv", k, stride, pad[0])
            for n, k, stride, pad in zip(shape[:2], kernel.shape[:2], strides, pads, strict=True)
        ]
        self._linear(name, source, axes, kernel, bias, pooling=pooling)

    def conv_transpose(
        self,
        name: str,
        source: str,
        kernel: np.ndarray,
        bias: np.ndarray | None = None,
        *,
        strides: Pair = (1, 1),
        cropped: Pair = (0, 0),
        size: Pair,
        groups: int = 1,
    ) -> None:
        """Convolve transposed; ``cropped`` positions are cut off before the output's first.

        The kernel is ``(rows, columns, source channels, channels / groups)``.
        """
        if groups > 1:
            kernel = _ungrouped(kernel.swapaxes(2, 3), groups).swapaxes(2, 3)
        shape = self.shape(source)
        axes = []
        for k in (0, 1):
            taps = kernel.shape[k]
            if strides[k] == 1:  # a convolution with the kernel turned round
                kernel = np.flip(kernel, k)
                axes.append(Axis(shape[k], size[k], "conv", taps, 1, taps - 1 - cropped[k]))
            else:
                axes.append(Axis(shape[k], size[k], "conv_transpose", taps, strides[k], cropped[k]))
        self._linear(name, source, axes, kernel, bias)

    def dense(
        self, name: str, source: str, weights: np.ndarray, bias: np.ndarray | None = None
    ) -> None:
        """Connect all to all; the weights are ``(inputs, outputs)``."""
        given = self.found[source]
        rows, columns, channels = given.shape
        n = rows * columns * channels if given.flat else channels
        if weights.shape[0] != n:
            raise ConfigError(
                f"layer {name!r} has weights for {weights.shape[0]} inputs, {source!r} has "
                f"{rows} x {columns} x {channels}; put a flatten layer between them"
            )
        kernel = weights[None, None]  # a dense layer of every pixel
        if given.flat == "channels first":
            kernel = weights.reshape(channels, rows, columns, -1).transpose(1, 2, 0, 3)
        elif given.flat:
            kernel = weights.reshape(rows, columns, channels, -1)
        self.conv(name, source, kernel, bias)

    def scale(self, name: str, source: str, factor: np.ndarray, shift: np.ndarray) -> None:
        """Multiply and shift every channel, as batch norm does."""
        channels = self.shape(source)[2]
        kernel = np.diag(np.broadcast_to(factor, channels))[None, None]
        self.conv(name, source, kernel, np.broadcast_to(shift, channels))

    def average_pool(
        self, name: str, source: str, size: Pair, strides: Pair, pads: Pads = ((0, 0), (0, 0))
    ) -> None:
        """Average over windows; padding counts as zeros."""
        channels = self.shape(source)[2]
        one = np.eye(channels, dtype=np.float32) / np.float32(np.prod(size))
        kernel = np.broadcast_to(one, (*size, channels, channels))
        self.conv(name, source, kernel, strides=strides, pads=pads, pooling=True)

    def max_pool(
        self, name: str, source: str, size: Pair, strides: Pair, pads: Pads = ((0, 0), (0, 0))
    ) -> None:
        """Take the largest of each window by ReLUs: ``max(a, b) = a + relu(b - a)``.

        Columns come first, then rows, pixel after pixel. Padding counts as zeros, so a source that
        is padded and may be negative is refused.
        """
        rows, columns = (
            (n + sum(pad) - k) // stride + 1
            for n, k, stride, pad in zip(self.shape(source)[:2], size, strides, pads, strict=True)
        )
        shape = int(rows), int(columns), self.shape(source)[2]
        if pads != ((0, 0), (0, 0)) and not self._rectified(source):
            self.refuse(name, hints.MAX_OF_NEGATIVES, [source], shape)
            return
        largest = source
        for axis, label in ((1, "column"), (0, "row")):
            given, largest = largest, ""
            for k in range(size[axis]):
                new = f"{name}.{label}.{k}"
                along = self.shape(given)[axis], shape[axis], "conv", 1, strides[axis]
                self._pick(new, given, axis, Axis(*along, pads[axis][0] - k))
                if largest:
                    self.scale(f"{new}.less", largest, -np.ones(1), np.zeros(1))
                    self.add(f"{new}.more", [new, f"{new}.less"])
                    self.relu(f"{new}.excess", f"{new}.more")
                    self.add(f"{new}.largest", [largest, f"{new}.excess"])
                    new = f"{new}.largest"
                largest = new
        self.conv(name, largest, np.eye(shape[2])[None, None], pooling=True)

    def _pick(self, name: str, source: str, axis: int, along: Axis) -> None:
        """Pick one pixel of each window along an axis."""
        *sizes, channels = self.shape(source)
        axes = [Axis(n, n, "conv", 1, 1, 0) for n in sizes]
        axes[axis] = along
        self._linear(name, source, axes, np.eye(channels)[None, None], None)

    def _rectified(self, name: str) -> bool:
        """Whether a tensor cannot be negative, as far as the layers say."""
        each = self.found[name]
        passes = each.kind in {"same", "concat", "add"} or each.pooling
        return each.kind == "relu" or (passes and all(map(self._rectified, each.inputs)))

    def upsample(self, name: str, source: str, factors: Pair) -> None:
        """Repeat every pixel."""
        rows, columns, channels = self.shape(source)
        kernel = np.broadcast_to(np.eye(channels), (*factors, channels, channels))
        size = rows * factors[0], columns * factors[1]
        self.conv_transpose(name, source, kernel, strides=factors, size=size)

    def pad(self, name: str, source: str, pads: Pads) -> None:
        """Add zeros around."""
        kernel = np.eye(self.shape(source)[2])[None, None]
        self.conv(name, source, kernel, pads=pads)

    def relu(self, name: str, source: str, ceiling: float = float("inf")) -> None:
        """Rectify."""
        given = self.found[source]
        self._add(Operation(name, "relu", (source,), given.shape, ceiling=ceiling, flat=given.flat))

    def add(self, name: str, sources: Sequence[str]) -> None:
        """Sum tensors of one shape."""
        shapes = {self.shape(source) for source in sources}
        shape = max(shapes)
        if len(shapes) > 1:
            why = f"adds tensors of shapes {sorted(shapes)}; they must be equal"
            self.refuse(name, why, sources, shape)
        else:
            self._add(Operation(name, "add", tuple(sources), shape))

    def concat(self, name: str, sources: Sequence[str]) -> None:
        """Concatenate channels."""
        shapes = [self.shape(source) for source in sources]
        rows, columns, _ = shapes[0]
        shape = rows, columns, sum(each[2] for each in shapes)
        flat = {self.found[source].flat for source in sources}
        if len({each[:2] for each in shapes}) > 1 or (rows * columns > 1 and flat != {""}):
            why = f"concatenates tensors of shapes {shapes}; only channels may differ"
            self.refuse(name, why, sources, shape)
        else:
            self._add(Operation(name, "concat", tuple(sources), shape, flat=flat.pop()))

    def flatten(self, name: str, source: str, order: str) -> None:
        """Make a vector; ``order`` is "channels last" or "channels first"."""
        self._add(Operation(name, "same", (source,), self.shape(source), flat=order))

    def same(self, name: str, source: str) -> None:
        """Do nothing, as dropout does after training."""
        given = self.found[source]
        self._add(Operation(name, "same", (source,), given.shape, flat=given.flat))

    def head(self, name: str, source: str, kind: str) -> None:
        """Apply a softmax or sigmoid, which the host can do at the very end."""
        self._add(Operation(name, "head", (source,), self.shape(source), text=kind))

    def refuse(
        self, name: str, why: str, sources: Sequence[str], shape: Shape | None = None
    ) -> None:
        """Keep an operation that the chip cannot do, and what would fit instead."""
        inputs = tuple(source for source in sources if source in self.found)
        shape = shape or (self.shape(inputs[0]) if inputs else (1, 1, 1))
        flat = self.found[inputs[0]].flat if inputs else ""
        self._add(Operation(name, "refused", inputs, shape, text=why, flat=flat))

    def _linear(
        self,
        name: str,
        source: str,
        axes: Sequence[Axis],
        kernel: np.ndarray,
        bias: np.ndarray | None,
        *,
        pooling: bool = False,
    ) -> None:
        if kernel.shape[2] != self.shape(source)[2]:
            raise ConfigError(
                f"layer {name!r} has a kernel for {kernel.shape[2]} channels, {source!r} has "
                f"{self.shape(source)[2]}"
            )
        if not np.isfinite(kernel).all() or (bias is not None and not np.isfinite(bias).all()):
            raise ConfigError(f"layer {name!r} has weights that are not finite")
        shape = axes[0].targets, axes[1].targets, kernel.shape[3]
        if min(shape) < 1:
            raise ConfigError(
                f"layer {name!r} has a kernel of {kernel.shape[0]} x {kernel.shape[1]} pixels, "
                f"larger than {source!r}; use a larger input"
            )
        if len({axis.kind for axis in axes}) > 1:
            self.refuse(name, "strides along one axis only; use the same on both", [source], shape)
            return
        link = Link(IMAGE, axes[0], axes[1], kernel.astype(np.float32, copy=False))
        self._add(Operation(name, "linear", (source,), shape, link, bias, pooling))


def same_pads(sizes: Pair, kernel: Sequence[int], strides: Pair, dilations: Pair = (1, 1)) -> Pads:
    """Give the padding that TensorFlow calls 'same': the larger half after."""
    found = []
    for n, k, stride, dilation in zip(sizes, kernel, strides, dilations, strict=True):
        total = max((-(-n // stride) - 1) * stride + (k - 1) * dilation + 1 - n, 0)
        found.append((total // 2, total - total // 2))
    return found[0], found[1]


def _ungrouped(kernel: np.ndarray, groups: int) -> np.ndarray:
    """Kernel over all channels, with zeros between groups."""
    if groups == 1:
        return kernel
    rows, columns, inputs, channels = kernel.shape
    full = np.zeros((rows, columns, inputs * groups, channels), kernel.dtype)
    each = channels // groups
    for g in range(groups):
        own = slice(g * each, (g + 1) * each)
        full[:, :, g * inputs : (g + 1) * inputs, own] = kernel[..., own]
    return full


def _dilated(kernel: np.ndarray, dilations: Pair) -> np.ndarray:
    """Kernel with zeros between its taps."""
    if dilations == (1, 1):
        return kernel
    rows, columns = ((k - 1) * d + 1 for k, d in zip(kernel.shape[:2], dilations, strict=True))
    full = np.zeros((rows, columns, *kernel.shape[2:]), kernel.dtype)
    full[:: dilations[0], :: dilations[1]] = kernel
    return full
