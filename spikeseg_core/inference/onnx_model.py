"""A trained ANN as ONNX: written node by node from its description, for any runtime.

Needs the package ``onnx`` (``pip install "spikeseg[onnx]"``).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from spikeseg_core.errors import ConfigError
from spikeseg_core.inference.about import About
from spikeseg_core.network import IMAGE, Connection, Network, Weights

OPSET, _IR = 17, 8
"""Versions of ONNX of 2022, which runtimes of today read."""

INPUT, OUTPUT = "sections", "membrane"
_AXES = ("sections", 1, "rows", "columns")
_LEAST_SPREAD = 1e-9


def step(network: Network) -> int:
    """Return the number of pixels that rows and columns must be a multiple of."""
    return max(network.tile // size for size in network.sizes.values())


def onnx_model(
    network: Network, weights: Weights, about: About, *, standardized: bool = False
) -> Any:
    """Write a trained ANN as an ONNX model.

    Its input ``sections`` is float32 ``(sections, 1, rows, columns)`` with rows and columns a
    multiple of :func:`step`; the output ``membrane`` is the probability, of the same shape. A
    section of the size of a tile gives what :class:`~spikeseg_core.inference.segmenter.Segmenter`
    gives; larger ones are not cut into tiles, so there are no seams to blend.

    Parameters
    ----------
    standardized : bool
        Whether the input has zero mean and unit variance already. By default it holds grey values
        of any scale, such as 0 to 255, and every section is standardised first.

    Returns
    -------
    onnx.ModelProto
        With :meth:`About.facts` among its metadata.

    Raises
    ------
    ConfigError
        If the package ``onnx`` is not installed.
    """
    try:
        from onnx import TensorProto, checker, helper
    except ImportError:
        raise ConfigError(
            'writing ONNX needs the package onnx: pip install "spikeseg[onnx]"'
        ) from None
    graph = _Graph()
    outputs = {IMAGE: INPUT if standardized else _standardize(graph)}
    for layer in network.layers:
        branches = [
            graph.convolution(
                f"{layer.name}_from_{c.source}",
                outputs[c.source],
                c,
                weights.kernel(layer.name, c.source),
                weights.biases[layer.name] if index == 0 else None,
            )
            for index, c in enumerate(layer.inputs)
        ]
        current = branches[0] if len(branches) == 1 else graph.add("Sum", *branches)
        outputs[layer.name] = graph.add("Relu", current, name=layer.name)
    source = network.readout.source
    logits = graph.convolution(
        f"readout_from_{source}",
        outputs[source],
        network.readout,
        weights.kernel(None, source),
        weights.biases["readout"],
    )
    graph.add("Sigmoid", logits, name=OUTPUT)

    def value(name: str) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, _AXES)

    made = helper.make_model(
        helper.make_graph(
            graph.nodes, network.name, [value(INPUT)], [value(OUTPUT)], graph.constants
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=_IR,
        producer_name="SpikeSeg",
    )
    grey = "zero mean and unit variance in each section" if standardized else "grey, any scale"
    facts = about.facts() | {
        "input": grey,
        "tile": str(network.tile),
        "multiple_of": str(step(network)),
        "weights_sha256": weights.sha256,
    }
    helper.set_model_props(made, facts)
    checker.check_model(made, full_check=True)
    return made


class _Graph:
    """Nodes and constants, in the order in which they are added."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def add(self, kind: str, *inputs: str, name: str | None = None, **attributes: Any) -> str:
        """Add a node, and return the name of its output."""
        from onnx import helper

        output = name or f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def constant(self, name: str, value: np.ndarray) -> str:
        """Add a constant, and return its name."""
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def convolution(
        self, name: str, source: str, c: Connection, kernel: np.ndarray, bias: np.ndarray | None
    ) -> str:
        """Add a connection with TensorFlow's padding 'same', the larger half after."""
        straight = c.kind == "conv"
        weights = kernel.transpose((3, 2, 0, 1) if straight else (2, 3, 0, 1))
        inputs = [source, self.constant(f"{name}/kernel", weights.astype(np.float32))]
        if bias is not None:
            inputs.append(self.constant(f"{name}/bias", bias.astype(np.float32)))
        over = max(c.kernel - c.stride, 0)
        before, after = over // 2, over - over // 2
        # An upsampling by more than the kernel is wide leaves pixels that nothing reaches.
        more = {} if straight else {"output_padding": [max(c.stride - c.kernel, 0)] * 2}
        return self.add(
            "Conv" if straight else "ConvTranspose",
            *inputs,
            name=name,
            kernel_shape=[c.kernel] * 2,
            strides=[c.stride] * 2,
            pads=[before, before, after, after],
            **more,
        )


def _standardize(graph: _Graph) -> str:
    """As :func:`spikeseg_core.data.tiles.standardize`, also in 64 bits."""
    from onnx import TensorProto

    def mean(values: str) -> str:
        return graph.add("ReduceMean", values, axes=[2, 3], keepdims=1)

    values = graph.add("Cast", INPUT, to=TensorProto.DOUBLE)
    values = graph.add("Sub", values, mean(values))
    spread = graph.add("Sqrt", mean(graph.add("Mul", values, values)))
    least = graph.constant("least_spread", np.array(_LEAST_SPREAD))
    one = graph.constant("one", np.array(1.0))
    spread = graph.add("Where", graph.add("Greater", spread, least), spread, one)
    return graph.add("Cast", graph.add("Div", values, spread), name=IMAGE, to=TensorProto.FLOAT)
