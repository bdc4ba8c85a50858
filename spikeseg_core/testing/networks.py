"""Small convolutional networks by their specification, and what NengoLoihi makes of them."""

import warnings
from dataclasses import dataclass
from typing import Any

import nengo
import numpy as np

from spikeseg_core.loihi.drop_in import nengo_loihi
from spikeseg_core.loihi.integer_network import IntegerNetwork
from spikeseg_core.loihi.quantization.extract import extract_network

Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Link:
    """A connection into a layer; ``source`` counts layers, -1 is the ensemble on the host."""

    source: int
    kernel: tuple[int, int]
    stride: int
    padding: str
    up: bool
    pop_type: int


@dataclass(frozen=True)
class LayerSpec:
    """An ensemble on the chip, the tile of it that a core holds, and the connections into it."""

    shape: Shape
    tile: Shape
    links: tuple[Link, ...]
    tau: float | None
    log_gain: float
    bias: float


@dataclass(frozen=True)
class NetworkSpec:
    """Layers after an ensemble on the host; ``weights`` is "normal", "positive" or "equal"."""

    host: Shape
    layers: tuple[LayerSpec, ...]
    rate: float
    weights: str
    seed: int


def conv_size(n: int, kernel: int, stride: int, padding: str) -> int:
    """Rows or columns of a convolution's output."""
    return -(-n // stride) if padding == "same" else (n - kernel) // stride + 1


def out_shape(source: Shape, link: Link, channels: int) -> Shape:
    """Shape of what a connection makes of a source."""
    if link.up:
        side = [n * link.stride for n in source[:2]]
    else:
        side = [
            conv_size(n, k, link.stride, link.padding)
            for n, k in zip(source[:2], link.kernel, strict=True)
        ]
    return (side[0], side[1], channels)


def build(spec: NetworkSpec) -> tuple[Any, Any]:
    """Make the Nengo network; return it and the ensemble on the host."""
    rng = np.random.default_rng(spec.seed)
    neuron_type = nengo_loihi.neurons.LoihiSpikingRectifiedLinear(amplitude=0.01)
    with nengo.Network(seed=1) as network:
        nengo_loihi.add_params(network)
        n = int(np.prod(spec.host))
        host = nengo.Ensemble(
            n,
            1,
            neuron_type=neuron_type,
            gain=np.ones(n),
            bias=rng.uniform(0, spec.rate, n),
            label="host",
        )
        network.config[host].on_chip = False
        ensembles = [host]
        for k, layer in enumerate(spec.layers):
            n = int(np.prod(layer.shape))
            gain = 10.0**layer.log_gain
            bias = rng.uniform(-1, 1, layer.shape[2]) * layer.bias * 1000
            ensemble = nengo.Ensemble(
                n,
                1,
                neuron_type=neuron_type,
                gain=np.full(n, gain),
                bias=np.broadcast_to(bias, layer.shape).ravel(),
                label=f"layer{k}",
            )
            network.config[ensemble].block_shape = nengo_loihi.BlockShape(layer.tile, layer.shape)
            for link in layer.links:
                source = ensembles[link.source + 1]
                shape = spec.host if link.source < 0 else spec.layers[link.source].shape
                transform = make_transform(rng, spec, layer, link, shape)
                connection = nengo.Connection(
                    source.neurons,
                    ensemble.neurons,
                    transform=transform,
                    synapse=None if layer.tau is None else nengo.Lowpass(layer.tau),
                )
                network.config[connection].pop_type = link.pop_type
            ensembles.append(ensemble)
        nengo.Probe(ensembles[-1].neurons)
    return network, host


def make_transform(
    rng: np.random.Generator, spec: NetworkSpec, layer: LayerSpec, link: Link, shape: Shape
) -> Any:
    """Make the convolution of a connection."""
    channels = layer.shape[2]
    init = rng.normal(0, 1, (*link.kernel, shape[2], channels))
    if spec.weights == "positive":
        init = np.abs(init)
    elif spec.weights == "equal":
        init = np.ones_like(init)
    kwargs: dict[str, Any] = {
        "strides": (link.stride, link.stride),
        "kernel_size": link.kernel,
        "padding": link.padding,
        "init": init / np.sqrt(np.prod(init.shape[:3])),
    }
    if link.up:
        kwargs["output_shape"] = layer.shape
        return nengo.transforms.ConvolutionTranspose(channels, shape, **kwargs)
    return nengo.Convolution(channels, shape, **kwargs)


@dataclass(frozen=True)
class Truth:
    """NengoLoihi's own run: integer network, input spikes, and all spikes ``(steps, neurons)``.

    ``spikes`` are those of every ensemble, ``compartments`` the same ones block after block.
    """

    network: IntegerNetwork
    inputs: list[np.ndarray]
    spikes: dict[str, np.ndarray]
    overflowed: bool
    model: Any
    compartments: np.ndarray


def run_nengo_loihi(network: Any, n_steps: int) -> Truth:
    """Build, discretize and run a network on NengoLoihi's emulator, step by step."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with nengo_loihi.Simulator(network, target="sim", progress_bar=False) as simulator:
            model, emulator = simulator.model, simulator.sims["emulator"]
            integer = extract_network(model)
            sent: dict[Any, np.ndarray] = {
                spikes: np.zeros((n_steps, spikes.n_neurons), np.uint8) for spikes in model.inputs
            }
            compartments = np.zeros((n_steps, integer.n_neurons), bool)
            host_pre = simulator.sims.get("host_pre")
            if host_pre is not None:
                host_pre.run_steps(n_steps)
                simulator._runner._host2chip(emulator)
            for spikes in model.inputs:
                for t, indices in spikes.spikes.items():
                    if t <= n_steps:
                        sent[spikes][t - 1, indices] = 1
            for t in range(n_steps):
                emulator.step()
                compartments[t] = emulator.compartment.spiked
    spikes = {}
    for k, ensemble in enumerate(integer.ensembles):
        spikes[ensemble.name] = np.zeros((n_steps, ensemble.size), bool)
        for block in integer.ensemble_blocks(k):
            part = slice(integer.block_start[block], integer.block_start[block + 1])
            spikes[ensemble.name][:, integer.neuron[part]] = compartments[:, part]
    overflowed = any("Overflow" in str(w.message) for w in caught)
    return Truth(integer, list(sent.values()), spikes, overflowed, model, compartments)
