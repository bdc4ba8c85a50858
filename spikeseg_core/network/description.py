"""The description of a network that every stage reads: layers, connections, weights.

A :class:`Network` lists the ensembles and what feeds them; :class:`Weights` holds the numbers. The
Keras model, the NengoDL network, the Loihi blocks and the energy counts are all made from these
two, so that "same neurons, same weights" can be asserted.

Every layer is one ensemble of neurons. Its input current is the sum of its connections plus a bias
per channel, so a skip is a second connection into the same ensemble, and there is no linear layer
between ensembles. A transposed convolution followed by a convolution is one transposed convolution
with a larger kernel, and is written as that.

Units. An activation of 1.0 stands for ``RATE_HZ_PER_UNIT`` = 100 Hz, in every stage. A spike
therefore counts as ``1 / (RATE_HZ_PER_UNIT * dt)`` units for one step of ``dt`` seconds.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from spikeseg_core.errors import ConfigError
from spikeseg_core.storage import digest_arrays, load_arrays, save_arrays, write_json

DT = 0.001
"""Length of one time step of the chip, in seconds."""

RATE_HZ_PER_UNIT = 100.0
"""Spike rate in Hz that an activation of 1.0 stands for."""

IMAGE = "image"
"""Name of the source that stands for the standardised tile."""

NETWORK_FILE, WEIGHTS_FILE = "network.json", "weights.npz"
"""Files written by :func:`save_network`."""

Kind = Literal["conv", "conv_transpose"]

InitialPotential = Literal["rest", "spread"]


@dataclass(frozen=True)
class Connection:
    """Shared-weight synapses from one layer (or ``IMAGE``) into another, 'same' padding.

    Attributes
    ----------
    kind : {"conv", "conv_transpose"}
        Convolution, or transposed convolution (upsampling).
    kernel : int
        Side of the square kernel, in pixels.
    stride : int
        Downsampling (``conv``) or upsampling (``conv_transpose``) factor.
    """

    source: str
    kind: Kind = "conv"
    kernel: int = 3
    stride: int = 1


@dataclass(frozen=True)
class Layer:
    """One ensemble of neurons.

    Attributes
    ----------
    inputs : tuple of Connection
        Connections into it; the neurons sum them.
    on_chip : bool
        False for a layer that is computed on the host, whose spikes are sent to the chip.
    kept, group : int
        Of every ``group`` channels, the number that each pair of kernel position and source channel
        reaches; 1 of 1 is dense. See :mod:`spikeseg_core.network.sparsity`.
    """

    name: str
    channels: int
    inputs: tuple[Connection, ...]
    on_chip: bool = True
    kept: int = 1
    group: int = 1

    @property
    def reached(self) -> int:
        """Channels that each pair of kernel position and source channel reaches."""
        return self.channels // self.group * self.kept


@dataclass(frozen=True)
class Network:
    """A U-Net as ensembles and connections, without its weights.

    Attributes
    ----------
    readout : Connection
        Linear read-out on the host, from the last on-chip ensemble to one logit per pixel.
    initial_potential : {"rest", "spread"}
        Membrane potentials when a tile is shown: zero, or spread between rest and threshold
        (:mod:`spikeseg_core.network.initial_state`).
    """

    name: str
    tile: int
    layers: tuple[Layer, ...]
    readout: Connection
    initial_potential: InitialPotential = "rest"
    sizes: Mapping[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sizes", _spatial_sizes(self))

    # -- looking things up -------------------------------------------------------------------

    def layer(self, name: str) -> Layer:
        """Return the layer of that name.

        Raises
        ------
        ConfigError
            If there is none.
        """
        for layer in self.layers:
            if layer.name == name:
                return layer
        names = ", ".join(layer.name for layer in self.layers)
        raise ConfigError(f"network {self.name!r} has no layer {name!r}; it has {names}")

    def shape(self, name: str) -> tuple[int, int, int]:
        """Shape of an ensemble (or of the image) as ``(rows, columns, channels)``."""
        size = self.sizes[name]
        return (size, size, 1 if name == IMAGE else self.layer(name).channels)

    def connections(self) -> Iterator[tuple[Layer, Connection]]:
        """Yield every connection between ensembles (and from the image), with its target."""
        for layer in self.layers:
            for connection in layer.inputs:
                yield layer, connection

    def links(self) -> Iterator[tuple[str | None, Connection]]:
        """Yield every connection with the name of its target, the read-out's (None) last."""
        for layer, connection in self.connections():
            yield layer.name, connection
        yield None, self.readout

    def chip_layers(self) -> tuple[Layer, ...]:
        """Layers whose neurons are compartments on the chip."""
        return tuple(layer for layer in self.layers if layer.on_chip)

    @property
    def sparse(self) -> bool:
        """Whether a layer leaves out synapses (:mod:`spikeseg_core.network.sparsity`)."""
        return any(layer.kept < layer.group for layer in self.layers)

    # -- counting ----------------------------------------------------------------------------

    def fan_out(self, name: str) -> float:
        """Synapses on the chip of one neuron of an ensemble, away from the edges of the tile.

        With a stride it is the mean over neurons, which differ by where they are.
        """
        return float(
            sum(
                c.kernel**2 * target.reached / (c.stride**2 if c.kind == "conv" else 1)
                for target, c in self.connections()
                if c.source == name and target.on_chip
            )
        )

    def neurons(self, name: str) -> int:
        """Count the neurons of one ensemble."""
        return int(np.prod(self.shape(name)))

    @property
    def neurons_on_chip(self) -> int:
        """Number of neurons that are compartments on the chip."""
        return sum(self.neurons(layer.name) for layer in self.layers if layer.on_chip)

    @property
    def neurons_off_chip(self) -> int:
        """Number of spiking neurons that are computed on the host."""
        return sum(self.neurons(layer.name) for layer in self.layers if not layer.on_chip)

    @property
    def parameters(self) -> int:
        """Number of weights that are kept, and of biases, the read-out included."""
        kernels = sum(
            int(np.prod(self.kernel_shape(target, c)[:3]))
            * (self.layer(target).reached if target else 1)
            for target, c in self.links()
        )
        return kernels + sum(layer.channels for layer in self.layers) + 1

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds of one tile through the dense network, the read-out included."""
        total = 0
        for target, c in self.links():
            small_side = self.sizes[c.source] if c.kind == "conv_transpose" else None
            positions = (small_side or self.sizes[target or IMAGE]) ** 2
            total += positions * int(np.prod(self.kernel_shape(target, c)))
        return total

    def kernel_shape(self, target: str | None, c: Connection) -> tuple[int, int, int, int]:
        """Shape of a connection's kernel as ``(rows, columns, in_channels, out_channels)``.

        ``target`` is None for the read-out.
        """
        out = 1 if target is None else self.layer(target).channels
        return (c.kernel, c.kernel, self.shape(c.source)[2], out)

    # -- JSON --------------------------------------------------------------------------------

    def to_json(self) -> dict[str, Any]:
        """Return plain dicts and lists that :meth:`from_json` turns back into this network."""
        return {
            "name": self.name,
            "tile": self.tile,
            "layers": [asdict(layer) for layer in self.layers],
            "readout": asdict(self.readout),
            "initial_potential": self.initial_potential,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Network:
        """Build a network from :meth:`to_json`'s output."""
        layers = tuple(
            Layer(
                name=entry["name"],
                channels=entry["channels"],
                inputs=tuple(Connection(**c) for c in entry["inputs"]),
                on_chip=entry["on_chip"],
                kept=entry.get("kept", 1),  # saved before there were sparse layers
                group=entry.get("group", 1),
            )
            for entry in data["layers"]
        )
        readout = Connection(**data["readout"])
        # Networks saved without it started at rest.
        return cls(
            data["name"], data["tile"], layers, readout, data.get("initial_potential", "rest")
        )


def _spatial_sizes(network: Network) -> dict[str, int]:
    """Side of every ensemble in pixels; checks that all inputs of an ensemble agree.

    Raises
    ------
    ConfigError
        If a source is unknown, a stride does not divide, or the inputs of a layer differ in size.
    """
    sizes = {IMAGE: network.tile}

    def size_after(name: str, c: Connection) -> int:
        if c.source not in sizes:
            raise ConfigError(
                f"layer {name!r} takes input from {c.source!r}, which is not a layer before it"
            )
        size = sizes[c.source]
        if c.kind == "conv_transpose":
            return size * c.stride
        if size % c.stride:
            raise ConfigError(
                f"layer {name!r}: stride {c.stride} does not divide the {size} pixels of "
                f"{c.source!r}; choose another tile size or stride"
            )
        return size // c.stride

    for layer in network.layers:
        if layer.name in sizes:
            raise ConfigError(f"network {network.name!r} has two layers called {layer.name!r}")
        found = {size_after(layer.name, c) for c in layer.inputs}
        if len(found) != 1:
            raise ConfigError(
                f"layer {layer.name!r}: its inputs have sizes {sorted(found)}; they must be equal"
            )
        sizes[layer.name] = found.pop()
    if (size := size_after("readout", network.readout)) != network.tile:
        raise ConfigError(f"the read-out gives {size} pixels, the tile has {network.tile}")
    return sizes


def kernel_key(target: str | None, source: str) -> str:
    """Key of a connection's kernel in :class:`Weights`."""
    return f"{target or 'readout'}/{source}"


@dataclass(frozen=True)
class Weights:
    """The numbers of a :class:`Network`.

    Attributes
    ----------
    kernels : mapping of str to ndarray
        By :func:`kernel_key`; each float32 ``(rows, columns, in_channels, out_channels)``, also
        for transposed convolutions. A conv_transpose kernel is laid out as TensorFlow's: input
        pixel ``i`` contributes ``kernel[r]`` to output pixel ``stride * i + r - pad`` with
        ``pad = (kernel - stride) // 2``.
    biases : mapping of str to ndarray
        By layer name, and ``"readout"``; each float32 ``(channels,)``.
    """

    kernels: Mapping[str, np.ndarray]
    biases: Mapping[str, np.ndarray]

    def kernel(self, target: str | None, source: str) -> np.ndarray:
        """Return the kernel from ``source`` into ``target`` (None: the read-out)."""
        return self.kernels[kernel_key(target, source)]

    def _arrays(self) -> dict[str, np.ndarray]:
        return {f"kernel:{k}": v for k, v in self.kernels.items()} | {
            f"bias:{k}": v for k, v in self.biases.items()
        }

    @property
    def sha256(self) -> str:
        """Digest of all numbers, independent of the file format."""
        return digest_arrays(self._arrays())


def save_network(folder: Path, network: Network, weights: Weights) -> None:
    """Write ``network.json`` and ``weights.npz`` into ``folder``, each atomically."""
    save_arrays(folder / WEIGHTS_FILE, weights._arrays())
    write_json(folder / NETWORK_FILE, network.to_json() | {"weights_sha256": weights.sha256})


def load_network(folder: Path) -> tuple[Network, Weights]:
    """Read a network written by :func:`save_network`.

    Raises
    ------
    ConfigError
        If a file is missing or damaged, or the weights are not the ones that the network was saved
        with.
    """
    path = folder / NETWORK_FILE
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        network, expected = Network.from_json(data), str(data["weights_sha256"])
    except FileNotFoundError:
        raise ConfigError(f"{path} does not exist; create the network again") from None
    except ConfigError as error:
        raise ConfigError(f"{path} is damaged ({error}); create the network again") from error
    except Exception as error:  # whatever a wrong type leads to
        raise ConfigError(
            f"{path} is damaged ({type(error).__name__}: {error}); create the network again"
        ) from error
    arrays = load_arrays(folder / WEIGHTS_FILE)
    weights = Weights(
        {k.removeprefix("kernel:"): v for k, v in arrays.items() if k.startswith("kernel:")},
        {k.removeprefix("bias:"): v for k, v in arrays.items() if k.startswith("bias:")},
    )
    if weights.sha256 != expected:
        raise ConfigError(
            f"{folder}: weights.npz has sha256 {weights.sha256[:12]}..., network.json expects "
            f"{expected[:12]}...; the folder mixes two networks, create it again"
        )
    return network, weights
