import h5py
import numpy as np
import pytest

nir = pytest.importorskip("nir")

from spikeseg_core.frontends.nir_nodes import Concat, ConvTranspose2d, read_graph  # noqa: E402
from spikeseg_core.stack import keras  # noqa: E402


def transposed(**how):
    given = {
        "input_shape": (5, 6),
        "weight": np.zeros((3, 2, 4, 4)),
        "stride": 2,
        "padding": 1,
        "output_padding": 0,
        "groups": 1,
        "bias": np.zeros(2),
    }
    return ConvTranspose2d(**given | how)


@pytest.mark.parametrize(("stride", "kernel"), [(1, 3), (2, 4), (2, 2), (3, 5)])
def test_a_transposed_convolution_is_as_large_as_kerass(stride: int, kernel: int) -> None:
    layer = keras.layers.Conv2DTranspose(2, kernel, strides=stride, padding="valid")
    node = transposed(weight=np.zeros((3, 2, kernel, kernel)), stride=stride, padding=0)
    assert node.output_size((5, 6)) == layer.compute_output_shape((1, 5, 6, 3))[1:3]


def test_it_knows_its_own_shapes() -> None:
    node = transposed(groups=3)
    assert node.input_type["input"].tolist() == [3, 5, 6]
    assert node.output_type["output"].tolist() == [6, 10, 12]
    assert transposed(input_shape=None).output_type == {"output": None}


@pytest.mark.parametrize("with_shape", [True, False])
def test_a_file_keeps_both_nodes(with_shape: bool, tmp_path) -> None:
    rng = np.random.default_rng(0)
    weight, bias = rng.normal(size=(3, 2, 4, 4)), rng.normal(size=2)
    nodes = {
        "input": nir.Input({"input": np.array([3, 5, 6])}),
        "up": transposed(weight=weight, bias=bias, stride=(2, 3)),
        "both": Concat(0),
        "output": nir.Output({"output": np.array([2, 10, 12])}),
    }
    edges = [("input", "up"), ("up", "both"), ("both", "output")]
    path = tmp_path / "net.nir"
    nir.write(path, nir.NIRGraph(nodes, edges, type_check=False))
    if not with_shape:
        with h5py.File(path, "a") as file:
            del file["node/nodes/up/input_shape"]
    found = read_graph(path)
    assert found.edges == edges
    up = found.nodes["up"]
    np.testing.assert_array_equal(up.weight, weight)
    np.testing.assert_array_equal(up.bias, bias)
    assert tuple(up.stride) == (2, 3)
    assert (up.input_shape is not None) == with_shape
    assert int(found.nodes["both"].axis) == 0
