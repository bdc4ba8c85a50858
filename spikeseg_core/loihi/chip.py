"""What one Loihi 1 core, chip and board can hold.

Sources: nengo-loihi 1.1.0, ``block.py`` (the four limits a core is checked against and
the formats of synapse memory) and ``hardware/allocators.py`` (cores of a chip); Davies et al.,
"Loihi: a neuromorphic manycore processor with on-chip learning", IEEE Micro 2018 (the mesh).
"""

from __future__ import annotations

from dataclasses import dataclass

COMPARTMENTS = 1024
"""Neurons (compartments) of a core."""

INPUT_AXONS = 4096
"""Input axons of a core: one for each source pixel that reaches it, per connection."""

OUTPUT_AXONS = 4096
"""Output axon slots of a core: one (population type 16) or two (32) for each of its pixels and
each core that pixel reaches."""

SYNAPSE_BITS = 16384 * 64
"""Synapse memory of a core: 16,384 words of 64 bits."""

CORES_PER_CHIP = 128
"""Neuron cores of a chip."""

CORES_PER_TILE = 4
"""Neuron cores that share one router of the mesh."""

MESH_SHAPE = (4, 8)
"""Routers of a chip's mesh, rows and columns (32 tiles of 4 cores)."""

BASE_STEP = {16: 4, 32: 1}
"""By population type: a population axon's compartment base must be a multiple of this."""

AXON_SLOTS = {16: 1, 32: 2}
"""By population type: output axon slots that one axon takes."""

BASE_RANGE = 256
"""A compartment base is below this; what is above it moves into the weight indices."""

WORD_BITS = 64
"""Synapse memory is allotted in words of this many bits."""

SYNAPSES_PER_ENTRY = 64
"""Most synapses of one synapse memory entry."""

ENTRY_HEADER_BITS = 10
"""Bits of an entry besides its synapses: 4 for the synapse index, 6 for their number."""

INDEX_BITS = (0, 6, 7, 8, 9, 10, 11, 12)
"""Bits a target index can be stored with."""

WEIGHT_BITS = (1, 2, 3, 4, 5, 6, 8)
"""Bits a weight can be stored with, the sign included."""


@dataclass(frozen=True)
class Board:
    """Chips that run one network.

    Attributes
    ----------
    chips : int
        Number of chips: 2 on Kapoho Bay, 8 to 32 on Nahuku, 768 on Pohoiki Springs.
    cores_per_chip : int
        Cores in use on a chip, at most 128.
    """

    chips: int = 2
    cores_per_chip: int = CORES_PER_CHIP

    @property
    def cores(self) -> int:
        """Cores of all chips."""
        return self.chips * self.cores_per_chip
