"""Tiny networks of every kind of layer, for the tests."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from spikeseg_core.frontends.folding import fold
from spikeseg_core.frontends.operations import Operations
from spikeseg_core.network import Graph


def kernel(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Weights of a size that keeps activations."""
    return rng.normal(size=shape) * np.sqrt(2 / np.prod(shape[:3]))


def started(channels: int = 4, size: tuple[int, int] = (6, 8)) -> tuple[Operations, str]:
    """An input and an ensemble on the host."""
    rng = np.random.default_rng(0)
    to = Operations("tiny")
    to.input("x", (*size, 2))
    to.conv("stem conv", "x", kernel(rng, 3, 3, 2, channels), pads=((1, 1), (1, 1)))
    to.relu("stem", "stem conv")
    return to, "stem"


def _conv(**how: object) -> Callable[[Operations, np.random.Generator], str]:
    def add(to: Operations, rng: np.random.Generator) -> str:
        groups = how.get("groups", 1)
        to.conv("conv", "stem", kernel(rng, 3, 3, 4 // groups, 8), rng.normal(size=8) / 9, **how)
        return "conv"

    return add


def _transposed(to: Operations, rng: np.random.Generator) -> str:
    weights = kernel(rng, 4, 4, 4, 8)
    to.conv_transpose("up", "stem", weights, strides=(2, 2), cropped=(1, 1), size=(12, 16))
    return "up"


def _dense(to: Operations, rng: np.random.Generator) -> str:
    to.flatten("flat", "stem", "channels first")
    to.dense("dense", "flat", kernel(rng, 6 * 8 * 4, 12), rng.normal(size=12) / 9)
    return "dense"


def _pool(to: Operations, rng: np.random.Generator) -> str:
    to.average_pool("pool", "stem", (2, 2), (2, 2))
    to.scale("scaled", "pool", rng.uniform(0.5, 1, 4), -rng.uniform(0, 0.1, 4))
    return "scaled"


def _concat(to: Operations, rng: np.random.Generator) -> str:
    to.conv("inner", "stem", kernel(rng, 1, 1, 4, 6))
    to.relu("middle", "inner")
    to.concat("both", ["stem", "middle"])
    to.conv("conv", "both", kernel(rng, 3, 3, 10, 8), pads=((1, 1), (1, 1)))
    return "conv"


def _residual(to: Operations, rng: np.random.Generator) -> str:
    to.conv("conv", "stem", kernel(rng, 3, 3, 4, 4), pads=((1, 1), (1, 1)))
    to.scale("norm", "conv", rng.uniform(0.5, 2, 4), rng.normal(size=4) / 9)
    to.add("sum", ["norm", "stem"])
    return "sum"


def _max_pool(**how: object) -> Callable[[Operations, np.random.Generator], str]:
    def add(to: Operations, rng: np.random.Generator) -> str:
        to.max_pool("pool", "stem", **how)
        to.conv("conv", "pool", kernel(rng, 3, 3, 4, 8), pads=((1, 1), (1, 1)))
        return "conv"

    return add


def _two_padded(to: Operations, rng: np.random.Generator) -> str:
    to.conv("one", "stem", kernel(rng, 3, 3, 4, 4), pads=((1, 1), (1, 1)))
    to.conv("two", "one", kernel(rng, 3, 3, 4, 8), pads=((1, 1), (1, 1)))
    return "two"


def _input_beside(to: Operations, rng: np.random.Generator) -> str:
    to.scale("centred", "x", np.full(2, 2.0), np.full(2, -1.0))
    to.concat("both", ["stem", "centred"])
    to.conv("conv", "both", kernel(rng, 3, 3, 6, 8), pads=((1, 1), (1, 1)))
    return "conv"


SAME = ((1, 1), (1, 1))
KINDS: dict[str, Callable[[Operations, np.random.Generator], str]] = {
    "convolution": _conv(),
    "same padding": _conv(pads=SAME),
    "stride, padded at the end": _conv(strides=(2, 2), pads=((0, 1), (0, 1))),
    "stride, padded at both ends": _conv(strides=(2, 2), pads=SAME),
    "dilated": _conv(dilations=(2, 2), pads=((2, 2), (2, 2))),
    "grouped": _conv(groups=2, pads=SAME),
    "depthwise": _conv(groups=4, pads=SAME),
    "transposed": _transposed,
    "dense": _dense,
    "average pooling": _pool,
    "max pooling": _max_pool(size=(2, 2), strides=(2, 2)),
    "max pooling that overlaps": _max_pool(size=(3, 3), strides=(2, 2), pads=((0, 1), (1, 0))),
    "padded layers in a row": _two_padded,
    "the input beside spikes": _input_beside,
    "concatenation": _concat,
    "residual addition": _residual,
}


def graph_of(kind: str, seed: int = 1) -> Graph:
    """A network with one layer of a kind, and a read-out."""
    rng = np.random.default_rng(seed)
    to, _ = started()
    last = KINDS[kind](to, rng)
    to.relu("last", last)
    to.conv("out", "last", kernel(rng, 1, 1, to.shape("last")[2], 3), rng.normal(size=3))
    return fold(to)


def items_of(graph: Graph, count: int = 3, seed: int = 2) -> np.ndarray:
    """Items of a network's input."""
    shape = (count, *graph.input_shape)
    return np.random.default_rng(seed).uniform(size=shape).astype(np.float32)


def random_tiles(graph: Graph, seed: int) -> dict[str, tuple[int, int, int]]:
    """Tiles of any size."""
    rng = np.random.default_rng(seed)
    return {
        layer.name: tuple(int(rng.integers(max(1, n // 3), n + 1)) for n in layer.shape)
        for layer in graph.chip_layers()
    }
