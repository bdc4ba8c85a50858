"""From weights and tiles to NengoLoihi's blocks of integers.

The Loihi network is built from the weights, not by ``nengo_dl.Converter``: that leaves pass-through
nodes that NengoLoihi cannot place. What is built has the same neurons and weights as every other
form of the network: connections go from neurons to neurons, so nothing is decoded or encoded.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import nengo
import numpy as np
from nengo.exceptions import BuildError

from spikeseg_core.errors import MappingError
from spikeseg_core.loihi.chip import LOIHI_1
from spikeseg_core.loihi.mapping.axis import Axis
from spikeseg_core.loihi.mapping.fit import Tile
from spikeseg_core.loihi.mapping.tiles import check_fit
from spikeseg_core.network import DT, IMAGE, RATE_HZ_PER_UNIT, Connection, Network, Weights
from spikeseg_core.network.initial_state import initial_potentials
from spikeseg_core.network.neuron import nengo_neuron
from spikeseg_core.stack import nengo_loihi

builder = nengo_loihi.builder
_NengoLoihiBuilder: Any = builder.Builder
_NengoLoihiModel: Any = builder.Model


@dataclass
class ImageSource:
    """The section tile that is shown: change :attr:`image` between runs.

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
        What was built.
    tiles : mapping of str to Tile
        Tile of every on-chip layer.
    weight_bits : int
        Bits a weight will be stored with.
    nengo : nengo.Network
        The Nengo network, NengoLoihi's configuration in its ``config``.
    ensembles : mapping of str to nengo.Ensemble
        By layer name.
    source : ImageSource
        Where the image comes from.
    probe : nengo.Probe
        Spikes of the last on-chip layer: nonzero where a neuron spiked.
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
    tiles : mapping of str to Tile
        Tile of every on-chip layer.
    population_type : {16, 32}
        Type of the population axons.
    weight_bits : int
        Bits a weight is stored with, the sign included.
    synapse_ms : float
        Time constant of the synaptic low-pass in ms; 0: none.

    Raises
    ------
    MappingError
        If a core would not fit, or an on-chip layer takes the image itself.
    """
    check_fit(network, tiles, population_type, weight_bits)
    last = network.readout.source
    if not network.layer(last).on_chip:
        raise MappingError(
            f"the read-out takes layer {last!r}, which is off chip; it has to be the last one on it"
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
            # On the chip :func:`discretize` sets the initial potentials.
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
    kernel = weights.kernel(target, c.source) * RATE_HZ_PER_UNIT
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


# -- NengoLoihi's model, with three things of our own -------------------------------------------


def transposed_weights(
    axis: Axis, kernel: np.ndarray
) -> tuple[list[np.ndarray], list[np.ndarray], np.ndarray, np.ndarray]:
    """Give a transposed convolution as ``Synapse.set_population_weights`` wants it.

    Parameters
    ----------
    axis : Axis
        The connection along rows and, alike, columns.
    kernel : ndarray
        ``(rows, columns, in_channels, out_channels)``.

    Returns
    -------
    tuple
        Weights and indices, lists of ``(in_channels, synapses)``; weight index and compartment
        base of every source pixel.
    """
    in_channels, channels = kernel.shape[2:]
    first, last = axis.reach()
    position = axis.kernel_position(np.arange(axis.sources), first)
    weights: list[np.ndarray] = []
    indices: list[np.ndarray] = []
    known: dict[tuple[int, ...], int] = {}
    which, bases = [], []
    for i, j in itertools.product(range(axis.sources), repeat=2):
        rows = slice(position[i], position[i] + last[i] - first[i])
        columns = slice(position[j], position[j] + last[j] - first[j])
        offset = (first[i] * axis.targets + first[j]) * channels
        base = offset % LOIHI_1.base_range
        key = (rows.start, rows.stop, columns.start, columns.stop, int(offset - base))
        if key not in known:
            known[key] = len(weights)
            part = kernel[rows, columns]
            r, c, k = np.ix_(*(np.arange(n) for n in (part.shape[0], part.shape[1], channels)))
            targets = (r * axis.targets + c) * channels + k + offset - base
            weights.append(part.transpose(2, 0, 1, 3).reshape(in_channels, -1))
            indices.append(np.tile(targets.ravel(), (in_channels, 1)))
        which.append(known[key])
        bases.append(base)
    return weights, indices, np.array(which), np.array(bases)


def _build_transposed(model: Any, transform: Any, conn: nengo.Connection) -> None:
    """Build a transposed convolution, with the padding that Nengo and Keras give it.

    NengoLoihi 1.1.0 shifts the output of ``ConvolutionTranspose(padding='same')`` by a pixel when
    ``output_shape`` is not its default; everything else of its builder is right.
    """
    builder.connection.build_conv2d_connection(model, transform, conn)
    sources, targets = transform.input_shape.shape[0], transform.output_shape.shape[0]
    axis = Axis(sources, targets, "conv_transpose", transform.kernel_size[0], transform.strides[0])
    synapse = model.objs[conn]["weights"]
    synapse.set_population_weights(
        *transposed_weights(axis, model.params[conn].weights), pop_type=synapse.pop_type
    )


class _Builder(_NengoLoihiBuilder):
    """NengoLoihi's builders, with the transposed convolution mended."""

    builders = {  # noqa: RUF012  (nengo looks it up on the class)
        **_NengoLoihiBuilder.builders,
        nengo.transforms.ConvolutionTranspose: _build_transposed,
    }


@dataclass(frozen=True)
class WeightError:
    """What rounding to integers did to the weights of one block.

    Attributes
    ----------
    relative : float
        Root mean square of the error over that of the weights.
    largest : float
        Largest error over the largest weight.
    """

    relative: float
    largest: float


class BlockModel(_NengoLoihiModel):
    """NengoLoihi's model, with any number of weight bits, built once and run many times.

    A simulator builds its network into the model it is given; this one is left as it is when its
    network is already built, so that every tile can have a fresh simulator without a new build.

    Attributes
    ----------
    weight_bits : int
        Bits a weight is stored with, the sign included.
    weight_errors : dict
        :class:`WeightError` by block.
    voltages : dict
        Voltages before the first step by block, int32 ``(compartments,)``; none at rest.
    """

    def __init__(self, weight_bits: int = 8, dt: float = DT) -> None:
        super().__init__(dt=dt, builder=_Builder())
        self.weight_bits = weight_bits
        self.weight_errors: dict[Any, WeightError] = {}
        self.voltages: dict[Any, np.ndarray] = {}

    def build(self, obj: Any, *args: Any, **kwargs: Any) -> Any:
        """Build an object; a whole network is also discretized and validated."""
        if self.toplevel is not None and obj is self.toplevel:
            for spike_input in self.inputs:
                spike_input.spikes.clear()  # spikes of the last step of the run before
            return None
        if self.toplevel is not None or not isinstance(obj, nengo.Network):
            return super().build(obj, *args, **kwargs)
        discretize = kwargs.pop("discretize", True)
        # Synapse memory is validated below, with the bits the weights will really have.
        self.validation_level = builder.builder.ValidationLevel.NONE
        with _quiet():
            super().build(obj, *args, discretize=False, **kwargs)
        self._set_weight_bits()
        if discretize:
            self._discretize()
        self.validation_level = builder.builder.ValidationLevel.MINIMAL
        builder.validate.validate_model(self)
        return None

    def _set_weight_bits(self) -> None:
        code = nengo_loihi.block.SynapseConfig.WEIGHT_BITS_MAP.index(self.weight_bits)
        for block in self.blocks:
            for synapse in block.synapses:
                synapse.format(weight_bits=code)

    def _discretize(self) -> None:
        """Round as ``discretize_model`` does, noting the error of the weights."""
        v_scales = {}
        for block in self.blocks:
            exact = [w.copy() for synapse in block.synapses for w in synapse.weights]
            v_scales[block] = builder.discretize.discretize_block(block)
            rounded = [w for synapse in block.synapses for w in synapse.weights]
            self.weight_errors[block] = _weight_error(
                exact, rounded, block.discretize_info["w_scale"], block.discretize_info["w_exp"]
            )
        for probe in self.probes:
            for i, block in enumerate(probe.target):
                builder.discretize.discretize_probe(probe, i, v_scales[block])


def _weight_error(
    exact: list[np.ndarray], rounded: list[np.ndarray], w_scale: Any, w_exp: int
) -> WeightError:
    if not exact:
        return WeightError(0.0, 0.0)
    true = np.concatenate([w.ravel() for w in exact]).astype(np.float64)
    unit = float(np.mean(w_scale)) * 2.0 ** (6 + w_exp)
    error = np.concatenate([w.ravel() for w in rounded]) / unit - true
    power, largest = np.sqrt(np.mean(true**2)), np.abs(true).max()
    if largest == 0:
        return WeightError(0.0, 0.0)
    return WeightError(
        float(np.sqrt(np.mean(error**2)) / power), float(np.abs(error).max() / largest)
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide NengoLoihi's note that pop16 axons of more than 32 channels need a newer NxSDK.

    It is given in the tables and documents instead, once.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*has not yet been implemented in NxSDK.*")
        yield


@dataclass(frozen=True)
class DiscretizedNetwork:
    """A network as NengoLoihi's integer blocks.

    Attributes
    ----------
    built : BuiltNetwork
        The Nengo network it was made from.
    model : BlockModel
        The blocks; one per core.
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
        """Blocks of a layer, in the order of :mod:`spikeseg_core.loihi.mapping.fit`."""
        return self._names[layer]


def discretize(built: BuiltNetwork) -> DiscretizedNetwork:
    """Build NengoLoihi's blocks and round them to Loihi's integers.

    Raises
    ------
    MappingError
        If NengoLoihi finds no exponents that hold a block's thresholds and biases.
    """
    model = BlockModel(built.weight_bits)
    try:
        with nengo_loihi.Simulator(built.nengo, dt=DT, model=model, target="sim"):
            pass
    except BuildError as error:
        raise MappingError(
            f"network {built.network.name!r} cannot be written in Loihi's integers: {error}; "
            "weights that are tiny beside the biases are the usual reason, tune again"
        ) from error
    discretized = DiscretizedNetwork(built, model)
    for layer in built.network.chip_layers() if built.network.initial_potential != "rest" else ():
        share = initial_potentials(built.network, layer.name).ravel()
        for block in discretized.blocks(layer.name):
            neurons = list(model.block_comp_map[block])
            model.voltages[block] = (share[neurons] * block.compartment.vth).astype(np.int32)
    return discretized
