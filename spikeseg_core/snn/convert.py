"""Conversion to a spiking network with NengoDL (stage 4), and its evaluation.

The tuned Keras model goes through ``nengo_dl.Converter``: no TensorFlow layer remains, every
activation becomes an ensemble of Loihi's neurons, and the weights are unchanged.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import nengo
import numpy as np

from spikeseg_core.ann.neuron import loihi_rate
from spikeseg_core.ann.unet import convolution_name, model_from_weights
from spikeseg_core.config import PresentationConfig
from spikeseg_core.errors import ConfigError
from spikeseg_core.network import DT, RATE_HZ_PER_UNIT, Network, Weights
from spikeseg_core.network.initial_state import initial_potentials
from spikeseg_core.network.neuron import nengo_neuron
from spikeseg_core.reporting import SILENT, Reporter
from spikeseg_core.stack import keras, nengo_dl


@nengo_dl.Converter.register(keras.layers.Conv2DTranspose)
class ConvertConv2DTranspose(nengo_dl.converter.ConvertConv2D):
    """Converts ``Conv2DTranspose``, which NengoDL does not support, to Nengo objects."""

    def convert(self, node_id: int) -> Any:
        """Build the Nengo objects of one use of the layer."""
        layer = self.layer
        output = self.add_nengo_obj(node_id, activation=layer.activation)
        if layer.use_bias:
            self.add_bias(node_id, output, layer.bias.numpy())
        transform = nengo.transforms.ConvolutionTranspose(
            n_filters=layer.filters,
            input_shape=self.input_shape(node_id),
            output_shape=self.output_shape(node_id),
            kernel_size=layer.kernel_size,
            strides=layer.strides,
            padding=layer.padding,
            # Keras stores (rows, columns, out, in), Nengo (rows, columns, in, out).
            init=layer.kernel.numpy().transpose(0, 1, 3, 2),
        )
        self.add_connection(node_id, output, transform=transform, trainable=True)
        return output

    def add_bias(self, node_id: int, output: Any, bias: np.ndarray) -> None:
        """Add one bias per channel to every position of ``output``."""
        shape = self.output_shape(node_id)
        node = nengo.Node([1], label=f"{self.layer.name}.{node_id}.bias")
        everywhere = np.broadcast_to(bias, shape).reshape(-1, 1)
        connection = nengo.Connection(node, output, transform=everywhere, synapse=None)
        self.set_trainable(connection, False)


@dataclass(frozen=True)
class SpikingOutput:
    """Output of a spiking network for tiles.

    Attributes
    ----------
    logits : float32 array (tiles, tile, tile)
        Read-out, averaged over the window.
    rates : mapping of str to float32 array (tiles, rows, columns, channels)
        Rate of every neuron over the whole presentation, in Hz, by layer.
    """

    logits: np.ndarray
    rates: Mapping[str, np.ndarray]


class SpikingNet:
    """A network of Loihi's neurons in NengoDL, made by :func:`convert`."""

    def __init__(self, network: Network, converter: Any) -> None:
        self.network = network
        self._converter = converter
        model = converter.model
        sums = nengo.LinearFilter([1], [1, 0])  # the integral over time, in the simulator itself
        with converter.net:
            nengo_dl.configure_settings(
                # Only the last step: probes of every neuron at every step would not fit in memory.
                keep_history=False,
                # Merged signals are written element by element, which is 9 times slower here.
                planner=nengo_dl.graph_optimizer.noop_planner,
                sorter=nengo_dl.graph_optimizer.noop_order_signals,
            )
            self._probes = {
                layer.name: nengo.Probe(converter.layers[model.get_layer(layer.name)], synapse=sums)
                for layer in network.layers
            }
            self._readout = nengo.Probe(converter.layers[model.layers[-1]], synapse=sums)
        self._input = converter.inputs[model.input]

    @property
    def neurons(self) -> int:
        """Number of neurons, on the host and on the chip."""
        return sum(ensemble.n_neurons for ensemble in self._converter.net.all_ensembles)

    def segment_tiles(
        self,
        tiles: np.ndarray,
        presentation: PresentationConfig,
        *,
        spiking: bool,
        batch_tiles: int = 16,
        report: Reporter = SILENT,
    ) -> SpikingOutput:
        """Show each tile for ``presentation.steps``, starting from the initial membrane potentials.

        Parameters
        ----------
        tiles : float32 array (tiles, tile, tile)
            Standardised.
        spiking : bool
            True: neurons spike. False: neurons give Loihi's rate for their input, in one step.
        batch_tiles : int
            Tiles simulated together. Memory grows with it: about
            ``4 bytes * batch_tiles * steps * tile^2`` for the input alone.
        """
        start = presentation.readout_start if spiking else 0
        steps = presentation.steps if spiking else 1
        logits: list[np.ndarray] = []
        rates: dict[str, list[np.ndarray]] = {name: [] for name in self._probes}
        with self._converter.net:
            nengo_dl.configure_settings(learning_phase=not spiking, inference_only=spiking)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="No GPU support detected")
            simulator = nengo_dl.Simulator(
                self._converter.net, dt=DT, minibatch_size=batch_tiles, progress_bar=False
            )
        with simulator:
            for first in range(0, len(tiles), batch_tiles):
                batch = tiles[first : first + batch_tiles]
                filled = np.zeros((batch_tiles, *batch.shape[1:]), np.float32)
                filled[: len(batch)] = batch
                # A probe's filter lags by one step.
                before = self._run(simulator, filled, start + 1)
                after = self._run(simulator, filled, steps - start)
                simulator.reset(
                    include_trainable=False, include_probes=False, include_processes=False
                )
                window = (steps - start) * DT
                image = (after[self._readout] - before[self._readout]) / window
                logits.append(image[: len(batch)].reshape(batch.shape))
                for name, probe in self._probes.items():
                    rate = after[probe] * (RATE_HZ_PER_UNIT / (steps * DT))
                    shape = (len(batch), *self.network.shape(name))
                    rates[name].append(rate[: len(batch)].reshape(shape))
                report.progress(
                    first + len(batch), len(tiles), f"{steps} steps of {len(tiles)} tiles"
                )
        return SpikingOutput(
            np.concatenate(logits), {name: np.concatenate(parts) for name, parts in rates.items()}
        )

    def _run(self, simulator: Any, tiles: np.ndarray, steps: int) -> dict[Any, Any]:
        """Simulate ``steps`` more steps; return each probe's integral since the start."""
        shown = np.broadcast_to(
            tiles.reshape(len(tiles), 1, -1), (len(tiles), steps, tiles[0].size)
        )
        found = simulator.predict_on_batch({self._input: shown}, stateful=True)
        return {probe: np.asarray(values)[:, -1] for probe, values in found.items()}


def convert(network: Network, weights: Weights, synapse_ms: float = 0.0) -> SpikingNet:
    """Convert a network tuned to Loihi's rate curve to spiking neurons, with the same weights.

    Raises
    ------
    ConfigError
        If the converted network differs from ``network`` or ``weights``.
    """
    converter = nengo_dl.Converter(
        model_from_weights(network, weights, "loihi"),
        allow_fallback=False,
        inference_only=True,
        swap_activations={loihi_rate: type(nengo_neuron())()},
        scale_firing_rates=RATE_HZ_PER_UNIT,
        synapse=nengo.Lowpass(synapse_ms / 1000) if synapse_ms else None,
    )
    for layer in network.layers:
        ensemble = converter.layers[converter.model.get_layer(layer.name)].ensemble
        ensemble.neuron_type = nengo_neuron(initial_potentials(network, layer.name))
    _check_same(network, weights, converter)
    return SpikingNet(network, converter)


def _check_same(network: Network, weights: Weights, converter: Any) -> None:
    """Check every ensemble and kernel of the Nengo network against the network and weights."""
    layers = {layer.name: layer for layer in converter.model.layers}
    for layer in network.layers:
        neurons = converter.layers[layers[layer.name]].size_out
        if neurons != network.neurons(layer.name):
            raise ConfigError(
                f"layer {layer.name!r} has {network.neurons(layer.name)} neurons, its ensemble in "
                f"NengoDL {neurons}; the conversion is wrong, please report it"
            )
    into = {
        connection.post_obj: connection
        for connection in converter.net.all_connections
        if hasattr(connection.transform, "kernel_size")
    }
    for target, c in network.links():
        node = converter.layers[layers[convolution_name(target, c.source)]]
        if not np.array_equal(into[node].transform.init, weights.kernel(target, c.source)):
            raise ConfigError(
                f"the kernel from {c.source!r} into {target or 'the read-out'!r} changed in the "
                "conversion; the conversion is wrong, please report it"
            )
