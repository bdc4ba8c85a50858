"""Weights as their packages hold them, as ONNX files.

The packages describe their layers in code; each function here repeats one such description. Layers
and the order of their operations are those of the package named in the docstring.
"""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Arrays = dict[str, np.ndarray]


class Build:
    """An ONNX graph, node after node; every method returns the name of its tensor."""

    def __init__(self, shape: tuple[int, int, int]) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.input = helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", *shape])

    def add(self, kind: str, name: str, *sources: str | np.ndarray, **how: Any) -> str:
        """Append a node; arrays become constants."""
        names = []
        for k, source in enumerate(sources):
            if isinstance(source, np.ndarray):
                dtype = np.int64 if source.dtype.kind == "i" else np.float32
                array = np.ascontiguousarray(source, dtype)
                self.constants.append(numpy_helper.from_array(array, f"{name}:{k}"))
                source = f"{name}:{k}"
            names.append(source)
        self.nodes.append(helper.make_node(kind, names, [name], **how))
        return name

    def conv(
        self, name: str, source: str, kernel: np.ndarray, *bias: np.ndarray, **how: Any
    ) -> str:
        """Convolve by a kernel ``(rows, columns, inputs, outputs)``, padded as by TensorFlow."""
        how = {"auto_pad": "SAME_UPPER", **how}
        return self.add("Conv", name, source, kernel.transpose(3, 2, 0, 1), *bias, **how)

    def separable(
        self, name: str, source: str, weights: Arrays, strides: tuple[int, int] = (1, 1)
    ) -> str:
        """Convolve each channel, then mix channels."""
        deep = weights[f"{name}/depthwise_filter"].swapaxes(2, 3)
        groups = deep.shape[3]
        inner = self.conv(f"{name}/depthwise", source, deep, strides=strides, group=groups)
        kernel, bias = weights[f"{name}/pointwise_filter"], weights[f"{name}/bias"]
        return self.conv(name, inner, kernel, bias)

    def save(self, path: Path) -> Path:
        """Write the file; the last node is the output."""
        last = self.nodes[-1]
        sizes = "nc" if last.op_type == "Gemm" else "nchw"
        output = helper.make_tensor_value_info(last.output[0], TensorProto.FLOAT, list(sizes))
        graph = helper.make_graph(self.nodes, path.stem, [self.input], [output], self.constants)
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)]), path)
        return path


def shards(folder: Path, manifest: str) -> Arrays:
    """Read the weights of a TensorFlow.js model, dequantized."""
    found: Arrays = {}
    data = json.loads((folder / manifest).read_text())
    for group in data["weightsManifest"] if isinstance(data, dict) else data:
        raw, at = b"".join((folder / path).read_bytes() for path in group["paths"]), 0
        for each in group["weights"]:
            how = each.get("quantization")
            dtype = np.dtype(how["dtype"] if how else each["dtype"])
            count = int(np.prod(each["shape"]))
            values = np.frombuffer(raw, dtype, count, at).reshape(each["shape"]).astype(np.float32)
            found[each["name"]] = values * how["scale"] + how["min"] if how else values
            at += count * dtype.itemsize
    return found


def face(folder: Path, name: str, path: Path, size: int) -> Path:
    """A network of @vladmandic/face-api: dense blocks of separable convolutions, a dense layer.

    It takes faces of 112 x 112 there. What comes before the dense layer is a mean over all pixels,
    so other sizes fit, too.
    """
    weights = shards(folder / "model", f"{name}-weights_manifest.json")
    blocks, layers = (
        len({key.split("/")[k] for key in weights if key.startswith("dense")}) for k in (0, 1)
    )
    to = Build((3, size, size))
    means = np.array([122.782, 117.001, 104.298]).reshape(1, 3, 1, 1)
    last = to.add("Sub", "centred", "input", means)
    last = to.add("Div", "scaled", last, np.array(255.0))
    for block in range(blocks):
        name = f"dense{block}"
        if block == 0:
            kernel, bias = weights[f"{name}/conv0/filters"], weights[f"{name}/conv0/bias"]
            last = to.conv(f"{name}/conv0", last, kernel, bias, strides=(2, 2))
        else:
            last = to.separable(f"{name}/conv0", last, weights, (2, 2))
        total = last = to.add("Relu", f"{name}/relu0", last)
        for k in range(1, layers):
            made = to.separable(f"{name}/conv{k}", last, weights)
            total = to.add("Add", f"{name}/sum{k}", total, made)
            last = to.add("Relu", f"{name}/relu{k}", total)
    last = to.add("GlobalAveragePool", "pool", last)
    last = to.add("Flatten", "flat", last)
    to.add("Gemm", "fc", last, weights["fc/weights"], weights["fc/bias"])
    return to.save(path)


def upscaler(folder: Path, path: Path, size: int) -> Path:
    """The network of @upscalerjs/default-model: residual dense blocks, twice the resolution."""
    model = json.loads((folder / "models/model.json").read_text())
    weights = shards(folder / "models", "model.json")
    to = Build((3, size, size))
    layers = model["modelTopology"]
    layers = layers.get("model_config", layers)["config"]["layers"]
    for layer in layers:
        name, kind = layer["config"]["name"], layer["class_name"]
        sources = [each[0] for node in layer["inbound_nodes"] for each in node]
        sources = [
            "input" if source == layers[0]["config"]["name"] else source for source in sources
        ]
        if kind == "Conv2D":
            to.conv(name, sources[0], weights[f"{name}/kernel"], weights[f"{name}/bias"])
        elif kind == "Activation":
            to.add("Relu", name, *sources)
        elif kind == "Concatenate":
            to.add("Concat", name, *sources, axis=1)
        elif kind == "Add":
            to.add("Add", name, *sources)
        elif kind == "UpSampling2D":
            to.add("Resize", name, *sources, "", np.array([1.0, 1.0, 2.0, 2.0]), mode="nearest")
    return to.save(path)


class _Arrays(pickle.Unpickler):
    """Reads arrays; of everything else it makes an empty shell, so no code of the file runs."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in {
            ("numpy", "ndarray"),
            ("numpy", "dtype"),
            ("numpy.core.multiarray", "_reconstruct"),
            ("numpy._core.multiarray", "_reconstruct"),
            ("numpy.core.multiarray", "scalar"),
            ("numpy._core.multiarray", "scalar"),
        }:
            return super().find_class(module, name)

        class Shell:
            def __init__(self, *_: object) -> None:
                """Take what it is given."""

            def __setstate__(self, _: object) -> None:
                """Keep nothing."""

        return Shell


def reversi(checkpoint: Path, path: Path) -> Path:
    """The policy of ludax-agents' reversi player: a pre-activation ResNet on a board of 8 x 8."""
    with checkpoint.open("rb") as file:
        weights, state = _Arrays(file).load()["model"]
    to = Build((2, 8, 8))

    def conv(name: str, source: str) -> str:
        return to.conv(name, source, weights[f"az_net/{name}"]["w"], weights[f"az_net/{name}"]["b"])

    def rectified(name: str, source: str) -> str:
        own = weights[f"az_net/{name}"]
        means, variances = (
            state[f"az_net/{name}/~/{of}_ema"]["average"].ravel() for of in ("mean", "var")
        )
        parts = own["scale"].ravel(), own["offset"].ravel(), means, variances
        normal = to.add("BatchNormalization", name, source, *parts, epsilon=1e-5)
        return to.add("Relu", f"{name}/relu", normal)

    last = conv("conv2_d", "input")
    for block in range(4):
        skipped, name = last, f"block_{block}"
        last = conv(f"{name}/conv2_d", rectified(f"{name}/batch_norm", last))
        last = conv(f"{name}/conv2_d_1", rectified(f"{name}/batch_norm_1", last))
        last = to.add("Add", f"{name}/sum", last, skipped)
    last = conv("conv2_d_1", rectified("batch_norm", last))
    last = rectified("batch_norm_1", last)
    dense = weights["az_net/linear"]
    channels_first = dense["w"].reshape(64, 2, -1).swapaxes(0, 1).reshape(128, -1)
    last = to.add("Flatten", "flat", last)
    to.add("Gemm", "policy", last, channels_first, dense["b"])
    return to.save(path)
