"""From weights and tiles to NengoLoihi's integer blocks.

The Loihi network is built from the weights rather than with ``nengo_dl.Converter``, which leaves
pass-through nodes that NengoLoihi cannot place. Connections go from neurons to neurons, so nothing
is decoded or encoded, and neurons and weights are the same as in every other form of the network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import nengo
import numpy as np
from nengo.exceptions import BuildError

from spikeseg_core.errors import MappingError
from spikeseg_core.loihi.mapping.fit import Tile
from spikeseg_core.loihi.mapping.tiles import check_fit
from spikeseg_core.loihi.quantization.blocks import BlockModel
from spikeseg_core.network import DT, IMAGE, RATE_HZ_PER_UNIT, Connection, Network, Weights
from spikeseg_core.network.initial_state import initial_potentials
from spikeseg_core.network.neuron import nengo_neuron
from spikeseg_core.network.sparsity import kept
from spikeseg_core.stack import nengo_loihi

_NEXT_TO_ZERO = np.float32(1e-25)
"""Rounds to a weight of 0."""


@dataclass
class ImageSource:
    """The presented section tile; change :attr:`image` between runs.

    Attributes
    ----------
    image : ndarray
        Standardised pixels, float ``(rows, columns)``.
    """

    image: np.ndarray

    def __call__(self, t: float) -> np.ndarray:
        """Pixels at time ``t`` (constant), flattened."""
        return np.ravel(self.image)


@dataclass(frozen=True)
class BuiltNetwork:
    """A network as Nengo objects, with NengoLoihi's settings.

    Attributes
    ----------
    network : Network
        The architecture.
    tiles : mapping of str to Tile
        Tile of every on-chip layer.
    weight_bits : int
        Bits per weight.
    nengo : nengo.Network
        The Nengo network, with NengoLoihi's configuration in ``config``.
    ensembles : mapping of str to nengo.Ensemble
        Ensembles by layer name.
    source : ImageSource
        Source of the image.
    probe : nengo.Probe
        Probe of the last on-chip layer: nonzero where a neuron spiked.
    """

    network: Network
    tiles: Mapping[str, Tile]
    weight_bits: int
    nengo: nengo.Network
    ensembles: Mapping[str, nengo.Ensemble]
    source: ImageSource
    probe: nengo.Probe


def build_network(
    network: Network,
    weights: Weights,
    tiles: Mapping[str, Tile],
    *,
    population_type: int = 16,
    weight_bits: int = 8,
    synapse_ms: float = 0.0,
) -> BuiltNetwork:
    """Build the Nengo network of an architecture and its weights.

    Parameters
    ----------
    network, weights : Network, Weights
        The network; a layer fed by the image has to be off chip.
    synapse_ms : float
        Time constant of the synaptic low-pass in ms; 0 disables it.

    Raises
    ------
    MappingError
        If a tile does not fit a core, or an on-chip layer is fed by the image.
    """
    check_fit(network, tiles, population_type, weight_bits)
    last = network.readout.source
    if not network.layer(last).on_chip:
        raise MappingError(
            f"the read-out takes layer {last!r}, which is off chip; it must take an on-chip layer"
        )
    source = ImageSource(np.zeros((network.tile, network.tile)))
    synapse = nengo.Lowpass(synapse_ms * 1e-3) if synapse_ms > 0 else None
    with nengo.Network(label=network.name, seed=0) as net:
        nengo_loihi.add_params(net)
        image = nengo.Node(source, size_out=network.tile**2, label=IMAGE)
        ensembles: dict[str, nengo.Ensemble] = {}
        for layer in network.layers:
            shape = network.shape(layer.name)
            bias = np.tile(weights.biases[layer.name] * RATE_HZ_PER_UNIT, shape[0] * shape[1])
            # On the chip, :func:`discretize` sets the initial potentials.
            initial = None if layer.on_chip else initial_potentials(network, layer.name)
            ensemble = nengo.Ensemble(
                bias.size,
                1,
                neuron_type=nengo_neuron(initial),
                gain=np.ones(bias.size),
                bias=bias,
                label=layer.name,
            )
            net.config[ensemble].on_chip = layer.on_chip
            if layer.on_chip:
                net.config[ensemble].block_shape = nengo_loihi.BlockShape(tiles[layer.name], shape)
            for c in layer.inputs:
                if c.source == IMAGE and layer.on_chip:
                    raise MappingError(
                        f"layer {layer.name!r} is on the chip but takes the image, which is not "
                        "spikes; make it a layer on the host (on_chip=False)"
                    )
                connection = nengo.Connection(
                    image if c.source == IMAGE else ensembles[c.source].neurons,
                    ensemble.neurons,
                    transform=_transform(network, layer.name, c, weights),
                    synapse=None if c.source == IMAGE else synapse,
                )
                net.config[connection].pop_type = population_type
            ensembles[layer.name] = ensemble
        probe = nengo.Probe(ensembles[last].neurons)
    return BuiltNetwork(network, dict(tiles), weight_bits, net, ensembles, source, probe)


def _transform(network: Network, target: str, c: Connection, weights: Weights) -> Any:
    kernel = weights.kernel(target, c.source)
    layer = network.layer(target)
    if layer.kept < layer.group:
        keeps = kept(kernel, layer)
        # A synapse that is kept stays one if its weight is zero; the others are exactly zero.
        kernel = np.where(keeps, np.where(kernel == 0, _NEXT_TO_ZERO, kernel), 0)
    kernel = kernel * np.float32(RATE_HZ_PER_UNIT)
    shape = network.shape(target)
    common = {
        "n_filters": shape[2],
        "input_shape": network.shape(c.source),
        "strides": (c.stride, c.stride),
        "kernel_size": (c.kernel, c.kernel),
        "padding": "same",
        "init": kernel,
    }
    if c.kind == "conv_transpose":
        return nengo.transforms.ConvolutionTranspose(output_shape=shape, **common)
    return nengo.Convolution(**common)


@dataclass(frozen=True)
class DiscretizedNetwork:
    """A network as NengoLoihi's integer blocks.

    Attributes
    ----------
    built : BuiltNetwork
        The Nengo network before rounding.
    model : BlockModel
        The blocks, one per core.
    """

    built: BuiltNetwork
    model: BlockModel
    _names: Mapping[str, list[Any]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        names = {}
        for layer in self.built.network.chip_layers():
            found = self.model.objs[self.built.ensembles[layer.name]]["out"]
            names[layer.name] = list(found) if isinstance(found, list | tuple) else [found]
        object.__setattr__(self, "_names", names)

    def blocks(self, layer: str) -> list[Any]:
        """Blocks of a layer in the order of :mod:`spikeseg_core.loihi.mapping.fit`."""
        return self._names[layer]


def discretize(built: BuiltNetwork) -> DiscretizedNetwork:
    """Build NengoLoihi's blocks and round them to Loihi's integers.

    Raises
    ------
    MappingError
        If NengoLoihi finds no exponent that fits a block's thresholds and biases.
    """
    sparse = [layer for layer in built.network.chip_layers() if layer.kept < layer.group]
    model = BlockModel(built.weight_bits, [built.ensembles[layer.name] for layer in sparse])
    try:
        with nengo_loihi.Simulator(built.nengo, dt=DT, model=model, target="sim"):
            pass
    except BuildError as error:
        raise MappingError(
            f"network {built.network.name!r} cannot be expressed in Loihi's integers: {error}; "
            "the usual reason is weights that are tiny compared with the biases: tune again"
        ) from error
    discretized = DiscretizedNetwork(built, model)
    for layer in built.network.chip_layers() if built.network.initial_potential != "rest" else ():
        share = initial_potentials(built.network, layer.name).ravel()
        for block in discretized.blocks(layer.name):
            neurons = list(model.block_comp_map[block])
            model.voltages[block] = (share[neurons] * block.compartment.vth).astype(np.int32)
    return discretized
