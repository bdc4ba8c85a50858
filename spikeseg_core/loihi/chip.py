"""Capacity of a Loihi core, chip and board.

Sources: nengo-loihi 1.1.0, ``block.py`` (the four limits of a core and the formats of
synapse memory) and ``hardware/allocators.py`` (cores of a chip); Davies et al.,
"Loihi: a neuromorphic manycore processor with on-chip learning", IEEE Micro 2018 (the mesh, and the
energy of a hop in table 2).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Chip:
    """Limits and formats of one kind of chip.

    Attributes
    ----------
    compartments : int
        Compartments (neurons) per core.
    input_axons : int
        Input axons per core: one per connection and source pixel that reaches it.
    output_axons : int
        Output axon slots per core: each of its pixels takes them for every core it reaches.
    synapse_bits : int
        Synapse memory per core, in bits.
    cores : int
        Neuron cores per chip.
    cores_per_tile : int
        Neuron cores that share one router of the mesh.
    mesh_shape : tuple of int
        Routers of a chip's mesh, rows and columns.
    hop_pj : tuple of float
        Energy in pJ of one message hop north-south (along a column of the mesh) and east-west
        (along a row).
    base_step : mapping of int to int
        By population type, the number that divides every compartment base of a population axon.
    axon_slots : mapping of int to int
        By population type, output axon slots per axon.
    base_range : int
        Compartment bases are below this; any excess moves into the weight indices.
    word_bits : int
        Synapse memory is allocated in words of this many bits.
    synapses_per_entry : int
        Most synapses in one entry of synapse memory.
    entry_header_bits : int
        Bits of an entry's header.
    index_bits : tuple of int
        Possible bit widths of a target index, ascending.
    """

    compartments: int
    input_axons: int
    output_axons: int
    synapse_bits: int
    cores: int
    cores_per_tile: int
    mesh_shape: tuple[int, int]
    hop_pj: tuple[float, float]
    base_step: Mapping[int, int] = field(hash=False)
    axon_slots: Mapping[int, int] = field(hash=False)
    base_range: int
    word_bits: int
    synapses_per_entry: int
    entry_header_bits: int
    index_bits: tuple[int, ...]


LOIHI_1 = Chip(
    compartments=1024,
    input_axons=4096,
    output_axons=4096,
    synapse_bits=16_384 * 64,
    cores=128,
    cores_per_tile=4,
    mesh_shape=(4, 8),
    hop_pj=(4.0, 3.0),
    base_step={16: 4, 32: 1},
    axon_slots={16: 1, 32: 2},
    base_range=256,
    word_bits=64,
    synapses_per_entry=64,
    entry_header_bits=10,  # 4 for the synapse format, 6 for the number of synapses
    index_bits=(0, 6, 7, 8, 9, 10, 11, 12),
)
"""The first generation, used in Kapoho Bay, Nahuku and Pohoiki Springs."""


@dataclass(frozen=True)
class Board:
    """Chips that run one network.

    Attributes
    ----------
    chips : int
        Number of chips: 2 on Kapoho Bay, 8 to 32 on Nahuku, 768 on Pohoiki Springs.
    cores_per_chip : int
        Cores to use on each chip.
    chip : Chip
        Kind of the chips.
    """

    chips: int = 2
    cores_per_chip: int = LOIHI_1.cores
    chip: Chip = LOIHI_1

    @property
    def cores(self) -> int:
        """Cores of all chips."""
        return self.chips * self.cores_per_chip
