import numpy as np
import pytest

from spikeseg_core.errors import DataError, MappingError
from spikeseg_core.frontends.folding import fold
from spikeseg_core.frontends.reading import read_model

onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

RNG = np.random.default_rng(0)


class Builder:
    """An ONNX model, node after node; each takes the one before unless told otherwise."""

    def __init__(self, shape=("N", 2, 8, 8)):
        self.shape, self.nodes, self.weights, self.last = shape, [], [], "x"
        self.rank = 3

    def weight(self, *shape, values=None):
        values = RNG.normal(size=shape) / np.sqrt(np.prod(shape[1:])) if values is None else values
        name = f"w{len(self.weights)}"
        array = np.asarray(values)
        array = array if array.dtype == np.int64 else array.astype(np.float32)
        self.weights.append(numpy_helper.from_array(array, name))
        return name

    def add(self, kind, *others, sources=None, **attributes):
        name = f"{kind.lower()}{len(self.nodes)}"
        inputs = [*(sources or [self.last]), *others]
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        self.last = name
        return name

    def model(self):
        graph = helper.make_graph(
            self.nodes,
            "test",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(self.shape))],
            [
                helper.make_tensor_value_info(
                    self.last, TensorProto.FLOAT, ["N", *"ABC"[: self.rank]]
                )
            ],
            self.weights,
        )
        opset = [helper.make_opsetid("", 15)]
        return helper.make_model(graph, opset_imports=opset, ir_version=8)

    def save(self, folder):
        path = folder / "test.onnx"
        onnx.save(self.model(), path)
        return path


def stem():
    build = Builder()
    build.add("Conv", build.weight(4, 2, 3, 3), build.weight(4), pads=[1] * 4)
    build.add("Relu")
    return build


def same_as_onnx(build, folder):
    from onnx.reference import ReferenceEvaluator

    graph = read_model(build.save(folder))
    items = RNG.uniform(size=(2, *build.shape[1:])).astype(np.float32)
    (expected,) = ReferenceEvaluator(build.model()).run(None, {"x": items})
    found = graph.read_out(graph.forward(graph.items(items)))
    if expected.ndim == 4:
        found = np.moveaxis(found, -1, 1)
    np.testing.assert_allclose(found.reshape(expected.shape), expected, atol=1e-4)
    return graph


def conv(build, out, size=3, groups=1, **attributes):
    build.add("Conv", build.weight(out, 4 // groups, size, size), group=groups, **attributes)


def transposed(build):
    build.add(
        "ConvTranspose",
        build.weight(4, 3, 3, 3),
        build.weight(3),
        strides=[2, 2],
        pads=[1] * 4,
        output_padding=[1, 1],
    )


def batch_norm(build):
    variance = build.weight(4, values=RNG.uniform(0.5, 2, 4))
    build.add("BatchNormalization", build.weight(4), build.weight(4), build.weight(4), variance)


def dense(build):
    build.add("Flatten")
    build.rank = 1
    build.add("Gemm", build.weight(6, 256), build.weight(6), transB=1)


def residual(build):
    before = build.last
    conv(build, 4, pads=[1] * 4)
    build.add("Add", build.weight(1, 4, 1, 1))
    build.add("Add", before, sources=[build.last])


def concatenated(build):
    before = build.last
    build.add("AveragePool", kernel_shape=[2, 2], strides=[2, 2])
    build.add("Resize", "", build.weight(values=np.array([1, 1, 2, 2.0])), mode="nearest")
    build.add("Concat", before, axis=1)
    build.add("Conv", build.weight(5, 8, 3, 3), pads=[1] * 4)


@pytest.mark.parametrize(
    "middle",
    [
        lambda b: conv(b, 6),
        lambda b: conv(b, 6, pads=[1] * 4, strides=[2, 2]),
        lambda b: conv(b, 6, auto_pad="SAME_UPPER", strides=[2, 2]),
        lambda b: conv(b, 8, groups=4, pads=[1] * 4),
        lambda b: conv(b, 6, dilations=[2, 2], pads=[2] * 4),
        transposed,
        batch_norm,
        dense,
        residual,
        concatenated,
        lambda b: b.add("GlobalAveragePool"),
        lambda b: b.add("MaxPool", kernel_shape=[2, 2], strides=[2, 2]),
        lambda b: b.add("MaxPool", kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4),
        lambda b: b.add("Mul", b.weight(values=np.array(0.5))),
    ],
)
def test_nodes_compute_what_onnx_computes(middle, tmp_path) -> None:
    build = stem()
    middle(build)
    build.add("Relu")
    build.add("Identity")
    graph = same_as_onnx(build, tmp_path)
    assert graph.channels_first


def test_a_classifier_whose_pictures_are_normalized(tmp_path) -> None:
    build = Builder()
    build.add("Sub", build.weight(values=np.full((1, 2, 1, 1), 0.5)))
    build.add("Div", build.weight(values=np.full((1, 2, 1, 1), 0.25)))
    build.add("Conv", build.weight(4, 2, 3, 3))
    build.add("Clip", build.weight(values=np.array(0.0)), build.weight(values=np.array(6.0)))
    build.add("Pad", build.weight(values=np.array([0, 0, 1, 0, 0, 0, 0, 1])), mode="constant")
    conv(build, 4)
    build.add("Relu")
    build.rank = 1
    build.add("Reshape", build.weight(values=np.array([0, -1])))
    build.add("MatMul", build.weight(values=RNG.normal(size=(100, 5))))
    build.add("Add", build.weight(5))
    build.add("Softmax", axis=1)
    graph = same_as_onnx(build, tmp_path)
    assert graph.head == "softmax"
    assert graph.layers[0].ceiling == 6


def test_what_cannot_be_mapped_is_named(tmp_path) -> None:
    build = stem()
    build.add("MaxPool", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)
    build.add("LeakyRelu")
    build.add("Mul", build.last, sources=[build.last])
    build.add("LSTM", "x", sources=[build.last])
    conv(build, 4)
    build.add("Relu")
    from spikeseg_core.frontends.onnx_file import from_model

    with pytest.raises(MappingError) as error:
        fold(from_model(build.model(), "test"))
    for text in ("max pooling", "activation LeakyRelu", "Mul of tensors", "LSTM is not mapped"):
        assert text in str(error.value)


def test_numbers_that_do_not_fit_together_are_named() -> None:
    from spikeseg_core.frontends.onnx_file import from_model

    build = stem()
    build.add("BatchNormalization", *(build.weight(3) for _ in range(4)))
    build.add("Conv", "x", sources=[build.last])
    conv(build, 4)
    build.add("Relu")
    with pytest.raises(MappingError) as error:
        fold(from_model(build.model(), "test"))
    assert "layer 'batchnormalization2': BatchNormalization cannot be read" in str(error.value)
    assert "layer 'conv3': a convolution whose kernel is computed" in str(error.value)


def test_a_file_that_is_no_model(tmp_path) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"not a model")
    with pytest.raises(DataError, match=r"broken\.onnx is not an ONNX model"):
        read_model(path)
