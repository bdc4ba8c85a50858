"""Synapse memory of a core, where a kernel is stored once for every way it is clipped."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from spikeseg_core.loihi.chip import LOIHI_1, Chip
from spikeseg_core.loihi.mapping.axis import Clipping


def entry_bits(
    synapses: np.ndarray, weight_bits: int, index_bits: int, *, chip: Chip = LOIHI_1
) -> np.ndarray:
    """Memory bits of synapse lists of these lengths, in whole words."""
    bits = weight_bits + index_bits

    def words(n: np.ndarray) -> np.ndarray:
        return -(-(n * bits + chip.entry_header_bits) // chip.word_bits)

    full, rest = np.divmod(synapses, chip.synapses_per_entry)
    total = full * words(np.asarray(chip.synapses_per_entry)) + np.where(rest, words(rest), 0)
    return total * chip.word_bits


@dataclass(frozen=True)
class Synapses:
    """Synapse memory of one connection in one core."""

    bits: int
    base_step: int  # largest power of two, up to 4, that divides every compartment base


@lru_cache(maxsize=200_000)
def synapse_memory(
    rows: Clipping,
    columns: Clipping,
    width: int,
    channels: tuple[int, int],
    weight_bits: int,
    *,
    share: tuple[int, int] = (1, 1),
    depth: int | None = None,
    chip: Chip = LOIHI_1,
) -> Synapses:
    """Synapse memory of a connection in a core of ``width`` columns.

    ``rows`` and ``columns`` are the clippings of the tile's rows and columns; ``channels`` the
    numbers of channels of source and tile that are connected; ``depth`` those of the tile in all,
    if it has others. ``share`` is the number of channels that are kept, and of how many
    (:mod:`spikeseg_core.network.sparsity`).
    """
    in_channels, out_channels = channels
    depth = depth or out_channels
    r = np.array(rows, dtype=np.int64).reshape(-1, 3)
    c = np.array(columns, dtype=np.int64).reshape(-1, 3)
    first = (r[:, None, 1] * width + c[None, :, 1]) * depth
    beyond = (r[:, None, 1] + r[:, None, 2] - 1) * width + c[None, :, 1] + c[None, :, 2]
    last = beyond * depth - 1
    base = first % chip.base_range
    largest = int((last - base).max())
    needed = int(np.ceil(np.log2(largest + 1)))
    index_bits = next((bits for bits in chip.index_bits if bits >= needed), chip.index_bits[-1])
    # A kernel is stored once for each clipping and each multiple of 256 in its indices.
    kinds = np.zeros(first.shape, dtype=np.int64)
    for part in (r[:, None, 0], r[:, None, 2], c[None, :, 0], c[None, :, 2]):
        kinds = kinds * 64 + part
    kinds = kinds * chip.compartments + (first - base) // chip.base_range
    _, where = np.unique(kinds, return_index=True)
    synapses = (r[:, None, 2] * c[None, :, 2]).ravel()[where] * in_channels
    synapses = synapses * out_channels // share[1] * share[0]
    bits = int(entry_bits(synapses, weight_bits, index_bits, chip=chip).sum())
    step = 1 if (base % 2).any() else 2 if (base % 4).any() else 4
    return Synapses(bits, step)
