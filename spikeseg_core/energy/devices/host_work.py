"""What the host of the chips does for a section, as a program that is timed.

The currents of its layers and the read-out are computed in float32 by ONNX Runtime, into arrays
that are there already; the spikes are listed, and the tiles blended, by this project's own loops.
"""

# numba takes arguments by position.
# ruff: noqa: PLR0917

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numba import njit, prange

from spikeseg_core.data.tiles import TileGrid, distance_to_edge
from spikeseg_core.energy.devices.onnx_runtime import session
from spikeseg_core.loihi.emulator.steady import SpikeLists
from spikeseg_core.loihi.run.base import image_connection
from spikeseg_core.network import DT, IMAGE, RATE_HZ_PER_UNIT, Connection, Network, Weights
from spikeseg_core.network.initial_state import initial_potentials
from spikeseg_core.network.onnx_graph import OnnxGraph, padding


class Currents:
    """What the potentials of the host's neurons rise by in a step, for all tiles of a section.

    Parameters
    ----------
    tiles : ndarray
        Standardised tiles ``(n, tile, tile)``.

    Attributes
    ----------
    rises : mapping of str to (n, channels, rows, columns) ndarray of float32
        By layer, in thresholds.
    """

    def __init__(self, network: Network, weights: Weights, tiles: np.ndarray, threads: int) -> None:
        graph, shape = OnnxGraph(), (len(tiles), 1, network.tile, network.tile)
        scale = RATE_HZ_PER_UNIT * DT  # in thresholds
        scaled = Weights(
            {name: scale * kernel for name, kernel in weights.kernels.items()},
            {name: scale * bias for name, bias in weights.biases.items()},
        )
        made = {
            name: graph.layer(network, scaled, name, {IMAGE: IMAGE}) for name in layers(network)
        }
        shapes = {name: _channels_first(len(tiles), network.shape(name)) for name in made}
        model = graph.model("currents", {IMAGE: shape}, {made[name]: shapes[name] for name in made})
        self.rises = {name: np.empty(shapes[name], np.float32) for name in made}
        self._run = _bound(
            session(model.SerializeToString(), threads),
            {IMAGE: tiles.astype(np.float32)[:, np.newaxis]},
            {made[name]: rise for name, rise in self.rises.items()},
        )

    def __call__(self) -> None:
        """Fill :attr:`rises`."""
        self._run()


class Spikes:
    """The spikes of the host's layers in ``n_steps`` steps, for all tiles of a section.

    Parameters
    ----------
    rises : mapping of str to ndarray
        As :attr:`Currents.rises`.
    """

    def __init__(
        self, network: Network, rises: Mapping[str, np.ndarray], n_steps: int, threads: int
    ) -> None:
        self.lists: dict[str, SpikeLists] = {}
        """By layer; neurons are numbered channel by channel."""
        self._rises = {}
        for name, rise in rises.items():
            initial = initial_potentials(network, name).transpose(2, 0, 1).ravel()
            self._rises[name] = rise.reshape(len(rise), -1)
            self.lists[name] = SpikeLists(initial, n_steps, threads, len(rise))

    def __call__(self) -> None:
        """Fill :attr:`lists`."""
        for name, lists in self.lists.items():
            lists.fill(self._rises[name])


class ReadOut:
    """The read-out of the mean of spikes, for all tiles of a section.

    Parameters
    ----------
    units : ndarray
        Mean of the last ensemble's spikes in units of 100 Hz, ``(n, channels, rows, columns)``.

    Attributes
    ----------
    blocks : (n, stride * stride, rows, columns) ndarray of float32
        Probability of membrane, in blocks of pixels as :meth:`OnnxGraph.phases` leaves them.
    """

    def __init__(self, network: Network, weights: Weights, units: np.ndarray, threads: int) -> None:
        graph, c = OnnxGraph(), network.readout
        kernel, bias = weights.kernel(None, c.source), weights.biases["readout"]
        make = graph.phases if c.kind == "conv_transpose" else graph.convolution
        output = graph.add("Sigmoid", make("readout", c.source, c, kernel, bias))
        stride = _upsampling(c)
        sides = [(network.tile + padding(c)[1]) // stride] * 2
        self.blocks = np.empty((len(units), stride * stride, *sides), np.float32)
        model = graph.model("readout", {c.source: units.shape}, {output: self.blocks.shape})
        self._run = _bound(
            session(model.SerializeToString(), threads),
            {c.source: units.astype(np.float32)},
            {output: self.blocks},
        )

    def __call__(self) -> None:
        """Fill :attr:`blocks`."""
        self._run()


class Blend:
    """The tiles of a section put together, as :meth:`TileGrid.stitch` does, in float32.

    Parameters
    ----------
    blocks : ndarray
        As :attr:`ReadOut.blocks`.

    Attributes
    ----------
    section : (height, width) ndarray of float32
        Probability of membrane.
    """

    def __init__(self, network: Network, grid: TileGrid, blocks: np.ndarray, threads: int) -> None:
        height, width = (max(size, grid.tile) for size in grid.section_shape)
        c = network.readout
        self._section = np.empty((height, width), np.float32)
        self._given = (
            blocks,
            _upsampling(c),
            padding(c)[0],
            *(np.array(first) for first in (grid.rows, grid.columns)),
            _shares(grid.rows, grid.tile, height),
            _shares(grid.columns, grid.tile, width),
            np.linspace(0, height, threads + 1).astype(int),
            self._section,
        )
        self.section = self._section[: grid.section_shape[0], : grid.section_shape[1]]

    def __call__(self) -> None:
        """Fill :attr:`section`."""
        _blend(*self._given)


def layers(network: Network) -> list[str]:
    """Return the layers that the host computes.

    Raises
    ------
    DeploymentError
        If one is not fed by the image alone.
    """
    found = [layer.name for layer in network.layers if not layer.on_chip]
    for name in found:
        image_connection(network, name)
    return found


def _channels_first(tiles: int, shape: Sequence[int]) -> tuple[int, ...]:
    return tiles, shape[-1], *shape[:-1]


def _upsampling(c: Connection) -> int:
    return c.stride if c.kind == "conv_transpose" else 1


def _bound(runtime: Any, fed: Mapping[str, np.ndarray], filled: Mapping[str, np.ndarray]) -> Any:
    """Return a call that reads and writes these arrays, without copies."""
    from onnxruntime import OrtValue

    binding = runtime.io_binding()
    for name, array in fed.items():
        binding.bind_ortvalue_input(name, OrtValue.ortvalue_from_numpy(array))
    for name, array in filled.items():
        binding.bind_ortvalue_output(name, OrtValue.ortvalue_from_numpy(array))
    return lambda: runtime.run_with_iobinding(binding)


def _shares(first: Sequence[int], tile: int, size: int) -> np.ndarray:
    """How much every position of a tile counts, float32 ``(tiles, tile)``; they add up to 1.

    The weights of a pixel are products of one along each axis, and so are their sums.
    """
    ramp = distance_to_edge(tile)
    total = np.zeros(size)
    for begin in first:
        total[begin : begin + tile] += ramp
    return np.array([ramp / total[begin : begin + tile] for begin in first], np.float32)


@njit(cache=True, parallel=True)
def _blend(  # type: ignore[no-untyped-def]
    blocks, stride, before, rows, columns, row_shares, column_shares, parts, section
):
    """Fill a section, a part of its rows in each thread.

    Pixel ``(y, x)`` of a tile is in the block in row ``(y + before) // stride``.
    """
    for part in prange(parts.size - 1):
        line = np.empty(blocks.shape[3] * stride, np.float32)
        for y in range(parts[part], parts[part + 1]):
            whole = section[y]
            whole[:] = 0
            for i in range(rows.size):
                row = y - rows[i]
                if row < 0 or row >= row_shares.shape[1]:
                    continue
                block, phase = divmod(row + before, stride)
                for j in range(columns.size):
                    of_tile = blocks[i * columns.size + j]
                    for x in range(stride):
                        pixels = of_tile[phase * stride + x, block]
                        for b in range(pixels.size):
                            line[b * stride + x] = pixels[b]
                    of_row, of_column = row_shares[i, row], column_shares[j]
                    of_section = whole[columns[j] :]
                    for x in range(of_column.size):
                        of_section[x] += of_row * of_column[x] * line[x + before]
