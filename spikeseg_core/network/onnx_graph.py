"""Networks as graphs of ONNX, written node by node. Needs the package ``onnx`` when it is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from spikeseg_core.network.description import IMAGE, Connection, Network, Weights

OPSET, _IR = 17, 8
"""Versions of ONNX of 2022, which runtimes of today read."""


class OnnxGraph:
    """Nodes and constants, in the order in which they are added.

    Parameters
    ----------
    shuffled : bool
        Whether transposed convolutions are written as convolutions whose channels are moved into
        space, which some runtimes compute faster.
    """

    def __init__(self, *, shuffled: bool = False) -> None:
        self.shuffled = shuffled
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

    def numbers(self, *values: int) -> str:
        """Add a vector of whole numbers, and return its name."""
        return self.constant(f"numbers_{len(self.constants)}", np.array(values, np.int64))

    def convolution(
        self, name: str, source: str, c: Connection, kernel: np.ndarray, bias: np.ndarray | None
    ) -> str:
        """Add a connection with TensorFlow's padding 'same', the larger half after."""
        straight = c.kind == "conv"
        if self.shuffled and not straight:
            return self._shuffled(name, source, c, kernel, bias)
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

    def _shuffled(
        self, name: str, source: str, c: Connection, kernel: np.ndarray, bias: np.ndarray | None
    ) -> str:
        """Add a transposed convolution as a convolution and a shuffle of its channels."""
        found = self.phases(name, source, c, kernel, bias)
        found = self.add("DepthToSpace", found, blocksize=c.stride, mode="DCR")
        before, extra = padding(c)
        if not extra:
            return found
        # Pixels around the output, and those that only the zeros around the input reach.
        begin, end = self.numbers(before, before), self.numbers(before - extra, before - extra)
        return self.add("Slice", found, begin, end, self.numbers(2, 3))

    def phases(
        self, name: str, source: str, c: Connection, kernel: np.ndarray, bias: np.ndarray | None
    ) -> str:
        """Add a transposed convolution whose output stays in blocks of ``stride * stride`` pixels.

        The channels are the pixels of a block, row by row, with all outputs of each. The blocks
        begin :func:`padding` pixels before the output, where no product is with a zero weight.
        """
        n, (inputs, outputs) = _blocks(c), kernel.shape[2:]
        whole = np.zeros((n * c.stride, n * c.stride, inputs, outputs), np.float32)
        whole[: c.kernel, : c.kernel] = kernel
        # Row stride * d + y of the kernel is what input row q - d adds to row y of block q.
        cut = whole.reshape(n, c.stride, n, c.stride, inputs, outputs)[::-1, :, ::-1]
        of_blocks = cut.transpose(1, 3, 5, 4, 0, 2).reshape(-1, inputs, n, n)
        entering = [source, self.constant(f"{name}/kernel", of_blocks)]
        if bias is not None:
            biases = np.tile(bias, c.stride**2).astype(np.float32)
            entering.append(self.constant(f"{name}/bias", biases))
        return self.add("Conv", *entering, name=name, pads=[n - 1] * 4)

    def layer(
        self, network: Network, weights: Weights, name: str, outputs: Mapping[str, str]
    ) -> str:
        """Add the input of a layer's neurons, the sum of its connections and its bias."""
        branches = [
            self.convolution(
                f"{name}_from_{c.source}",
                outputs[c.source],
                c,
                weights.kernel(name, c.source),
                weights.biases[name] if index == 0 else None,
            )
            for index, c in enumerate(network.layer(name).inputs)
        ]
        return branches[0] if len(branches) == 1 else self.add("Sum", *branches)

    def readout(self, network: Network, weights: Weights, source: str) -> str:
        """Add the linear read-out of the last layer, whose output is ``source``."""
        c = network.readout
        name, kernel = f"readout_from_{c.source}", weights.kernel(None, c.source)
        return self.convolution(name, source, c, kernel, weights.biases["readout"])

    def network(self, network: Network, weights: Weights, image: str) -> str:
        """Add a network of rectified units, and return the name of its logits."""
        outputs = {IMAGE: image}
        for layer in network.layers:
            current = self.layer(network, weights, layer.name, outputs)
            outputs[layer.name] = self.add("Relu", current, name=layer.name)
        return self.readout(network, weights, outputs[network.readout.source])

    def model(
        self,
        name: str,
        inputs: Mapping[str, Sequence[int | str]],
        outputs: Mapping[str, Sequence[int | str]],
    ) -> Any:
        """Return the model (``onnx.ModelProto``), given the shapes of what enters and leaves it."""
        from onnx import TensorProto, helper

        entering, leaving = (
            [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in each.items()]
            for each in (inputs, outputs)
        )
        return helper.make_model(
            helper.make_graph(self.nodes, name, entering, leaving, self.constants),
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=_IR,
            producer_name="SpikeSeg",
        )


def padding(c: Connection) -> tuple[int, int]:
    """Pixels that a connection's blocks begin before its output, and have more; 0 if straight."""
    if c.kind == "conv":
        return 0, 0
    return max(c.kernel - c.stride, 0) // 2, (_blocks(c) - 1) * c.stride


def _blocks(c: Connection) -> int:
    """Blocks along each axis that a position of the input of a transposed convolution reaches."""
    return -(-c.kernel // c.stride)
