"""Networks from NIR files, the neuromorphic intermediate representation: channels first.

A NIR neuron ``IF`` integrates ``dv/dt = r I`` up to ``v_threshold``; for a constant input it spikes
at the rate ``max(0, r I / v_threshold)``, which is a ReLU with a gain. Its inputs are rates, and
the biases of the layers before it currents.

Needs the package ``nir`` (``pip install "spikeseg[nir]"``).
"""

from __future__ import annotations

from collections.abc import Callable
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

import numpy as np

from spikeseg_core.errors import DataError
from spikeseg_core.frontends import hints
from spikeseg_core.frontends.operations import UNREADABLE, Operations, Pads, same_pads


def read(path: Path) -> Operations:
    """Read a NIR file.

    Raises
    ------
    DataError
        If the package ``nir`` is not installed, or the file cannot be read.
    """
    try:
        from spikeseg_core.frontends.nir_nodes import read_graph
    except ImportError:
        raise DataError(
            f'reading {path} needs the package nir: pip install "spikeseg[nir]"'
        ) from None
    try:
        graph = read_graph(path)
    except Exception as error:  # h5py and nir raise their own
        raise DataError(f"{path} is not a NIR file: {error}") from error
    return from_graph(graph, path.stem)


def from_graph(graph: Any, name: str) -> Operations:
    """Read a ``nir.NIRGraph``.

    Raises
    ------
    DataError
        If it has a loop.
    """
    before: dict[str, list[str]] = {node: [] for node in graph.nodes}
    for source, target in graph.edges:
        before[target].append(source)
    try:
        order = list(TopologicalSorter(before).static_order())
    except CycleError as error:
        raise DataError(
            f"network {name!r} has a loop, {' -> '.join(error.args[1])}; feed-forward networks "
            "are mapped"
        ) from None
    to = Operations(name, channels_first=True)
    for node in order:
        sources = before[node]
        if len(sources) > 1 and type(graph.nodes[node]).__name__ != "Concat":
            to.add(f"sum into {node}", sources)
            sources = [f"sum into {node}"]
        kind = type(graph.nodes[node]).__name__
        found = _Node(to, node, graph.nodes[node], sources)
        if kind == "Input":
            found.input()
        elif kind not in READERS:
            to.refuse(node, hints.unknown(f"NIR's {kind}"), sources)
        else:
            try:
                READERS[kind](found)
            except UNREADABLE as error:
                to.refuse(node, hints.unreadable(kind, error), sources)
    return to


class _Node:
    def __init__(self, to: Operations, name: str, node: Any, sources: list[str]) -> None:
        self.to, self.name, self.node, self.sources = to, name, node, sources

    @property
    def source(self) -> str:
        return self.sources[0]

    def input(self) -> None:
        sizes = [int(n) for n in self.node.input_type["input"]]
        if len(sizes) not in {1, 3}:
            raise DataError(f"input {self.name!r} has shape {sizes}; images and vectors are mapped")
        channels, rows, columns = [*sizes, 1, 1][:3]
        self.to.input(self.name, (rows, columns, channels))

    def conv(self) -> None:
        node = self.node
        strides, dilations = _pair(node.stride), _pair(node.dilation)
        pads: Pads
        if isinstance(node.padding, str):
            rows, columns, _ = self.to.shape(self.source)
            size = node.weight.shape[2:]
            same = same_pads((rows, columns), size, strides, dilations)
            pads = same if node.padding == "same" else ((0, 0), (0, 0))
        else:
            rows, columns = _pair(node.padding)
            pads = (rows, rows), (columns, columns)
        self.to.conv(
            self.name,
            self.source,
            np.asarray(node.weight).transpose(2, 3, 1, 0),
            np.asarray(node.bias),
            strides=strides,
            pads=pads,
            groups=int(node.groups),
            dilations=dilations,
        )

    def dense(self) -> None:
        bias = getattr(self.node, "bias", None)
        weight = np.asarray(self.node.weight).T
        self.to.dense(self.name, self.source, weight, None if bias is None else np.asarray(bias))

    def scale(self) -> None:
        factor = np.ravel(self.node.scale)
        if factor.size not in {1, self.to.shape(self.source)[2]}:
            self.to.refuse(self.name, "a scale that differs from pixel to pixel", self.sources)
            return
        self.to.scale(self.name, self.source, factor, np.zeros(1))

    def pool(self) -> None:
        size, strides, (rows, columns) = (
            _pair(x) for x in (self.node.kernel_size, self.node.stride, self.node.padding)
        )
        pads = (rows, rows), (columns, columns)
        if type(self.node).__name__ == "AvgPool2d":
            self.to.average_pool(self.name, self.source, size, strides, pads)
            return
        self.to.average_pool(f"{self.name} mean", self.source, size, strides, pads)
        self.to.scale(self.name, f"{self.name} mean", np.full(1, np.prod(size)), np.zeros(1))

    def transposed(self) -> None:
        node = self.node
        rows, columns, _ = self.to.shape(self.source)
        self.to.conv_transpose(
            self.name,
            self.source,
            np.asarray(node.weight).transpose(2, 3, 0, 1),
            np.asarray(node.bias),
            strides=_pair(node.stride),
            cropped=_pair(node.padding),
            size=node.output_size((rows, columns)),
            groups=int(node.groups),
        )

    def concat(self) -> None:
        if self.node.axis:
            self.to.refuse(
                self.name, "a concatenation of rows or columns; concatenate channels", self.sources
            )
            return
        self.to.concat(self.name, self.sources)

    def neurons(self) -> None:
        gain = np.ravel(self.node.r) / np.ravel(self.node.v_threshold)
        if (gain != gain[0]).any() or np.any(getattr(self.node, "v_reset", 0)):
            why = "neurons that differ in gain, or are not reset to 0; use one gain, and v_reset 0"
            self.to.refuse(self.name, why, self.sources)
            return
        current = f"current of {self.name}"
        self.to.scale(current, self.source, gain[:1], np.zeros(1))
        self.to.relu(self.name, current)

    def leaky(self) -> None:
        kind = type(self.node).__name__
        why = f"neurons of kind {kind} leak; IF neurons are mapped: train with nir.IF"
        self.to.refuse(self.name, why, self.sources)


def _pair(value: Any) -> tuple[int, int]:
    rows, columns = np.broadcast_to(value, 2)
    return int(rows), int(columns)


READERS: dict[str, Callable[[_Node], None]] = {
    "Output": lambda x: x.to.same(x.name, x.source),
    "Conv2d": _Node.conv,
    "ConvTranspose2d": _Node.transposed,
    "Concat": _Node.concat,
    "Affine": _Node.dense,
    "Linear": _Node.dense,
    "Scale": _Node.scale,
    "AvgPool2d": _Node.pool,
    "SumPool2d": _Node.pool,
    "Flatten": lambda x: x.to.flatten(x.name, x.source, "channels first"),
    "IF": _Node.neurons,
    **dict.fromkeys(("LIF", "CubaLIF", "LI", "CubaLI"), _Node.leaky),
}
