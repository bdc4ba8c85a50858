"""A network of convolutions laid out for the emulator once, for any integers.

:func:`spikeseg_core.loihi.emulator.plan.build_plan` starts from the cores' synapses and recovers
the convolutions. Tuning knows the convolutions, has new integers in every batch and counts no
events per core, so it needs neither: the layout depends on the architecture alone, and a plan is
the layout with weights, biases and thresholds filled in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from spikeseg_core.loihi.emulator.kernels import Links, Rows
from spikeseg_core.loihi.emulator.links import LinkBuilder, packed, round_up
from spikeseg_core.loihi.emulator.plan import Plan, PlannedLayer, place, rows_and_length
from spikeseg_core.loihi.emulator.synapses import Kernel
from spikeseg_core.loihi.integer_network import Population
from spikeseg_core.loihi.mapping.axis import axis_of
from spikeseg_core.network import Connection, Layer, Network
from spikeseg_core.network.initial_state import initial_potentials

_NEURON = tuple(np.int32(n) for n in (4095 - 4094, 4096, 0, 2**23 - 1, 1))
"""What :mod:`spikeseg_core.loihi.quantization.build` makes of the neuron without a synaptic
filter: share of current and of voltage that a step leaves, bounds of the voltage, steps of rest."""

_NEVER = np.iinfo(np.int32).max


@dataclass(frozen=True)
class LayerIntegers:
    """One ensemble in Loihi's integers.

    Attributes
    ----------
    kernels : mapping of str to int32 array (rows, columns, in_channels, channels)
        What a spike adds to the current, by source.
    biases, thresholds : int32 array (channels,)
    """

    kernels: Mapping[str, np.ndarray]
    biases: np.ndarray
    thresholds: np.ndarray


@dataclass(frozen=True)
class _Place:
    """A layer without its integers."""

    layer: Layer
    shape: tuple[int, int, int]
    rows: Rows
    links: Links
    potentials: np.ndarray


class Layout:
    """Where the populations of a network are, to be filled with integers.

    Parameters
    ----------
    network : Network
        Its layers on the host are inputs, each once, however many layers it feeds.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self.hosts = tuple(layer for layer in network.layers if not layer.on_chip)
        chip = network.chip_layers()
        self._populations = [
            Population(layer.name, network.shape(layer.name)) for layer in (*self.hosts, *chip)
        ]
        shapes = [rows_and_length(population) for population in self._populations]
        self._first = np.cumsum([0, *(rows * length for rows, length in shapes)])
        first_row = np.cumsum([0, *(rows for rows, _ in shapes)])
        number = {population.name: p for p, population in enumerate(self._populations)}
        at = [(*shape, int(first_row[p]), int(self._first[p])) for p, shape in enumerate(shapes)]
        self._inputs = tuple(place(*at[number[layer.name]]) for layer in self.hosts)
        self._places = []
        for layer in chip:
            here = at[number[layer.name]]
            builder = LinkBuilder(*here[:2])
            for c in layer.inputs:
                empty = np.zeros(network.kernel_shape(layer.name, c), np.int32)
                builder.add_kernel(self._kernel(layer, c, empty), *at[number[c.source]])
            links, lead, width = builder.build(0, np.int16)
            self._places.append(
                _Place(
                    layer,
                    network.shape(layer.name),
                    place(*here, lead=lead, width=width),
                    links,
                    initial_potentials(network, layer.name).reshape(here[0], -1),
                )
            )
        self._rows = [rows for rows, _ in shapes]

    def _kernel(self, layer: Layer, c: Connection, weight: np.ndarray) -> Kernel:
        """Write a connection as the emulator does: by distances between source and target."""
        axis = axis_of(self.network, layer.name, c)
        if c.kind == "conv":
            return Kernel(1, c.stride, -axis.pad, -axis.pad, weight)
        first = axis.pad - c.kernel + 1
        return Kernel(c.stride, 1, first, first, weight[::-1, ::-1])

    def plan(self, integers: Mapping[str, LayerIntegers]) -> Plan:
        """Fill in the integers of every on-chip layer.

        Returns
        -------
        Plan
            Its counters are rows of populations, and its "cores" whole ensembles.
        """
        hosts = len(self.hosts)
        layers = tuple(
            self._filled(index, found, integers[found.layer.name])
            for index, found in enumerate(self._places)
        )
        counters = sum(self._rows)
        source = np.concatenate([np.arange(-1, -1 - hosts, -1), np.arange(len(layers))])
        slots = np.repeat(
            np.arange(counters), np.repeat(np.diff(self._first) // self._rows, self._rows)
        )
        return Plan(
            sources=tuple(self._populations[:hosts]),
            ensembles=tuple(self._populations[hosts:]),
            n_cores=len(layers),
            inputs=self._inputs,
            layers=layers,
            n_positions=int(self._first[-1]),
            n_rows=counters,
            slot=slots.astype(np.int32),
            slot_source=np.repeat(source, self._rows).astype(np.int32),
            fan_out_start=np.zeros(counters + 1, np.int64),
            fan_out_core=np.zeros(0, np.int32),
            fan_out_synapses=np.zeros(0, np.int32),
        )

    def _filled(self, index: int, found: _Place, integers: LayerIntegers) -> PlannedLayer:
        rows, columns, _ = found.shape
        length = found.rows.length
        kernels = {
            c.source: self._kernel(found.layer, c, integers.kernels[c.source])
            for c in found.layer.inputs
        }
        weights = np.concatenate([packed(kernel).ravel() for kernel in kernels.values()])
        bits = int(np.bitwise_or.reduce(weights, initial=0))
        shift = (bits & -bits).bit_length() - 1 if bits else 0
        # No target gets more in one step than all synapses of its sign together.
        positive, negative = (
            np.sum(
                [np.maximum(sign * k.weight, 0).sum((0, 1, 2)) for k in kernels.values()], 0
            ).max()
            for sign in (1, -1)
        )
        dtype = np.int16 if max(positive, negative) >> shift < 2**15 else np.int32
        padded = (rows, round_up(length))
        bias, voltage = np.zeros(padded, np.int32), np.zeros(padded, np.int32)
        vth = np.full(padded, _NEVER, np.int32)
        bias[:, :length] = np.tile(integers.biases, columns)
        vth[:, :length] = np.tile(integers.thresholds, columns)
        voltage[:, :length] = found.potentials * vth[:, :length]
        return PlannedLayer(
            index=index,
            rows=found.rows,
            links=found.links._replace(
                weights=(weights >> shift).astype(dtype), list_weight=np.zeros(0, dtype)
            ),
            constants=(np.int32(shift), *_NEURON),
            bias=bias.ravel(),
            vth=vth.ravel(),
            voltage=voltage.ravel(),
            kernels=dict(kernels),
        )
