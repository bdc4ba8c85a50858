"""From operations to ensembles: everything linear between two ReLUs becomes links.

A ReLU becomes an ensemble; batch norm, padding, concatenation, addition, upsampling and average
pooling fold into the links. An average pooling of spikes that more layers follow is an ensemble of
its own, as on the chip: its activation is never negative, so a ReLU changes nothing.

What has to become spikes without a ReLU is sent as two ensembles, ``x = relu(x) - relu(-x)``: a
linear layer before another if no single link does what both do, and the input where it joins
spikes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from spikeseg_core.errors import MappingError
from spikeseg_core.frontends.composing import NotComposableError, compose
from spikeseg_core.frontends.operations import Operation, Operations
from spikeseg_core.network import IMAGE, Axis, Ensemble, Graph, Link
from spikeseg_core.network.graph import Head, Shape

HEADS: dict[str, Head] = {"softmax": "softmax", "sigmoid": "sigmoid"}


@dataclass(frozen=True, eq=False)
class _Affine:
    """A tensor as a sum of links from ensembles, plus a bias.

    ``positive`` if it cannot be negative; ``ensemble`` if it is that ensemble, unchanged.
    """

    shape: Shape
    links: tuple[Link, ...]
    bias: np.ndarray
    positive: bool = False
    ensemble: str = ""


def fold(operations: Operations) -> Graph:
    """Make a network of ensembles.

    Returns
    -------
    Graph
        With the activations of the original network: an activation of 1.0 is 1.0.

    Raises
    ------
    MappingError
        If an operation cannot be mapped; the message names every such layer and what would fit.
    """
    return _Folding(operations).graph()


class _Folding:
    def __init__(self, operations: Operations) -> None:
        self.operations = operations
        self.ensembles: list[Ensemble] = []
        self.problems: list[str] = []
        self.tensors: dict[str, _Affine] = {}
        self.sent: tuple[Link, ...] = ()  # the input, from ensembles of the host
        self.last: Head = "linear"
        found = operations.found
        self.readers: dict[str, list[str]] = {name: [] for name in found}
        for each in found.values():
            for source in each.inputs:
                self.readers[source].append(each.name)
        # Tensors that spikes are made of later.
        self.spike_later: set[str] = set()
        for each in reversed(found.values()):
            after = [found[name] for name in self.readers[each.name]]
            if any(x.kind in {"relu", "refused"} or x.name in self.spike_later for x in after):
                self.spike_later.add(each.name)

    def graph(self) -> Graph:
        found = self.operations.found
        if not any(each.kind == "input" for each in found.values()):
            raise MappingError(f"network {self.operations.name!r} has no input")
        for each in found.values():
            self.tensors[each.name] = self.tensor(each)
        last = [name for name, readers in self.readers.items() if not readers]
        if len(last) > 1:
            self.problem(last[0], f"the network has {len(last)} outputs ({', '.join(last)})")
        output = self.beside_spikes(self.tensors[last[-1]])
        if not any(layer.on_chip for layer in self.ensembles):
            self.problem(
                last[-1], "no layer is left for the chip; the host computes the first and the last"
            )
        if self.problems:
            name = self.operations.name
            raise MappingError(
                f"network {name!r} cannot be mapped:\n  " + "\n  ".join(self.problems)
            )
        shape = next(each.shape for each in found.values() if each.kind == "input")
        readout = Ensemble(
            "readout", output.shape, _merged(output.links), _float32(output.bias), False
        )
        return Graph(
            self.operations.name,
            shape,
            tuple(self.ensembles),
            readout,
            self.last,
            channels_first=self.operations.channels_first,
        )

    def problem(self, name: str, why: str) -> None:
        self.problems.append(f"layer {name!r}: {why}")

    # -- operations ---------------------------------------------------------------------------

    def tensor(self, each: Operation) -> _Affine:
        """Tensor of an operation."""
        return getattr(self, each.kind)(each, *(self.tensors[name] for name in each.inputs))

    def input(self, each: Operation) -> _Affine:
        return _Affine(each.shape, (_identity(IMAGE, *each.shape),), np.zeros(each.shape))

    def same(self, each: Operation, given: _Affine) -> _Affine:
        return given

    def add(self, each: Operation, *given: _Affine) -> _Affine:
        links = tuple(link for x in given for link in x.links)
        total = np.sum([x.bias for x in given], axis=0)
        return _Affine(each.shape, links, total, all(x.positive for x in given))

    def concat(self, each: Operation, *given: _Affine) -> _Affine:
        return _concatenated(each.shape, given)

    def head(self, each: Operation, given: _Affine) -> _Affine:
        if not self.readers[each.name]:
            self.last = HEADS[each.text]
            return given
        why = f"a {each.text} between layers; the chip's neurons are ReLUs: use ReLU here"
        return self.refused(replace(each, text=why))

    def refused(self, each: Operation, *given: _Affine) -> _Affine:
        self.problem(each.name, each.text)
        return self.ensemble(each.name, self.blank(each.shape))

    def linear(self, each: Operation, given: _Affine) -> _Affine:
        try:
            return self.linked(each, given)
        except NotComposableError:
            (source,) = each.inputs
            self.tensors[source] = self.relayed(source, self.beside_spikes(given))
            return self.linked(each, self.tensors[source])

    def linked(self, each: Operation, given: _Affine) -> _Affine:
        link = each.link
        assert link is not None
        links = tuple(compose(inner, link) for inner in given.links)
        bias = link(given.bias[None])[0] if given.bias.any() else np.zeros(each.shape)
        if each.bias is not None:
            bias = bias + each.bias
        positive = given.positive and bool((link.kernel >= 0).all() and (bias >= 0).all())
        made = _Affine(each.shape, links, bias, positive)
        if each.pooling and positive and each.name in self.spike_later:
            return self.ensemble(each.name, made)
        return made

    def relu(self, each: Operation, given: _Affine) -> _Affine:
        if given.ensemble:
            return given
        return self.ensemble(each.name, self.beside_spikes(given), each.ceiling)

    # -- ensembles ----------------------------------------------------------------------------

    def beside_spikes(self, given: _Affine) -> _Affine:
        """Let the input come as spikes, too, if other links bring spikes."""
        if len({link.source == IMAGE for link in given.links}) < 2:
            return given
        if not self.sent:
            found = self.operations.found.values()
            (source,) = (each for each in found if each.kind == "input")
            self.sent = self.relayed(source.name, self.input(source)).links
        links = [link for link in given.links if link.source != IMAGE]
        for link in given.links:
            if link.source == IMAGE:
                links += [
                    replace(link, source=part.source, kernel=link.kernel * part.kernel[0, 0, 0, 0])
                    for part in self.sent
                ]
        return replace(given, links=tuple(links))

    def relayed(self, name: str, given: _Affine) -> _Affine:
        """Make neurons of what is above zero and, if there can be any, of what is below."""
        if given.positive:
            return self.ensemble(name, given)
        above = self.ensemble(f"{name}.above", given)
        below = self.ensemble(f"{name}.below", _negative(given))
        return _Affine(given.shape, above.links + _negative(below).links, np.zeros(given.shape))

    def ensemble(self, name: str, given: _Affine, ceiling: float = np.inf) -> _Affine:
        """Make neurons of a tensor."""
        on_chip = not any(link.source == IMAGE for link in given.links)
        links, bias = _merged(given.links), _float32(given.bias)
        made = Ensemble(name, given.shape, links, bias, on_chip, ceiling=ceiling)
        self.ensembles.append(made)
        return _Affine(
            given.shape, (_identity(name, *given.shape),), np.zeros(given.shape), True, name
        )

    def blank(self, shape: Shape) -> _Affine:
        """Stand in for a tensor that cannot be mapped, to find further problems."""
        return _Affine(shape, (), np.zeros(shape))


def _negative(given: _Affine) -> _Affine:
    links = tuple(replace(link, kernel=-link.kernel) for link in given.links)
    return _Affine(given.shape, links, -given.bias)


def _identity(source: str, rows: int, columns: int, channels: int) -> Link:
    kernel = np.eye(channels, dtype=np.float32)[None, None]
    along_rows, along_columns = (Axis(n, n, "conv", 1, 1, 0) for n in (rows, columns))
    return Link(source, along_rows, along_columns, kernel)


def _concatenated(shape: Shape, given: Iterable[_Affine]) -> _Affine:
    links: list[Link] = []
    biases, positive, start = [], True, 0
    for each in given:
        stop = start + each.shape[2]
        for link in each.links:
            kernel = np.zeros((*link.kernel.shape[:3], shape[2]), np.float32)
            kernel[..., start:stop] = link.kernel
            links.append(replace(link, kernel=kernel))
        biases.append(each.bias)
        positive, start = positive and each.positive, stop
    return _Affine(shape, tuple(links), np.concatenate(biases, axis=2), positive)


def _merged(links: Iterable[Link]) -> tuple[Link, ...]:
    """Add up the kernels of links with the same source and geometry."""
    found: dict[tuple[str, Axis, Axis], Link] = {}
    for link in links:
        key = link.source, link.rows, link.columns
        known = found.get(key)
        found[key] = replace(link, kernel=known.kernel + link.kernel) if known else link
    return tuple(found.values())


def _float32(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values, np.float32)
