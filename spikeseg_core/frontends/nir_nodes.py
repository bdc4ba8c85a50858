"""Two nodes that NIR 1.0 lacks, written as NIR writes its own: a proposal for upstream.

``docs/networks.md`` has the proposal. ``nir.write`` writes graphs with these nodes as they are;
:func:`read_graph` reads them, and everything that ``nir.read`` does.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import nir
import numpy as np

_Node: Any = nir.NIRNode


@dataclass(eq=False)
class ConvTranspose2d(_Node):
    """Transposed convolution in 2d, the adjoint of ``nir.Conv2d``, as ``torch.nn.ConvTranspose2d``.

    Input pixel ``i`` contributes ``weight[..., k]`` to output pixel ``stride * i + k - padding``.

    Attributes
    ----------
    input_shape : tuple of int, optional
        Rows and columns of the input.
    weight : ndarray
        ``(channels in, channels out / groups, rows, columns)``.
    stride, padding, output_padding : int or tuple of int
        Along rows and along columns. The output has
        ``(input - 1) * stride - 2 * padding + kernel + output_padding`` pixels.
    groups : int
        Groups of channels.
    bias : ndarray
        ``(channels out,)``.
    """

    input_shape: tuple[int, int] | None
    weight: np.ndarray
    stride: Any
    padding: Any
    output_padding: Any
    groups: int
    bias: np.ndarray

    def __post_init__(self) -> None:
        self.input_type: dict[str, Any] = {"input": None}
        self.output_type: dict[str, Any] = {"output": None}
        if self.input_shape is None:
            return
        self.input_type = {"input": np.array([self.weight.shape[0], *self.input_shape])}
        size = self.output_size((int(self.input_shape[0]), int(self.input_shape[1])))
        channels = self.weight.shape[1] * int(self.groups)
        self.output_type = {"output": np.array([channels, *size])}

    def output_size(self, given: tuple[int, int]) -> tuple[int, int]:
        """Rows and columns of the output, for those of the input."""
        stride, padding, more = (
            np.broadcast_to(x, 2) for x in (self.stride, self.padding, self.output_padding)
        )
        size = (np.array(given) - 1) * stride - 2 * padding + self.weight.shape[2:] + more
        return int(size[0]), int(size[1])


@dataclass(eq=False)
class Concat(_Node):
    """Concatenation of the tensors of all edges into this node, in the order of the edges.

    Attributes
    ----------
    axis : int
        Axis of the tensors without their batch; 0 is the channels.
    """

    axis: int

    def __post_init__(self) -> None:
        self.input_type, self.output_type = {"input": None}, {"output": None}


NODES = {"ConvTranspose2d": ConvTranspose2d, "Concat": Concat}


def read_graph(path: Path) -> Any:
    """Read a NIR file that may have these nodes, as a ``nir.NIRGraph``."""
    with h5py.File(path) as file:
        found = nir.serialization.hdf2dict(file["node"])
    nodes = {}
    for name, values in found["nodes"].items():
        own = NODES.get(values["type"])
        fields = {key: value for key, value in values.items() if key != "type"}
        if own is None:
            nodes[name] = nir.dict2NIRNode(values)
        else:
            nodes[name] = own(**({"input_shape": None} if own is ConvTranspose2d else {}) | fields)
    edges = [(_text(a), _text(b)) for a, b in found["edges"]]
    return nir.NIRGraph(nodes, edges, type_check=False)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
