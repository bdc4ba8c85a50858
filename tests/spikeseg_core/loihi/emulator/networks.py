"""Random small networks, and what NengoLoihi's emulator makes of them."""

import warnings
from dataclasses import dataclass
from typing import Any

import nengo
import numpy as np
from hypothesis import strategies as st

from spikeseg_core.loihi.integer_network import IntegerNetwork
from spikeseg_core.loihi.quantization.extract import extract_network
from spikeseg_core.stack import nengo_loihi

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
    shape: Shape
    tile: Shape
    links: tuple[Link, ...]
    tau: float | None
    log_gain: float
    bias: float


@dataclass(frozen=True)
class NetworkSpec:
    host: Shape
    layers: tuple[LayerSpec, ...]
    rate: float
    weights: str
    seed: int


def conv_size(n: int, kernel: int, stride: int, padding: str) -> int:
    return -(-n // stride) if padding == "same" else (n - kernel) // stride + 1


def out_shape(source: Shape, link: Link, channels: int) -> Shape:
    if link.up:
        side = [n * link.stride for n in source[:2]]
    else:
        side = [
            conv_size(n, k, link.stride, link.padding)
            for n, k in zip(source[:2], link.kernel, strict=True)
        ]
    return (side[0], side[1], channels)


@st.composite
def network_specs(draw: st.DrawFn) -> NetworkSpec:
    """Layers of both kinds of convolution, skips, tiles, axon formats and extreme thresholds."""
    side = st.integers(3, 9)
    host = (draw(side), draw(side), draw(st.integers(1, 4)))
    shapes: list[Shape] = [host]
    layers: list[LayerSpec] = []
    for index in range(draw(st.integers(1, 3))):
        source = draw(st.integers(0, index)) if draw(st.booleans()) else index
        link = draw(links(source - 1, shapes[source]))
        channels = 4 * draw(st.integers(1, 3))
        shape = out_shape(shapes[source], link, channels)
        into = [link]
        for k, other in enumerate(shapes):
            skip = Link(k - 1, (3, 3), 1, "same", False, link.pop_type)
            if k != source and out_shape(other, skip, channels) == shape and draw(st.booleans()):
                into.append(skip)
        columns = draw(st.integers(1, shape[1]))
        depth = draw(st.sampled_from([4, channels]))
        # A core has 1,024 compartments.
        rows = draw(st.integers(1, min(shape[0], 1024 // (columns * depth))))
        tile = (rows, columns, depth)
        layers.append(
            LayerSpec(
                shape,
                tile,
                tuple(into),
                tau=draw(st.sampled_from([None, 0.002, 0.01, 0.1])),
                log_gain=draw(st.floats(0.5, 4.5)),
                bias=draw(st.sampled_from([0.0, 0.0, 0.3, 2.0])),
            )
        )
        shapes.append(shape)
    return NetworkSpec(
        host,
        tuple(layers),
        rate=draw(st.sampled_from([100.0, 500.0, 3000.0])),
        weights=draw(st.sampled_from(["normal", "positive", "equal"])),
        seed=draw(st.integers(0, 2**16)),
    )


@st.composite
def links(draw: st.DrawFn, source: int, shape: Shape) -> Link:
    if min(shape[:2]) * 2 <= 12 and draw(st.booleans()):
        kernel = draw(st.sampled_from([(2, 2), (3, 3), (4, 4)]))
        return Link(source, kernel, 2, "same", True, draw(st.sampled_from([16, 32])))
    kernel = (draw(st.integers(1, 4)), draw(st.integers(1, 4)))
    fits = kernel[0] <= shape[0] and kernel[1] <= shape[1]
    padding = draw(st.sampled_from(["same", "valid"])) if fits else "same"
    return Link(
        source,
        kernel,
        draw(st.sampled_from([1, 2, 4])),
        padding,
        False,
        draw(st.sampled_from([16, 32])),
    )


def build(spec: NetworkSpec) -> tuple[Any, Any]:
    """The Nengo network and the ensemble on the host."""
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
    """NengoLoihi's own run: integer network, input spikes and all spikes ``(steps, neurons)``."""

    network: IntegerNetwork
    inputs: list[np.ndarray]
    spikes: dict[str, np.ndarray]
    overflowed: bool
    model: Any


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
    return Truth(integer, list(sent.values()), spikes, overflowed, model)
