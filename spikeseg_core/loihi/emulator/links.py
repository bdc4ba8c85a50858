"""The links into the rows of a population, collected in the arrays of ``kernels.Links``."""

from __future__ import annotations

import numpy as np
from numba import njit

from spikeseg_core.loihi.emulator.kernels import Links
from spikeseg_core.loihi.emulator.synapses import Kernel, Synapses
from spikeseg_core.loihi.emulator.vectors import LANES


class LinkBuilder:
    """Collects the links into the rows of one population; see ``kernels.Links``."""

    def __init__(self, n_rows: int, length: int) -> None:
        self.n_rows, self.length = n_rows, length
        self.entries: list[tuple[int, ...]] = []  # target row, then as in Links
        self.tables = 0
        self.to: list[np.ndarray] = []
        self.run: list[np.ndarray] = []
        self.weights: list[np.ndarray] = []
        self.list_start: list[np.ndarray] = []
        self.list_target: list[np.ndarray] = []
        self.list_weight: list[np.ndarray] = []
        self.n_weights = self.n_listed = 0

    def _add_table(self, to: np.ndarray, run: np.ndarray, list_start: np.ndarray) -> int:
        at = self.tables
        self.to.append(to)
        self.run.append(run)
        self.list_start.append(list_start)
        self.tables += to.size
        return at

    def add_kernel(self, kernel: Kernel, rows: int, length: int, row: int, first: int) -> None:
        """Link a source of ``rows`` rows, starting at ``row`` and ``first``, by a kernel."""
        n_taps, n_columns, channels, target_channels = kernel.weight.shape
        up, down = kernel.up, kernel.down
        last = kernel.column0 + n_columns - 1
        reach = np.arange(length // channels) * up
        low = -((last - reach) // down)  # first target column of each source column
        phase = reach - low * down - (last - down + 1)
        run = packed(kernel)
        entry = phase[:, None] * channels + np.arange(channels)
        to = np.repeat(low * target_channels, channels)
        table = self._add_table(to, entry.ravel() * run.shape[3], np.zeros(length, np.int64))
        tap = np.arange(rows) * up - np.arange(self.n_rows)[:, None] * down - kernel.row0
        for target, source in np.argwhere((tap >= 0) & (tap < n_taps)):
            weight = self.n_weights + int(tap[target, source]) * run[0].size
            vectors = run.shape[3] // LANES
            self.entries.append(
                (target, row + source, first + source * length, length, table, weight, vectors)
            )
        self.weights.append(run.ravel())
        self.n_weights += run.size

    def add_lists(self, synapses: Synapses, rows: int, length: int, row: int, first: int) -> None:
        """Link a source by lists of synapses."""
        target_row, target = np.divmod(synapses.target.astype(np.int64), self.length)
        pair = target_row * rows + synapses.source // length
        key = pair * length + synapses.source % length
        order = np.argsort(key, kind="stable")
        key = key[order]
        for p in np.unique(pair):
            start = np.searchsorted(key, p * length + np.arange(length + 1)) + self.n_listed
            unused = np.zeros(start.size, np.int64)
            table = self._add_table(unused, unused, start)
            source = p % rows
            self.entries.append(
                (p // rows, row + source, first + source * length, length, table, 0, 0)
            )
        self.list_target.append(target[order])
        self.list_weight.append(synapses.weight[order])
        self.n_listed += key.size

    def build(self, shift: int, dtype: type) -> tuple[Links, int, int]:
        """Return the links, and the lead and width of the totals of a row."""
        entries = np.array(sorted(self.entries), np.int64).reshape(-1, 7)
        to = joined(self.to, np.int64)
        vectors = int(entries[:, 6].max(initial=0))
        lead = round_up(max(0, -int(to.min(initial=0))))
        width = lead + round_up(max(self.length, int(to.max(initial=0)) + vectors * LANES))
        links = Links(
            start=np.searchsorted(entries[:, 0], np.arange(self.n_rows + 1)),
            row=entries[:, 1].copy(),
            first=entries[:, 2].copy(),
            length=entries[:, 3].copy(),
            table=entries[:, 4].copy(),
            weight=entries[:, 5].copy(),
            vectors=entries[:, 6].copy(),
            to=(to + lead).astype(np.int32),
            run=joined(self.run, np.int32),
            weights=(joined(self.weights, np.int32) >> shift).astype(dtype),
            list_start=joined(self.list_start, np.int64),
            list_target=(joined(self.list_target, np.int32) + lead).astype(np.int32),
            list_weight=(joined(self.list_weight, np.int32) >> shift).astype(dtype),
        )
        return links, lead, width


def packed(kernel: Kernel) -> np.ndarray:
    """Weights of a kernel in the order in which a spike adds them, padded to whole vectors.

    Returns
    -------
    int32 array (rows, phases, source channels, run)
        A source column reaches every ``down``-th column of the kernel, from its phase on.
    """
    n_taps, n_columns, channels, target_channels = kernel.weight.shape
    n_run = -(-n_columns // kernel.down)
    shape = (n_taps, kernel.down, channels, round_up(n_run * target_channels))
    run = np.zeros(shape, np.int32)
    for phase in range(kernel.down):
        for m in range(n_run):
            column = n_columns - kernel.down + phase - m * kernel.down
            if column >= 0:
                part = slice(m * target_channels, (m + 1) * target_channels)
                run[:, phase, :, part] = kernel.weight[:, column]
    return run


def scale(parts: list[Synapses], n_targets: int) -> tuple[int, type]:
    """Find the power of two shared by all weights, and the type that then holds the totals."""
    bits = 0
    high, low = np.zeros(n_targets, np.int64), np.zeros(n_targets, np.int64)
    for synapses in parts:
        bits |= int(np.bitwise_or.reduce(synapses.weight, initial=0))
        _bounds(synapses.target, synapses.weight, high, low)
    shift = (bits & -bits).bit_length() - 1 if bits else 0
    largest = max(high.max(initial=0), -low.min(initial=0)) >> shift
    return shift, np.int16 if largest < 2**15 else np.int32


@njit(cache=True)
def _bounds(target, weight, high, low):  # type: ignore[no-untyped-def]
    """Update the largest and smallest total each target can get in one step."""
    for k in range(target.shape[0]):
        if weight[k] > 0:
            high[target[k]] += weight[k]
        else:
            low[target[k]] += weight[k]


def joined(parts: list[np.ndarray], dtype: type) -> np.ndarray:
    """Concatenate arrays, of which there may be none."""
    return np.concatenate(parts).astype(dtype) if parts else np.zeros(0, dtype)


def round_up(n: int) -> int:
    """Round up to whole vectors."""
    return -(-n // LANES) * LANES
