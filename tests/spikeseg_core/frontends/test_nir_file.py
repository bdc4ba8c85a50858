from itertools import pairwise

import numpy as np
import pytest

from spikeseg_core.errors import DataError, MappingError
from spikeseg_core.frontends.folding import fold
from spikeseg_core.frontends.nir_file import from_graph
from spikeseg_core.frontends.reading import read_model

nir = pytest.importorskip("nir")
RNG = np.random.default_rng(0)


def neurons(shape, r=2.0, v_threshold=1.0):
    return nir.IF(r=np.full(shape, r), v_threshold=np.full(shape, v_threshold))


def conv(channels, out, size, groups=1):
    return nir.Conv2d(
        size,
        RNG.normal(size=(out, channels // groups, 3, 3)) / 3,
        1,
        1,
        1,
        groups,
        RNG.normal(size=out) / 9,
    )


def network():
    """Two convolutions, one of them around a sum, pooling, and a dense layer."""
    nodes = {
        "input": nir.Input({"input": np.array([2, 8, 8])}),
        "conv1": conv(2, 4, (8, 8)),
        "if1": neurons((4, 8, 8)),
        "conv2": conv(4, 4, (8, 8), groups=4),
        "skip": nir.Scale(np.ones((4, 1, 1))),
        "if2": neurons((4, 8, 8), v_threshold=0.5),
        "pool": nir.SumPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0])),
        "flat": nir.Flatten({"input": np.array([4, 4, 4])}, 0, -1),
        "dense": nir.Affine(RNG.normal(size=(5, 64)) / 8, RNG.normal(size=5)),
        "if3": neurons((5,)),
        "output": nir.Output({"output": np.array([5])}),
    }
    chain = ["input", "conv1", "if1", "conv2", "if2", "pool", "flat", "dense", "if3", "output"]
    edges = [*pairwise(chain), ("if1", "skip"), ("skip", "if2")]
    return nir.NIRGraph(nodes, edges, type_check=False)


def test_a_file_is_the_network_of_its_equations(tmp_path) -> None:
    graph = network()
    nir.write(tmp_path / "net.nir", graph)
    found = read_model(tmp_path / "net.nir")
    assert [layer.name for layer in found.layers] == ["if1", "if2", "pool mean", "if3"]
    items = RNG.uniform(size=(2, 2, 8, 8)).astype(np.float32)
    values = found.forward(found.items(items))
    node = graph.nodes
    weights = node["conv1"].weight
    padded = np.pad(items, ((0, 0), (0, 0), (1, 1), (1, 1)))
    current = sum(
        np.einsum("nchw,oc->nohw", padded[:, :, i : i + 8, j : j + 8], weights[:, :, i, j])
        for i in range(3)
        for j in range(3)
    )
    first = np.maximum(0, 2.0 * (current + node["conv1"].bias[:, None, None]))
    np.testing.assert_allclose(np.moveaxis(values["if1"], -1, 1), first, atol=1e-4)
    second = np.moveaxis(values["if2"], -1, 1)
    pooled = second.reshape(2, 4, 4, 2, 4, 2).sum((3, 5)).reshape(2, -1)
    last = np.maximum(0, 2.0 * (pooled @ node["dense"].weight.T + node["dense"].bias))
    np.testing.assert_allclose(found.read_out(values).reshape(2, 5), last, rtol=1e-4, atol=1e-4)


def test_the_proposed_nodes_are_the_same_after_a_file(tmp_path) -> None:
    from spikeseg_core.frontends.nir_nodes import Concat, ConvTranspose2d, read_graph

    weight = RNG.normal(size=(4, 3, 3, 3))
    up = ConvTranspose2d((4, 4), weight, 2, (1, 1), 1, 1, RNG.normal(size=3))
    assert up.output_type["output"].tolist() == [3, 8, 8]
    nodes = {
        "input": nir.Input({"input": np.array([2, 8, 8])}),
        "conv1": conv(2, 4, (8, 8)),
        "z": neurons((4, 8, 8)),
        "down": nir.AvgPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0])),
        "up": up,
        "a": neurons((3, 8, 8)),
        "both": Concat(0),
        "conv2": conv(7, 4, (8, 8)),
        "if2": neurons((4, 8, 8)),
        "output": nir.Output({"output": np.array([4, 8, 8])}),
    }
    edges = [
        *pairwise(["input", "conv1", "z", "down", "up", "a", "both", "conv2", "if2", "output"])
    ]
    graph = nir.NIRGraph(nodes, [*edges, ("z", "both")], type_check=False)
    nir.write(tmp_path / "net.nir", graph)
    again = read_graph(tmp_path / "net.nir")
    assert again.edges == graph.edges
    for name in ("weight", "stride", "padding", "output_padding", "groups", "bias"):
        np.testing.assert_array_equal(getattr(again.nodes["up"], name), getattr(up, name))
    first, second = fold(from_graph(graph, "net")), read_model(tmp_path / "net.nir")
    items = RNG.uniform(size=(1, 8, 8, 2)).astype(np.float32)
    for name, values in first.forward(items).items():
        np.testing.assert_array_equal(second.forward(items)[name], values)
    # Channels of "a" come before those of "z": the order of the edges.
    both = first.layer("if2").inputs
    assert [link.source for link in both] == ["a", "z"]


def test_leaky_neurons_and_loops_are_named() -> None:
    graph = network()
    leak = {"tau": np.ones(5), "v_leak": np.zeros(5), "v_threshold": np.ones(5), "r": np.ones(5)}
    graph.nodes["if3"] = nir.LIF(**leak)
    with pytest.raises(MappingError, match="layer 'if3': neurons of kind LIF leak; IF neurons"):
        fold(from_graph(graph, "leaky"))
    graph = network()
    graph.edges.append(("if2", "conv2"))
    with pytest.raises(DataError, match=r"has a loop, .*conv2"):
        from_graph(graph, "loop")


def test_a_file_that_is_no_network(tmp_path) -> None:
    path = tmp_path / "broken.nir"
    path.write_bytes(b"x")
    with pytest.raises(DataError, match=r"broken\.nir is not a NIR file"):
        read_model(path)
