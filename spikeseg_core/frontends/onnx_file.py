"""Networks from ONNX files, as PyTorch and others export them: channels first, batch of any size.

Needs the package ``onnx`` (``pip install "spikeseg[onnx]"``).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from spikeseg_core.errors import DataError
from spikeseg_core.frontends import hints
from spikeseg_core.frontends.operations import UNREADABLE, Operations, Pads, same_pads
from spikeseg_core.network.graph import Shape


def read(path: Path) -> Operations:
    """Read a model file.

    Raises
    ------
    DataError
        If the package ``onnx`` is not installed, or the file cannot be read.
    """
    try:
        import onnx
    except ImportError:
        raise DataError(
            f'reading {path} needs the package onnx: pip install "spikeseg[onnx]"'
        ) from None
    try:
        model = onnx.load(path)
        onnx.checker.check_model(model)
    except Exception as error:  # onnx and protobuf raise their own
        raise DataError(f"{path} is not an ONNX model: {error}") from error
    return from_model(model, path.stem)


def from_model(model: Any, name: str) -> Operations:
    """Read an ``onnx.ModelProto``."""
    return _Reader(model, name).read()


class _Reader:
    def __init__(self, model: Any, name: str) -> None:
        from onnx import helper, numpy_helper, shape_inference

        self.graph = shape_inference.infer_shapes(model).graph
        self.to = Operations(name, channels_first=True)
        self.constants = {t.name: numpy_helper.to_array(t) for t in self.graph.initializer}
        self.shapes = {
            value.name: shape
            for value in self.graph.value_info
            if (shape := _shape(value)) is not None
        }
        self._value, self._array = helper.get_attribute_value, numpy_helper.to_array

    def read(self) -> Operations:
        for given in self.graph.input:
            if given.name in self.constants:
                continue
            shape = _shape(given)
            if shape is None:
                raise DataError(
                    f"input {given.name!r} is neither an image (items, channels, rows, columns) "
                    "nor a vector (items, features); only these are mapped"
                )
            self.to.input(given.name, shape)
        for node in self.graph.node:
            self.node = node
            self.name = node.output[0]
            self.given = {a.name: self._value(a) for a in node.attribute}
            if node.op_type == "Constant":
                self.constants[self.name] = self._array(self.given["value"])
                continue
            if node.op_type == "ConstantOfShape" and node.input[0] in self.constants:
                value = self._array(self.given["value"]) if "value" in self.given else np.zeros(1)
                sides = tuple(int(n) for n in self.constants[node.input[0]])
                self.constants[self.name] = np.broadcast_to(value, sides)
                continue
            self.source = next((n for n in node.input if n in self.to.found), "")
            kind = READERS.get(node.op_type)
            if kind is None:
                self.refuse(hints.unknown(node.op_type))
                continue
            try:
                kind(self)
            except UNREADABLE as error:
                self.refuse(hints.unreadable(node.op_type, error))
        return self.to

    def refuse(self, why: str) -> None:
        sources = [n for n in self.node.input if n in self.to.found]
        self.to.refuse(self.name, why, sources, self.shapes.get(self.name))

    def constant(self, index: int) -> np.ndarray | None:
        """Return an input that is a constant, if the node has it."""
        names = list(self.node.input)
        return self.constants.get(names[index]) if index < len(names) else None

    def pair(self, name: str, default: int) -> tuple[int, int]:
        rows, columns = self.given.get(name, [default, default])
        return int(rows), int(columns)

    def pads(self, size: tuple[int, int], strides: tuple[int, int]) -> Pads:
        rows, columns, _ = self.to.shape(self.source)
        automatic = self.given.get("auto_pad", b"NOTSET")
        if automatic == b"SAME_UPPER":
            return same_pads((rows, columns), size, strides, self.pair("dilations", 1))
        top, left, bottom, right = (int(n) for n in self.given.get("pads", [0] * 4))
        return (top, bottom), (left, right)

    # -- kinds of nodes -----------------------------------------------------------------------

    def conv(self) -> None:
        kernel = self.constant(1)
        if kernel is None or kernel.ndim != 4:
            self.refuse("a convolution whose kernel is computed, or not over two dimensions")
            return
        strides = self.pair("strides", 1)
        self.to.conv(
            self.name,
            self.source,
            kernel.transpose(2, 3, 1, 0),
            self.constant(2),
            strides=strides,
            pads=self.pads((kernel.shape[2], kernel.shape[3]), strides),
            groups=int(self.given.get("group", 1)),
            dilations=self.pair("dilations", 1),
        )

    def transposed(self) -> None:
        kernel = self.constant(1)
        if kernel is None or self.pair("dilations", 1) != (1, 1) or "output_shape" in self.given:
            self.refuse("a transposed convolution with dilation or a computed kernel or shape")
            return
        strides, more = self.pair("strides", 1), self.pair("output_padding", 0)
        pads = self.pads((kernel.shape[2], kernel.shape[3]), strides)
        rows, columns = (
            (n - 1) * s + k + extra - sum(pad)
            for n, s, k, extra, pad in zip(
                self.to.shape(self.source)[:2], strides, kernel.shape[2:], more, pads, strict=True
            )
        )
        self.to.conv_transpose(
            self.name,
            self.source,
            kernel.transpose(2, 3, 0, 1),
            self.constant(2),
            strides=strides,
            cropped=(pads[0][0], pads[1][0]),
            size=(rows, columns),
            groups=int(self.given.get("group", 1)),
        )

    def dense(self) -> None:
        weights, bias = self.constant(1), self.constant(2)
        if weights is None or self.given.get("transA", 0):
            self.refuse("a matrix product of two computed tensors")
            return
        weights = weights.T if self.given.get("transB", 0) else weights
        weights = weights * self.given.get("alpha", 1.0)
        if bias is not None:
            bias = np.broadcast_to(bias * self.given.get("beta", 1.0), weights.shape[1])
        self.to.dense(self.name, self.source, weights, bias)

    def batch_norm(self) -> None:
        gamma, beta, mean, variance = (self.constants[n] for n in list(self.node.input)[1:5])
        with np.errstate(invalid="ignore"):  # not finite, which is refused
            factor = gamma / np.sqrt(variance + self.given.get("epsilon", 1e-5))
        self.to.scale(self.name, self.source, factor, beta - mean * factor)

    def arithmetic(self) -> None:
        """Add, subtract, multiply or divide; by a constant for each channel, or add tensors."""
        kind = self.node.op_type
        tensors = [n for n in self.node.input if n not in self.constants]
        number = next((self.constants[n] for n in self.node.input if n in self.constants), None)
        if number is None and kind == "Add":
            self.to.add(self.name, tensors)
            return
        if number is None or (kind in {"Sub", "Div"} and self.node.input[0] in self.constants):
            self.refuse(f"{kind} of tensors: neurons add up their inputs, nothing else")
            return
        channels = self.to.shape(tensors[0])[2]
        flat = np.ravel(number)
        if flat.size not in {1, channels}:
            self.refuse(f"{kind} of a constant that differs from pixel to pixel")
            return
        factor, shift = np.ones(1), np.zeros(1)
        if kind in {"Mul", "Div"}:
            factor = flat if kind == "Mul" else 1 / flat
        else:
            shift = flat if kind == "Add" else -flat
        self.to.scale(self.name, tensors[0], factor, shift)

    def sum(self) -> None:
        self.to.add(self.name, list(self.node.input))

    def average_pool(self) -> None:
        size, strides = self.pair("kernel_shape", 1), self.pair("strides", 1)
        pads = self.pads(size, strides)
        if pads != ((0, 0), (0, 0)) and not self.given.get("count_include_pad", 0):
            self.refuse(hints.AVERAGE_WITHOUT_PADDING)
        elif self.given.get("ceil_mode", 0):
            self.refuse("average pooling that rounds its size up (ceil_mode); round it down")
        else:
            self.to.average_pool(self.name, self.source, size, strides, pads)

    def global_average_pool(self) -> None:
        axes = self.given.get("axes", self.constant(1))
        if axes is not None and sorted(int(n) % 4 for n in axes) != [2, 3]:
            self.refuse("a mean over other axes than rows and columns")
            return
        rows, columns, _ = self.to.shape(self.source)
        self.to.average_pool(self.name, self.source, (rows, columns), (1, 1))

    def flatten(self) -> None:
        shape = self.constant(1)
        if self.given.get("axis", 1) != 1 or (shape is not None and shape.size != 2):
            self.refuse("a reshape; only flattening to a vector is mapped")
            return
        self.to.flatten(self.name, self.source, "channels first")

    def relu(self) -> None:
        self.to.relu(self.name, self.source)

    def clip(self) -> None:
        low, high = (self.given.get(name, self.constant(k)) for k, name in ((1, "min"), (2, "max")))
        if low is None or float(low) != 0:
            self.refuse(hints.activation("Clip that does not begin at 0"))
            return
        self.to.relu(self.name, self.source, np.inf if high is None else float(high))

    def resize(self) -> None:
        mode = self.given.get("mode", b"nearest")
        factors = self.constants.get(list(self.node.input)[-1])
        if mode != b"nearest" or factors is None or factors.size != 4:
            self.refuse("resizing other than to the nearest pixel by whole factors")
            return
        factors = factors.astype(float)
        if len(self.node.input) == 4:  # sizes instead of factors
            rows, columns, _ = self.to.shape(self.source)
            factors = factors / [1, 1, rows, columns]
            factors[:2] = 1
        if (factors != np.round(factors)).any() or (factors[:2] != 1).any():
            self.refuse("resizing by other than whole factors")
            return
        self.to.upsample(self.name, self.source, (int(factors[2]), int(factors[3])))

    def pad(self) -> None:
        sizes, value = self.constant(1), self.constant(2)
        if (
            self.given.get("mode", b"constant") != b"constant"
            or sizes is None
            or (value is not None and value.any())
        ):
            self.refuse("padding by other than zeros")
            return
        pads = sizes.reshape(2, -1)
        if pads[:, :2].any():
            self.refuse("padding of channels")
            return
        rows, columns = ((int(a), int(b)) for a, b in pads[:, 2:].T)
        self.to.pad(self.name, self.source, (rows, columns))

    def concat(self) -> None:
        if self.given["axis"] != 1:
            self.refuse("a concatenation along rows or columns; concatenate channels")
            return
        self.to.concat(self.name, list(self.node.input))

    def head(self) -> None:
        self.to.head(self.name, self.source, self.node.op_type.lower())

    def same(self) -> None:
        self.to.same(self.name, self.source)

    def max_pool(self) -> None:
        size, strides = self.pair("kernel_shape", 1), self.pair("strides", 1)
        if self.given.get("ceil_mode", 0) or self.pair("dilations", 1) != (1, 1):
            self.refuse(hints.MAX_ROUNDED_UP)
            return
        self.to.max_pool(self.name, self.source, size, strides, self.pads(size, strides))

    def max_of_all(self) -> None:
        self.refuse(hints.MAX_OF_ALL)


def _shape(value: Any) -> Shape | None:
    """Shape of a tensor without its batch; None if it is neither an image nor a vector."""
    sizes = [d.dim_value for d in value.type.tensor_type.shape.dim][1:]
    if len(sizes) not in {1, 3}:
        return None
    channels, rows, columns = [*sizes, 1, 1][:3]
    return rows, columns, channels


def _other_activation(reader: _Reader) -> None:
    reader.refuse(hints.activation(reader.node.op_type))


READERS: dict[str, Callable[[_Reader], None]] = {
    "Conv": _Reader.conv,
    "ConvTranspose": _Reader.transposed,
    "Gemm": _Reader.dense,
    "MatMul": _Reader.dense,
    "BatchNormalization": _Reader.batch_norm,
    **dict.fromkeys(("Add", "Sub", "Mul", "Div"), _Reader.arithmetic),
    "Sum": _Reader.sum,
    "AveragePool": _Reader.average_pool,
    "GlobalAveragePool": _Reader.global_average_pool,
    "ReduceMean": _Reader.global_average_pool,
    "MaxPool": _Reader.max_pool,
    **dict.fromkeys(("GlobalMaxPool", "ReduceMax"), _Reader.max_of_all),
    "Flatten": _Reader.flatten,
    "Reshape": _Reader.flatten,
    "Relu": _Reader.relu,
    "Clip": _Reader.clip,
    "Resize": _Reader.resize,
    "Upsample": _Reader.resize,
    "Pad": _Reader.pad,
    "Concat": _Reader.concat,
    "Softmax": _Reader.head,
    "Sigmoid": _Reader.head,
    "Dropout": _Reader.same,
    "Identity": _Reader.same,
    **dict.fromkeys(("LeakyRelu", "Elu", "Tanh", "Gelu", "HardSwish", "PRelu"), _other_activation),
}
