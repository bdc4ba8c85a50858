"""A trained ANN as ONNX: written node by node from its description, for any runtime.

Needs the package ``onnx`` (``pip install "spikeseg[onnx]"``).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from spikeseg_core.errors import ConfigError
from spikeseg_core.inference.about import About
from spikeseg_core.network import IMAGE, Network, Weights
from spikeseg_core.network.onnx_graph import OnnxGraph

INPUT, OUTPUT = "sections", "membrane"
_AXES = ("sections", 1, "rows", "columns")
_LEAST_SPREAD = 1e-9


def onnx_model(
    network: Network, weights: Weights, about: About, *, standardized: bool = False
) -> Any:
    """Write a trained ANN as an ONNX model.

    Its input ``sections`` is float32 ``(sections, 1, rows, columns)`` of any size; the output
    ``membrane`` is the probability, of the same shape. Sections are cut into tiles and blended in
    the graph, so that it gives what :class:`~spikeseg_core.inference.segmenter.Segmenter` gives.

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
        from onnx import checker
        from onnx.helper import set_model_props
    except ImportError:
        raise ConfigError(
            'writing ONNX needs the package onnx: pip install "spikeseg[onnx]"'
        ) from None
    graph = OnnxGraph()
    image = INPUT if standardized else _standardize(graph)
    rows, columns = (
        _Axis(graph, image, axis, network.tile, about.tiles_per_axis) for axis in (2, 3)
    )
    logits = graph.network(network, weights, _cut(graph, image, rows, columns))
    _blend(graph, graph.add("Sigmoid", logits), rows, columns)

    made = graph.model(network.name, {INPUT: _AXES}, {OUTPUT: _AXES})
    grey = "zero mean and unit variance in each section" if standardized else "grey, any scale"
    facts = about.facts() | {
        "input": grey,
        "tile": str(network.tile),
        "weights_sha256": weights.sha256,
    }
    set_model_props(made, facts)
    checker.check_model(made, full_check=True)
    return made


class _Axis:
    """Tiles along the rows or columns, as :class:`~spikeseg_core.data.tiles.TileGrid` places them.

    Attributes
    ----------
    pixels : str
        Name of an array (tiles, tile): the pixel of the section that each row of a tile shows.
    blend : str
        Name of an array (tiles * tile, size): the weight of each row of a tile in each pixel.
    count, side : str
        Names of vectors with one number: the tiles, and the length of a tile.
    """

    def __init__(self, graph: OnnxGraph, image: str, axis: int, tile: int, least: int) -> None:
        from onnx import TensorProto

        add, numbers = graph.add, graph.numbers
        one, self.side = numbers(1), numbers(tile)
        size = add("Gather", add("Shape", image), numbers(axis), axis=0)
        whole = add("Max", size, self.side)  # smaller sections are mirrored up to a tile
        room = add("Sub", whole, self.side)
        enough = add("Div", add("Add", size, numbers(tile - 1)), self.side)
        needed = add("Max", numbers(least), enough)
        count = add("Where", add("Equal", room, numbers(0)), one, needed)
        gaps = add("Max", add("Sub", count, one), one)
        spacing = add("Div", *(add("Cast", n, to=TensorProto.DOUBLE) for n in (room, gaps)))
        # Range wants single numbers, not vectors with one.
        first, by = (graph.constant(f"{n}_of_{axis}", np.array(n)) for n in (0, 1))
        index = add("Range", first, add("Squeeze", count), by)
        placed = add("Mul", add("Cast", index, to=TensorProto.DOUBLE), spacing)
        origins = add("Unique", add("Cast", add("Round", placed), to=TensorProto.INT64), sorted=1)
        within = graph.constant(f"within_{axis}", np.arange(tile))
        shown = add("Add", add("Unsqueeze", origins, numbers(1)), within)
        twice = add("Add", size, size)
        turn = add("Mod", shown, twice)
        back = add("Sub", add("Sub", twice, one), turn)
        self.pixels = add("Where", add("Less", turn, size), turn, back)
        self.count = add("Shape", origins)

        ramp = np.minimum(np.arange(tile), np.arange(tile)[::-1]) + 1.0
        near = graph.constant(f"near_{axis}", ramp.astype(np.float32)[:, np.newaxis])
        none_or_one = graph.constant(f"none_or_one_{axis}", np.array([0, 1], np.float32))
        weights = add("Flatten", add("Mul", add("OneHot", shown, whole, none_or_one), near), axis=2)
        weights = add("Div", weights, add("ReduceSum", weights, numbers(0), keepdims=1))
        self.blend = add("Slice", weights, numbers(0), size, one)


def _cut(graph: OnnxGraph, image: str, rows: _Axis, columns: _Axis) -> str:
    """Cut sections (n, 1, rows, columns) into tiles (n * tiles, 1, tile, tile)."""
    tiles = graph.add("Gather", image, rows.pixels, axis=2)
    tiles = graph.add("Gather", tiles, columns.pixels, axis=4)
    tiles = graph.add("Transpose", tiles, perm=[0, 2, 4, 1, 3, 5])
    shape = graph.add("Concat", graph.numbers(-1, 1), rows.side, columns.side, axis=0)
    return graph.add("Reshape", tiles, shape, name="tiles")


def _blend(graph: OnnxGraph, tiles: str, rows: _Axis, columns: _Axis) -> None:
    """Blend tiles into sections: the output of the graph.

    The weights of a tile's pixels are products of those of its rows and columns, so blending is one
    matrix product along each axis.
    """
    add = graph.add
    every = graph.numbers(-1)
    shape = add("Concat", every, rows.count, columns.count, rows.side, columns.side, axis=0)
    tiles = add("Transpose", add("Reshape", tiles, shape), perm=[0, 1, 3, 2, 4])
    high, wide = (add("Mul", axis.count, axis.side) for axis in (rows, columns))
    shape = add("Concat", every, graph.numbers(1), high, wide, axis=0)
    strips = add("MatMul", add("Transpose", rows.blend), add("Reshape", tiles, shape))
    add("MatMul", strips, columns.blend, name=OUTPUT)


def _standardize(graph: OnnxGraph) -> str:
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
