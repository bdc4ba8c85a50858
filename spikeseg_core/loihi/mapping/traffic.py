"""Messages between cores, from shapes and rates.

Loihi's mesh is unicast: a spike sends one message to every core it reaches, so the traffic between
two cores is the sum over the source's neurons that reach the target. There are two counts:

* with measured rates: messages per time step, each neuron weighted by its spike rate;
* without rates: every *axon* once, as ``nengo_loihi.hardware.allocators`` counts. An axon is a
  source pixel of a core with all of its channels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy.sparse as sp

from spikeseg_core.errors import MappingError
from spikeseg_core.loihi.mapping.axis import axis_of, cuts
from spikeseg_core.loihi.mapping.fit import Tile, grid_of
from spikeseg_core.network import DT, IMAGE, Axis, Connection, Network

Rates = Mapping[str, np.ndarray]
"""Mean spike rate in Hz of every neuron, ``(rows, columns, channels)`` by layer name."""


@dataclass(frozen=True)
class Traffic:
    """Messages between the cores of a tiled network.

    Attributes
    ----------
    layers : ndarray of str
        Layer of every core, shape ``(cores,)``, in the order of nengo-loihi's blocks.
    between : scipy.sparse.csr_array
        Messages from core to core, shape ``(cores, cores)``, per step (or axons, without rates).
    from_host : ndarray
        Messages from the host into every core, shape ``(cores,)``.
    unit : {"messages per step", "axons"}
        Unit of the counts.
    """

    layers: np.ndarray
    between: sp.csr_array
    from_host: np.ndarray
    unit: str

    @property
    def cores(self) -> int:
        """Number of cores."""
        return len(self.layers)

    @property
    def total(self) -> float:
        """Messages between different cores."""
        return float(self.between.sum())

    def between_chips(self, chips: np.ndarray) -> np.ndarray:
        """Messages between chips, shape ``(chips, chips)``; the diagonal is within a chip.

        Parameters
        ----------
        chips : ndarray
            Chip of every core, shape ``(cores,)``.
        """
        table = np.zeros((int(chips.max()) + 1,) * 2)
        entries = self.between.tocoo()
        np.add.at(table, (chips[entries.row], chips[entries.col]), entries.data)
        return table

    def interchip(self, chips: np.ndarray) -> float:
        """Messages that cross from one chip to another."""
        entries = self.between.tocoo()
        return float(entries.data[chips[entries.row] != chips[entries.col]].sum())


def traffic(network: Network, tiles: Mapping[str, Tile], rates: Rates | None = None) -> Traffic:
    """Count the messages between the cores of a tiled network.

    Parameters
    ----------
    rates : mapping of str to ndarray, optional
        Mean rates in Hz of every layer, including the host's. Without them every axon counts once.

    Raises
    ------
    MappingError
        If the rates of a layer do not have its shape.
    """
    layers = network.chip_layers()
    grids = {layer.name: grid_of(network.shape(layer.name), tiles[layer.name]) for layer in layers}
    starts, count = {}, 0
    for layer in layers:
        starts[layer.name] = count
        count += int(np.prod(grids[layer.name]))
    from_host = np.zeros(count)
    rows, columns, values = [], [], []
    for target, connection in network.connections():
        if not target.on_chip or connection.source == IMAGE:
            continue
        on_chip = network.layer(connection.source).on_chip
        table = connection_traffic(
            network,
            (target.name, connection),
            tiles[connection.source] if on_chip else None,
            tiles[target.name],
            rates,
        )
        first = starts[target.name]
        if not on_chip:
            from_host[first : first + table.shape[1]] += table.sum(axis=0)
            continue
        rows.append(table.row + starts[connection.source])
        columns.append(table.col + first)
        values.append(table.data)
    shape = (count, count)
    between = (
        sp.csr_array(
            (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), shape=shape
        )
        if rows
        else sp.csr_array(shape)
    )
    between.setdiag(0)  # a layer into itself: not a message over the mesh
    between.eliminate_zeros()
    names = np.concatenate([np.full(int(np.prod(grids[x.name])), x.name) for x in layers])
    return Traffic(names, between, from_host, "axons" if rates is None else "messages per step")


def connection_traffic(
    network: Network,
    link: tuple[str, Connection],
    source_tile: Tile | None,
    target_tile: Tile,
    rates: Rates | None = None,
) -> sp.coo_array:
    """Messages of one connection between the cores of its source and of its target.

    Parameters
    ----------
    link : tuple of str and Connection
        Name of the target layer, and the connection into it.
    source_tile, target_tile : Tile
        Tiles of the two layers; None for a source on the host, which counts as one core.
    rates : mapping of str to ndarray, optional
        As in :func:`traffic`.

    Returns
    -------
    coo_array
        Shape ``(source cores, target cores)``.
    """
    target, connection = link
    shape = network.shape(connection.source)
    tile = source_tile or shape
    activity = _activity(shape, tile, connection.source, rates)  # (rows, columns, channel parts)
    axis = axis_of(network, target, connection)
    sources, targets = grid_of(shape, tile), grid_of(network.shape(target), target_tile)
    everything = targets == (1, 1, 1) and rates is None
    (p, i, rows), (q, j, columns) = (
        _joined(axis, tile[k], target_tile[k], everything) for k in (0, 1)
    )
    # (pairs of row parts, pairs of column parts, channel parts)
    sent = np.tensordot(np.tensordot(rows, activity, axes=(1, 0)), columns, axes=(1, 1))
    sent = np.repeat(sent.transpose(0, 2, 1)[..., None], targets[2], axis=3)
    at_row, at_column, part, copy = np.nonzero(sent)
    source = (i[at_row] * sources[1] + j[at_column]) * sources[2] + part
    sink = (p[at_row] * targets[1] + q[at_column]) * targets[2] + copy
    return sp.coo_array(
        (sent[at_row, at_column, part, copy], (source, sink)),
        shape=(int(np.prod(sources)), int(np.prod(targets))),
    )


@lru_cache(maxsize=4096)
def _joined(
    axis: Axis, source_part: int, target_part: int, everything: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs of a target part and a source part that reaches it, with the source positions.

    ``everything`` joins all positions to the single part, even those that do not reach it.

    Returns
    -------
    tuple of ndarray
        Target part and source part, ``(pairs,)`` each; 1 where a source position is in the one and
        reaches the other, ``(pairs, positions)``.
    """
    first, last = axis.reach()
    position = np.arange(axis.sources)
    reaches = [
        (np.maximum(first, a) < np.minimum(last, b)) | everything
        for a, b in cuts(axis.targets, target_part)
    ]
    members = [(a <= position) & (position < b) for a, b in cuts(axis.sources, source_part)]
    joined = np.array(reaches)[:, None, :] & np.array(members)[None, :, :]
    target, source = np.nonzero(joined.any(axis=2))
    return target, source, joined[target, source].astype(float)


def _activity(
    shape: tuple[int, int, int], tile: Tile, name: str, rates: Rates | None
) -> np.ndarray:
    """Messages per step from a pixel to each core it reaches, by channel part of its layer."""
    channel_cuts = cuts(shape[2], tile[2])
    if rates is None:
        return np.ones((*shape[:2], len(channel_cuts)))
    if name not in rates or rates[name].shape != shape:
        found = rates[name].shape if name in rates else "none"
        raise MappingError(f"rates of layer {name!r} have shape {found}, the layer has {shape}")
    per_step = rates[name] * DT
    return np.stack([per_step[:, :, a:b].sum(axis=2) for a, b in channel_cuts], axis=2)


def uniform_rates(network: Network, rate_hz: float) -> dict[str, np.ndarray]:
    """Return the same rate in Hz for every neuron, including the host's."""
    return {layer.name: np.full(network.shape(layer.name), rate_hz) for layer in network.layers}
