"""Weights refitted by least squares, so that spikes drive every layer as in the trained network.

Under spikes a layer's sources fire at other mean rates than they have activations in the trained
network, so its current is off. Layer after layer from the input on, the network of spikes runs on a
few tiles, and the layer's weights and biases are fitted to the currents of the trained network; the
next layer then sees the spikes of the refitted ones. This needs no labels and no gradients. To
calibrate a converted network layer by layer is due to Li et al. (2021, arXiv 2106.06984), who move
biases and initial potentials, or train weights by gradients.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scipy import linalg

from spikeseg_core.ann.forward import convolutions, forward
from spikeseg_core.ann.tuning_losses import TuningLosses
from spikeseg_core.ann.unet import set_weights, weights_of
from spikeseg_core.loihi.mapping.axis import axis_of
from spikeseg_core.network import IMAGE, Axis, Connection, Network, Weights, kernel_key
from spikeseg_core.network.sparsity import masks
from spikeseg_core.reporting import Reporter
from spikeseg_core.stack import tf

RIDGE = 0.01
"""How strongly each weight is held at its present value, as a share of how strongly the squares of
its own input pull at it."""


def calibrate(losses: TuningLosses, tiles: np.ndarray, report: Reporter) -> None:
    """Refit every on-chip layer of ``losses.model``, and the read-out, to ``losses.teacher``.

    Spikes are those of the rounded weights, if weights are rounded; what is fitted, as everywhere
    in tuning, are the exact ones. Weights that a sparse network leaves out stay zero.

    Parameters
    ----------
    tiles : float32 array (n, tile, tile, 1)
        Standardised.

    Raises
    ------
    MappingError
        If no exponent fits a core's refitted weights and biases.
    """
    network, model, batch = losses.network, losses.model, losses.config.batch_size
    shown = [tf.constant(tiles[i : i + batch]) for i in range(0, len(tiles), batch)]
    trained = convolutions(network, losses.teacher)
    aims = [forward(network, trained, each, _rectified) for each in shown]
    inputs: dict[str | None, Sequence[Connection]] = {
        **{layer.name: layer.inputs for layer in network.chip_layers()},
        None: (network.readout,),
    }
    for number, (target, connections) in enumerate(inputs.items(), 1):
        fit = LeastSquares(network, weights_of(network, model), target, connections)
        for each, (logits, currents, _) in zip(shown, aims, strict=True):
            *_, rates = losses.under_spikes(each)
            wanted = currents[target] if target else logits
            fit.add(rates, np.tile(wanted, (len(losses.windows), 1, 1, 1)))
        weights, before, after = fit.solve()
        set_weights(network, model, weights)
        report.progress(
            number,
            len(inputs),
            f"calibrated {target or 'the read-out'}: its input under spikes was off by "
            f"{before:.3f}, is by {after:.3f}",
        )


def _rectified(name: str, current: Any) -> Any:
    """Activation of the trained network."""
    return tf.nn.relu(current)


class LeastSquares:
    """The least-squares problem of one layer's weights and biases, from sample to solution.

    Its unknowns are changes: one for every kernel position and source channel of each connection,
    and the bias, all of these for each channel of the target.

    Parameters
    ----------
    target : str or None
        The layer; None: the read-out.
    connections : sequence of Connection
        All of its inputs.
    """

    def __init__(
        self,
        network: Network,
        weights: Weights,
        target: str | None,
        connections: Sequence[Connection],
    ) -> None:
        self._weights, self._target, self._connections = weights, target, connections
        self._kernels = [weights.kernel(target, c.source) for c in connections]
        self._present = _stacked([*self._kernels, weights.biases[target or "readout"]])
        known = masks(network, weights)
        keys = [kernel_key(target, c.source) for c in connections]
        kept = [
            known.get(key, np.ones(kernel.shape, bool))
            for key, kernel in zip(keys, self._kernels, strict=True)
        ]
        self._kept = _stacked([*kept, np.ones(self._present.shape[1], bool)])
        self._seen = [_sources_seen(axis_of(network, target or IMAGE, c)) for c in connections]
        # A transposed kernel has one set of positions for every this many targets.
        transposed = [c.stride for c in connections if c.kind != "conv"]
        self._every = int(np.lcm.reduce([1, *transposed]))
        self._gram = np.zeros((len(self._present),) * 2)
        self._moment = np.zeros(self._present.shape)
        self._squares, self._count = 0.0, 0

    def add(self, rates: Mapping[str, Any], wanted: np.ndarray) -> None:
        """Add samples.

        Parameters
        ----------
        rates : mapping of str to array (n, rows, columns, channels)
            Measured, by layer, in units of 100 Hz.
        wanted : array (n, rows, columns, channels)
            What the target's input should be, in the same units (the read-out's: logits).
        """
        # One row and column of silence, which is what lies beyond the edges.
        beyond = ((0, 0), (0, 1), (0, 1), (0, 0))
        given = [np.pad(rates[c.source], beyond) for c in self._connections]
        for tile in range(len(wanted)):
            for row, column in np.ndindex(self._every, self._every):
                at = np.s_[row :: self._every], np.s_[column :: self._every]
                x, unknowns = self._design([source[tile] for source in given], *at)
                off = wanted[tile][at].reshape(len(x), -1) - x @ self._present[unknowns]
                self._gram[np.ix_(unknowns, unknowns)] += x.T @ x
                self._moment[unknowns] += x.T @ off
                self._squares += float(np.square(off).sum())
                self._count += off.size

    def _design(
        self, given: Sequence[np.ndarray], rows: slice, columns: slice
    ) -> tuple[np.ndarray, np.ndarray]:
        """Give what targets at these places see, ``(places, unknowns)``, and which unknowns."""
        parts, unknowns, first = [], [], 0
        for source, kernel, seen in zip(given, self._kernels, self._seen, strict=True):
            silent = len(source) - 1
            across = [seen[places] for places in (rows, columns)]
            taps = [np.flatnonzero((axis < silent).any(axis=0)) for axis in across]
            at = [axis[:, used] for axis, used in zip(across, taps, strict=True)]
            # (rows, columns, kernel rows, kernel columns, channels)
            x = source[at[0][:, np.newaxis, :, np.newaxis], at[1][np.newaxis, :, np.newaxis]]
            parts.append(x.reshape(len(at[0]) * len(at[1]), -1))
            number = np.arange(kernel[..., 0].size).reshape(kernel.shape[:3])
            unknowns.append(first + number[np.ix_(*taps)].ravel())
            first += number.size
        ones = np.ones((len(parts[0]), 1))
        return np.concatenate([*parts, ones], axis=1), np.concatenate([*unknowns, [first]])

    def solve(self) -> tuple[Weights, float, float]:
        """Solve the problem.

        Returns
        -------
        Weights
            With the refitted layer.
        before, after : float
            Root mean square, over all samples, of what its input is off by; in units of 100 Hz.
        """
        own = np.diag(self._gram)
        # The weights of sources that are silent in all samples stay as they are.
        ridged = self._gram + np.diag(np.where(own > 0, RIDGE * own, 1.0))
        change = np.zeros(self._present.shape)
        for kept, channels in _alike(self._kept):
            part = np.ix_(kept, channels)
            change[part] = linalg.solve(
                ridged[np.ix_(kept, kept)], self._moment[part], assume_a="pos"
            )
        gained = np.sum(change * (2 * self._moment - self._gram @ change))
        *kernels, bias = self._unstacked((self._present + change).astype(np.float32))
        keys = [kernel_key(self._target, c.source) for c in self._connections]
        weights = replace(
            self._weights,
            kernels={**self._weights.kernels, **dict(zip(keys, kernels, strict=True))},
            biases={**self._weights.biases, self._target or "readout": bias},
        )
        squares = self._squares, max(0.0, self._squares - gained)
        before, after = (float(np.sqrt(total / self._count)) for total in squares)
        return weights, before, after

    def _unstacked(self, stacked: np.ndarray) -> list[np.ndarray]:
        """Cut ``(unknowns, channels)`` into kernels and the bias."""
        ends = np.cumsum([kernel[..., 0].size for kernel in self._kernels])
        *kernels, bias = np.split(stacked, ends)
        return [
            part.reshape(kernel.shape) for part, kernel in zip(kernels, self._kernels, strict=True)
        ] + [bias[0]]


def _stacked(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """Stack kernels and a bias as ``(unknowns, channels)``."""
    return np.concatenate([array.reshape(-1, array.shape[-1]) for array in arrays])


def _sources_seen(axis: Axis) -> np.ndarray:
    """Source that each target sees through each kernel position, ``(targets, kernel)``.

    Where there is none, it is the number of sources.
    """
    seen = np.full((axis.targets, axis.kernel), axis.sources)
    for position in range(axis.kernel):
        sources, targets = axis.tap(position)
        seen[targets, position] = np.arange(axis.sources)[sources]
    return seen


def _alike(kept: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Group the channels that keep the same weights: indices of those, and of the channels."""
    patterns, groups = np.unique(kept, axis=1, return_inverse=True)
    for number, pattern in enumerate(patterns.T):
        yield np.flatnonzero(pattern), np.flatnonzero(groups == number)
