"""Any feed-forward network of rate neurons: ensembles, and linear connections of any geometry.

:class:`~spikeseg_core.network.Network` is this project's U-Net. A :class:`Graph` comes from
somewhere else (:mod:`spikeseg_core.frontends`): its layers need not be square, pad as they like,
and connect any channels. Everything linear between two ensembles is one :class:`Link`, a
convolution or a transposed convolution; a dense layer is a convolution whose kernel is as large as
its source.

The units are those of :class:`~spikeseg_core.network.Network`: an activation of 1.0 is 100 Hz.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from spikeseg_core.errors import DataError
from spikeseg_core.network.axis import Axis
from spikeseg_core.network.description import IMAGE, InitialPotential, Network, Weights
from spikeseg_core.storage import load_arrays, save_arrays, write_json

Shape = tuple[int, int, int]
"""Rows, columns, channels."""

Head = Literal["linear", "softmax", "sigmoid"]
"""What the host does with the read-out."""

DENSE = 0.75
"""Share of connected pairs of channels above which a kernel counts as dense."""

GRAPH_FILE, ARRAYS_FILE = "graph.json", "graph.npz"


@dataclass(frozen=True, eq=False)
class Link:
    """A linear connection into an ensemble.

    Attributes
    ----------
    source : str
        An ensemble, or ``IMAGE`` for the input of the network.
    rows, columns : Axis
        Geometry along rows and along columns, of the same kind.
    kernel : float32 ndarray
        ``(rows, columns, source channels, target channels)``. Channels that are not connected have
        zeros everywhere.
    """

    source: str
    rows: Axis
    columns: Axis
    kernel: np.ndarray

    @cached_property
    def groups(self) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
        """Source channels that share their target channels, and these targets.

        A dense kernel has one group, a depthwise one as many as channels. Where nearly all are
        connected, all are taken to be: single weights of zero, of which weights with few bits have
        many, would make a group, and an axon for each pixel, of every source channel.
        """
        connected = (self.kernel != 0).any(axis=(0, 1))
        all_of_them = np.ix_(connected.any(axis=1), connected.any(axis=0))
        if connected[all_of_them].sum() > DENSE * connected[all_of_them].size:
            connected[all_of_them] = True
        kinds, group = np.unique(connected, axis=0, return_inverse=True)
        found = [
            (np.flatnonzero(group.ravel() == k), np.flatnonzero(kind))
            for k, kind in enumerate(kinds)
            if kind.any()
        ]
        return tuple(sorted(found, key=lambda each: int(each[0][0])))

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Apply it to ``(items, rows, columns, source channels)``."""
        shape = (len(values), self.rows.targets, self.columns.targets, self.kernel.shape[3])
        total = np.zeros(shape, np.result_type(values, self.kernel))
        for i, j in np.ndindex(self.kernel.shape[:2]):
            (r, to_r), (c, to_c) = self.rows.tap(i), self.columns.tap(j)
            total[:, to_r, to_c] += values[:, r, c] @ self.kernel[i, j]
        return total


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Rate neurons that add up their connections and a bias.

    Attributes
    ----------
    bias : float32 ndarray
        Of every neuron, with the ensemble's shape.
    on_chip : bool
        False for those that the input feeds: they are on the host, which sends their spikes.
    scale : float
        Activation in the original network that 1.0 (100 Hz) stands for.
    gain : float or float32 ndarray (channels,)
        What the chip multiplies connections and bias by, to make up for what neurons lose when they
        spike. The ANN has none.
    ceiling : float
        Largest activation in the original network, such as 6 for ReLU6; the chip has none.
    """

    name: str
    shape: Shape
    inputs: tuple[Link, ...]
    bias: np.ndarray
    on_chip: bool = True
    scale: float = 1.0
    gain: np.ndarray | float = 1.0
    ceiling: float = float("inf")

    # Read as those of a Layer: a graph leaves no channels out, its kernels say what is connected.
    kept = group = 1

    @property
    def channels(self) -> int:
        """Number of channels."""
        return self.shape[2]

    def current(self, activations: Mapping[str, np.ndarray]) -> np.ndarray:
        """Sum connections and bias, ``(items, rows, columns, channels)``, in units of 100 Hz."""
        total = self.bias[None]
        for link in self.inputs:
            total = total + link(activations[link.source])
        return np.asarray(total)


@dataclass(frozen=True, eq=False)
class Graph:
    """A feed-forward network, sources first.

    Attributes
    ----------
    input_shape : Shape
        Of one item of the input.
    readout : Ensemble
        What the host adds up from the rates of the last ensembles. It has no neurons.
    head : Head
        What the host does with it.
    initial_potential : {"rest", "spread"}
        As in :class:`~spikeseg_core.network.Network`.
    floor_at_rest : bool
        Whether potentials stop at rest, as this project's and NengoLoihi's do. If not, inhibition
        is remembered and a neuron's rate is that of its mean input, also if spikes come unevenly.
    channels_first : bool
        Whether files hold items of the input with their channels first.
    """

    name: str
    input_shape: Shape
    layers: tuple[Ensemble, ...]
    readout: Ensemble
    head: Head = "linear"
    initial_potential: InitialPotential = "spread"
    floor_at_rest: bool = False
    channels_first: bool = False

    @classmethod
    def of(cls, network: Network, weights: Weights) -> Graph:
        """Write this project's U-Net as a graph."""
        ensembles = []
        for name, channels, inputs, on_chip in (
            *((x.name, x.channels, x.inputs, x.on_chip) for x in network.layers),
            (None, 1, (network.readout,), False),
        ):
            size = network.sizes[name] if name else network.tile
            links = tuple(
                Link(c.source, axis, axis, weights.kernel(name, c.source))
                for c in inputs
                for axis in [Axis(network.sizes[c.source], size, c.kind, c.kernel, c.stride)]
            )
            bias = np.broadcast_to(weights.biases[name or "readout"], (size, size, channels))
            shape = size, size, channels
            ensembles.append(Ensemble(name or "readout", shape, links, bias, on_chip))
        *layers, readout = ensembles
        start = network.initial_potential
        return cls(
            network.name,
            network.shape(IMAGE),
            tuple(layers),
            readout,
            initial_potential=start,
            floor_at_rest=True,
        )

    def layer(self, name: str) -> Ensemble:
        """Return the ensemble of that name."""
        return next(layer for layer in self.layers if layer.name == name)

    def shape(self, name: str) -> Shape:
        """Shape of an ensemble, or of the input."""
        return self.input_shape if name == IMAGE else self.layer(name).shape

    def connections(self) -> Iterator[tuple[Ensemble, Link]]:
        """Yield every connection into an ensemble, with its target."""
        for layer in self.layers:
            for link in layer.inputs:
                yield layer, link

    def chip_layers(self) -> tuple[Ensemble, ...]:
        """Ensembles on the chip."""
        return tuple(layer for layer in self.layers if layer.on_chip)

    @property
    def neurons_on_chip(self) -> int:
        """Number of neurons that are compartments on the chip."""
        return sum(int(np.prod(layer.shape)) for layer in self.chip_layers())

    def items(self, given: np.ndarray) -> np.ndarray:
        """Bring items as the model takes them to ``(items, rows, columns, channels)``.

        Raises
        ------
        DataError
            If they have another shape.
        """
        rows, columns, channels = self.input_shape
        own = (channels, rows, columns) if self.channels_first else self.input_shape
        one = (channels,) if rows == columns == 1 else own[self.channels_first :][:2]
        shapes = {own, one} if 1 in {rows * columns, channels} else {own}
        if given.ndim < 2 or given.shape[1:] not in shapes or not len(given):
            raise DataError(
                f"the input has shape {given.shape}; network {self.name!r} takes items of shape "
                f"{own}: give an array of shape (items, {', '.join(map(str, own))})"
            )
        found = given.reshape(len(given), *own).astype(np.float32)
        return np.moveaxis(found, 1, -1) if self.channels_first else found

    def forward(self, items: np.ndarray, *, ceilings: bool = True) -> dict[str, np.ndarray]:
        """Compute activations, as an ANN does, for ``(items, rows, columns, channels)``."""
        found: dict[str, np.ndarray] = {IMAGE: np.asarray(items, np.float32)}
        for layer in self.layers:
            top = layer.ceiling / layer.scale if ceilings else np.inf
            found[layer.name] = np.clip(layer.current(found), 0, top)
        return found

    def read_out(self, activations: Mapping[str, np.ndarray]) -> np.ndarray:
        """Output of the network, from activations or spike rates in units of 100 Hz."""
        values = self.readout.current(activations)
        if self.head == "softmax":
            powers = np.exp(values - values.max(axis=-1, keepdims=True))
            return np.asarray(powers / powers.sum(axis=-1, keepdims=True))
        return 1 / (1 + np.exp(-values)) if self.head == "sigmoid" else values

    # -- files -------------------------------------------------------------------------------

    def save(self, folder: Path) -> None:
        """Write JSON and arrays into a folder."""
        arrays: dict[str, np.ndarray] = {}
        for layer in (*self.layers, self.readout):
            arrays[f"bias:{layer.name}"] = layer.bias
            arrays[f"gain:{layer.name}"] = np.asarray(layer.gain, np.float32)
            for k, link in enumerate(layer.inputs):
                arrays[f"kernel:{layer.name}:{k}"] = link.kernel
        save_arrays(folder / ARRAYS_FILE, arrays)
        data = {
            "name": self.name,
            "input_shape": self.input_shape,
            "layers": [_plain(layer) for layer in self.layers],
            "readout": _plain(self.readout),
            "head": self.head,
            "initial_potential": self.initial_potential,
            "floor_at_rest": self.floor_at_rest,
            "channels_first": self.channels_first,
        }
        write_json(folder / GRAPH_FILE, data)

    @classmethod
    def load(cls, folder: Path) -> Graph:
        """Read what :meth:`save` wrote.

        Raises
        ------
        DataError
            If a file is missing or damaged.
        """
        arrays = load_arrays(folder / ARRAYS_FILE)
        try:
            data = json.loads((folder / GRAPH_FILE).read_text(encoding="utf-8"))
            return cls(
                data["name"],
                tuple(data["input_shape"]),
                tuple(_ensemble(layer, arrays) for layer in data["layers"]),
                _ensemble(data["readout"], arrays),
                data["head"],
                data["initial_potential"],
                data["floor_at_rest"],
                data["channels_first"],
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{folder} holds no network ({error}); map the model again: spikeseg map"
            ) from error


def _plain(layer: Ensemble) -> dict[str, Any]:
    links = [
        {"source": link.source, "rows": asdict(link.rows), "columns": asdict(link.columns)}
        for link in layer.inputs
    ]
    return {
        "name": layer.name,
        "shape": layer.shape,
        "inputs": links,
        "on_chip": layer.on_chip,
        "scale": layer.scale,
        "ceiling": layer.ceiling if np.isfinite(layer.ceiling) else None,
    }


def _ensemble(data: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Ensemble:
    name = data["name"]
    links = tuple(
        Link(
            link["source"],
            Axis(**link["rows"]),
            Axis(**link["columns"]),
            arrays[f"kernel:{name}:{k}"],
        )
        for k, link in enumerate(data["inputs"])
    )
    ceiling = np.inf if data["ceiling"] is None else data["ceiling"]
    rows, columns, channels = data["shape"]
    return Ensemble(
        name,
        (rows, columns, channels),
        links,
        arrays[f"bias:{name}"],
        data["on_chip"],
        data["scale"],
        arrays[f"gain:{name}"],
        ceiling,
    )
