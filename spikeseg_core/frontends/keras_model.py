"""Networks from Keras: a model, or a ``.keras`` or ``.h5`` file of tf-keras or Keras 3."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from spikeseg_core.errors import DataError
from spikeseg_core.frontends import hints
from spikeseg_core.frontends.keras_code import refuse_code
from spikeseg_core.frontends.operations import UNREADABLE, Operations, Pads, same_pads
from spikeseg_core.network.graph import Shape

ACTIVATIONS = {"relu": np.inf, "relu6": 6.0}
"""Activations that neurons have, and their ceilings."""

HEADS = ("softmax", "sigmoid")


def read(path: Path) -> Operations:
    """Read a model file.

    Raises
    ------
    DataError
        If TensorFlow is not installed, or the file cannot be read, or holds code.
    """
    return from_model(_load(path), path.stem)


def _load(path: Path) -> Any:
    try:
        from spikeseg_core.stack import keras
    except ImportError:
        raise DataError(
            f"reading {path} needs TensorFlow and tf-keras, which the core does without: install "
            "spikeseg as a whole, or save the model as ONNX"
        ) from None
    refuse_code(path, READERS)
    errors = []
    for library in (lambda: keras, _keras_3):
        try:
            return library().models.load_model(path, compile=False)
        except Exception as error:  # each library raises its own
            errors.append(str(error).splitlines()[0] if str(error) else type(error).__name__)
    raise DataError(
        f"{path} is no model that tf-keras ({errors[0]}) or Keras 3 ({errors[1]}) reads"
    )


def _keras_3() -> Any:
    import keras

    return keras


def from_model(model: Any, name: str | None = None) -> Operations:
    """Read a built model, functional or sequential.

    Raises
    ------
    DataError
        If it is not built, or subclassed.
    """
    by_depth = getattr(getattr(model, "_functional", model), "_nodes_by_depth", None)
    if by_depth is None:
        raise DataError(
            f"model {model.name!r} is subclassed or not built; make it functional or sequential, "
            "with an input of known shape"
        )
    operations = Operations(name or model.name)
    tensors: dict[int, str] = {}
    for depth in sorted(by_depth, reverse=True):
        for node in by_depth[depth]:
            layer = getattr(node, "layer", None) or node.operation
            sources = [tensors[id(parent)] for parent in node.parent_nodes]
            own = layer.name
            while own in operations.found:  # a layer that is used again
                own += "'"
            _Layer(operations, layer, own, sources, _shape(_first(node.outputs).shape)).read()
            tensors[id(node)] = own
    return operations


class _Layer:
    """One use of a layer."""

    def __init__(
        self, operations: Operations, layer: Any, name: str, sources: Sequence[str], shape: Shape
    ) -> None:
        self.to, self.layer, self.name, self.sources = operations, layer, name, list(sources)
        self.shape = shape

    def read(self) -> None:
        kind = type(self.layer).__name__
        if getattr(self.layer, "data_format", "channels_last") == "channels_first":
            self.refuse(hints.CHANNELS_FIRST)
        elif kind == "InputLayer":
            self.to.input(self.name, self.shape)
        elif kind not in READERS:
            self.refuse(hints.unknown(kind))
        else:
            try:
                READERS[kind](self)
            except UNREADABLE as error:
                self.refuse(hints.unreadable(kind, error))

    def refuse(self, why: str) -> None:
        self.to.refuse(self.name, why, self.sources, self.shape)

    def activated(self, activation: Any, add: Callable[[str], None]) -> None:
        """Add an operation and then what its layer's activation is."""
        kind = getattr(activation, "__name__", str(activation or "linear"))
        if kind == "linear":
            add(self.name)
            return
        before = f"{self.name} before {kind}"
        add(before)
        self.activation(kind, before)

    def activation(self, kind: str, source: str, ceiling: float | None = None) -> None:
        if kind in ACTIVATIONS:
            self.to.relu(self.name, source, ACTIVATIONS[kind] if ceiling is None else ceiling)
        elif kind in HEADS:
            self.to.head(self.name, source, kind)
        elif kind == "linear":
            self.to.same(self.name, source)
        else:
            self.to.refuse(self.name, hints.activation(kind), [source])

    def pads(self) -> Pads:
        layer = self.layer
        if layer.padding == "valid":
            return (0, 0), (0, 0)
        size = getattr(layer, "kernel_size", None) or layer.pool_size
        rows, columns, _ = self.to.shape(self.sources[0])
        dilations = getattr(layer, "dilation_rate", (1, 1))
        return same_pads((rows, columns), size, layer.strides, tuple(dilations))

    def bias(self) -> np.ndarray | None:
        return np.asarray(self.layer.bias) if self.layer.use_bias else None

    # -- kinds of layers ----------------------------------------------------------------------

    def conv(self) -> None:
        layer = self.layer
        depthwise = "Depthwise" in type(layer).__name__
        if depthwise:
            own = "depthwise_kernel" if hasattr(layer, "depthwise_kernel") else "kernel"
            kernel = np.asarray(getattr(layer, own))
            channels = kernel.shape[2]
            kernel = kernel.reshape(*kernel.shape[:2], 1, -1)
        else:
            kernel = np.asarray(layer.kernel)
        groups = channels if depthwise else layer.groups

        def add(name: str) -> None:
            self.to.conv(
                name,
                self.sources[0],
                kernel,
                self.bias(),
                strides=tuple(layer.strides),
                pads=self.pads(),
                groups=groups,
                dilations=tuple(layer.dilation_rate),
            )

        self.activated(layer.activation, add)

    def separable(self) -> None:
        layer = self.layer
        kernel = np.asarray(layer.depthwise_kernel)
        channels, between = kernel.shape[2], f"{self.name} depthwise"
        self.to.conv(
            between,
            self.sources[0],
            kernel.reshape(*kernel.shape[:2], 1, -1),
            strides=tuple(layer.strides),
            pads=self.pads(),
            groups=channels,
            dilations=tuple(layer.dilation_rate),
        )
        pointwise = np.asarray(layer.pointwise_kernel)
        self.activated(
            layer.activation, lambda name: self.to.conv(name, between, pointwise, self.bias())
        )

    def transposed(self) -> None:
        layer = self.layer
        if tuple(layer.dilation_rate) != (1, 1):
            self.refuse("a transposed convolution with dilation; use a larger kernel")
            return
        kernel = np.asarray(layer.kernel).swapaxes(2, 3)
        rows, columns, _ = self.shape
        cropped = [0, 0]
        if layer.padding == "same":
            more = layer.output_padding is not None
            cropped = [
                k // 2 if more else max(k - s, 0) // 2
                for k, s in zip(layer.kernel_size, layer.strides, strict=True)
            ]
        self.activated(
            layer.activation,
            lambda name: self.to.conv_transpose(
                name,
                self.sources[0],
                kernel,
                self.bias(),
                strides=tuple(layer.strides),
                cropped=(cropped[0], cropped[1]),
                size=(rows, columns),
            ),
        )

    def dense(self) -> None:
        kernel = np.asarray(self.layer.kernel)
        self.activated(
            self.layer.activation,
            lambda name: self.to.dense(name, self.sources[0], kernel, self.bias()),
        )

    def batch_norm(self) -> None:
        layer = self.layer
        axis = layer.axis if isinstance(layer.axis, int) else layer.axis[0]
        if axis == 1 and self.shape[:2] != (1, 1):
            self.refuse(hints.CHANNELS_FIRST)
            return
        factor = 1 / np.sqrt(np.asarray(layer.moving_variance) + layer.epsilon)
        if layer.scale:
            factor = factor * np.asarray(layer.gamma)
        shift = -np.asarray(layer.moving_mean) * factor
        if layer.center:
            shift = shift + np.asarray(layer.beta)
        self.to.scale(self.name, self.sources[0], factor, shift)

    def average_pool(self) -> None:
        layer, pads = self.layer, self.pads()
        if pads != ((0, 0), (0, 0)):
            self.refuse(hints.AVERAGE_WITHOUT_PADDING)
            return
        size, strides = tuple(layer.pool_size), tuple(layer.strides)
        self.to.average_pool(self.name, self.sources[0], size, strides)

    def max_pool(self) -> None:
        size, strides = tuple(self.layer.pool_size), tuple(self.layer.strides)
        self.to.max_pool(self.name, self.sources[0], size, strides, self.pads())

    def global_average_pool(self) -> None:
        rows, columns, _ = self.to.shape(self.sources[0])
        self.to.average_pool(self.name, self.sources[0], (rows, columns), (1, 1))

    def upsample(self) -> None:
        if self.layer.interpolation != "nearest":
            self.refuse(
                f"{self.layer.interpolation} upsampling; use nearest or a transposed convolution"
            )
            return
        self.to.upsample(self.name, self.sources[0], tuple(self.layer.size))

    def concatenate(self) -> None:
        if self.layer.axis not in {-1, 3} and self.shape[:2] != (1, 1):
            self.refuse("a concatenation along rows or columns; concatenate channels")
            return
        self.to.concat(self.name, self.sources)

    def reshape(self) -> None:
        after = [int(n) for n in self.layer.target_shape]
        rows, columns, channels = self.to.shape(self.sources[0])
        if len(after) == 1:
            self.to.flatten(self.name, self.sources[0], "channels last")
        elif after == [rows, columns, channels]:
            self.to.same(self.name, self.sources[0])
        else:
            self.refuse("a reshape; only flattening to a vector is mapped")

    def rescale(self) -> None:
        factor, shift = np.asarray(self.layer.scale), np.asarray(self.layer.offset)
        self.to.scale(self.name, self.sources[0], factor, shift)

    def relu(self) -> None:
        layer = self.layer
        slope = getattr(layer, "negative_slope", 0) or 0
        if slope or getattr(layer, "threshold", 0):
            self.refuse(hints.activation(f"ReLU with slope {slope} below zero or a threshold"))
            return
        top = layer.max_value
        self.to.relu(self.name, self.sources[0], np.inf if top is None else float(top))


def _shape(given: Any) -> Shape:
    sizes = [int(n) if n is not None else 0 for n in tuple(given)[1:]]
    if len(sizes) not in {1, 3}:
        raise DataError(
            f"a tensor of shape {tuple(given)}: images (rows, columns, channels) and vectors are "
            "mapped"
        )
    rows, columns, channels = [1, 1, *sizes][-3:]
    return rows, columns, channels


def _first(given: Any) -> Any:
    return given[0] if isinstance(given, list | tuple) else given


def _same(layer: _Layer) -> None:
    layer.to.same(layer.name, layer.sources[0])


READERS: dict[str, Callable[[_Layer], None]] = {
    "Conv2D": _Layer.conv,
    "DepthwiseConv2D": _Layer.conv,
    "SeparableConv2D": _Layer.separable,
    "Conv2DTranspose": _Layer.transposed,
    "Dense": _Layer.dense,
    "BatchNormalization": _Layer.batch_norm,
    "AveragePooling2D": _Layer.average_pool,
    "GlobalAveragePooling2D": _Layer.global_average_pool,
    "MaxPooling2D": _Layer.max_pool,
    "GlobalMaxPooling2D": lambda x: x.refuse(hints.MAX_OF_ALL),
    "UpSampling2D": _Layer.upsample,
    "ZeroPadding2D": lambda x: x.to.pad(x.name, x.sources[0], x.layer.padding),
    "Flatten": lambda x: x.to.flatten(x.name, x.sources[0], "channels last"),
    "Reshape": _Layer.reshape,
    "Concatenate": _Layer.concatenate,
    "Add": lambda x: x.to.add(x.name, x.sources),
    "Rescaling": _Layer.rescale,
    "ReLU": _Layer.relu,
    "Softmax": lambda x: x.to.head(x.name, x.sources[0], "softmax"),
    "Activation": lambda x: x.activation(x.layer.activation.__name__, x.sources[0]),
    "Dropout": _same,
    "SpatialDropout2D": _same,
    "GaussianNoise": _same,
    "ActivityRegularization": _same,
}
