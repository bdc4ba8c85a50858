"""What tuning minimises, with rates and with spikes in the forward pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from spikeseg_core.ann.events import ChipSpikes, assumed_cores, runs_on_events
from spikeseg_core.ann.forward import convolutions, forward, integers_of
from spikeseg_core.ann.neuron import counted, loihi_rate
from spikeseg_core.ann.rate_loss import rate_range_loss, synaptic_operations
from spikeseg_core.ann.spiking import spiking_forward, through_rates
from spikeseg_core.ann.topology import with_topology
from spikeseg_core.ann.training import segmentation_losses
from spikeseg_core.ann.unet import model_from_weights
from spikeseg_core.config import TuneConfig
from spikeseg_core.loihi.mapping.fit import Tile
from spikeseg_core.loihi.quantization.fixed_point import FixedPoint
from spikeseg_core.network import Network, Weights
from spikeseg_core.network.depth import depth
from spikeseg_core.network.sparsity import GROUP, masks, pruned, sparse
from spikeseg_core.stack import tf


class TuningLosses:
    """The losses of a network that is being tuned.

    Parameters
    ----------
    weights : Weights
        Of the network before tuning, which, dense, is also the teacher.
    tiles : mapping of str to Tile, optional
        As for :func:`~spikeseg_core.ann.tuning.tune`.
    chip : bool, optional
        Whether :meth:`of_spikes` runs the integer network; by default where :func:`on_events`.

    Attributes
    ----------
    model : keras.Model
        Whose weights are read at every call.
    teacher : keras.Model
        The dense network before tuning.
    cores : dict of str to int array (channels,)
        By on-chip layer, the core that holds each channel; empty if weights are not rounded.
    chip : ChipSpikes or None
        What runs the integer network; None for the float reference.
    """

    def __init__(
        self,
        network: Network,
        weights: Weights,
        config: TuneConfig,
        tiles: Mapping[str, Tile] | None = None,
        *,
        chip: bool | None = None,
    ) -> None:
        self.network, self.config = network, config
        self.model = model_from_weights(
            network, pruned(network, weights), "loihi", masks=masks(network, weights)
        )
        self.teacher = model_from_weights(sparse(network, GROUP), weights)
        self.teacher.trainable = False
        bits = config.weight_bits
        self.cores = {} if bits is None else assumed_cores(network, bits, tiles)
        runs = on_events(network, config) if chip is None else chip
        self.chip = ChipSpikes(network, continuous=config.continuous) if runs else None
        # Without resets a read-out is late: what the tile before has left must have passed.
        late = depth(network) if config.continuous else 0
        self.windows = [(steps // 2 + late, steps + late) for steps in config.spiking_steps]

    def integers(self) -> dict[str, FixedPoint] | None:
        """Round the model's weights, if configured."""
        bits, synapse_ms = self.config.weight_bits, self.config.synapse_ms
        if bits is None:
            return None
        return integers_of(self.network, self.model, self.cores, bits, synapse_ms)

    def _wanted(self, images: Any, targets: Any) -> Any:
        """Return what the loss aims at: targets mixed with the teacher's output."""
        share, aims = self.config.distillation_weight, targets[..., :1]
        return (1 - share) * aims + share * tf.sigmoid(self.teacher(images)) if share else aims

    def under_spikes(self, images: Any) -> tuple[Any, dict[str, Any], dict[str, Any]]:
        """Run the network of spikes: logits, currents and rates of all read-outs.

        They are those of :func:`~spikeseg_core.ann.spiking.through_rates` in :attr:`windows`.
        """
        integers = self.integers()
        convolve = convolutions(self.network, self.model, integers)
        if self.chip is not None and integers is not None:
            measured = self.chip.rates(self.model, integers, images, self.windows)
            return through_rates(self.network, convolve, images, measured)
        synapse_ms = self.config.synapse_ms
        return spiking_forward(
            self.network, convolve, images, self.windows, delay=1, synapse_ms=synapse_ms
        )

    def of_rates(self, images: Any, targets: Any, training: bool) -> dict[str, Any]:
        """Losses of the network of rates (``training.Losses``)."""
        logits, currents, rates = forward(
            self.network,
            convolutions(self.network, self.model, self.integers()),
            images,
            _activation(self.network, self.config, images if training else None),
        )
        parts = segmentation_losses(logits, targets, self._wanted(images, targets))
        parts = _with_cost_of_spikes(self.network, self.config, parts, currents, rates)
        return with_topology(parts, logits, targets, self.config)

    def of_spikes(self, images: Any, targets: Any, training: bool) -> dict[str, Any]:
        """Losses of the network of spikes, the mean over its read-outs."""
        logits, currents, rates = self.under_spikes(images)
        every = (len(self.windows), 1, 1, 1)
        aim, targets = tf.tile(self._wanted(images, targets), every), tf.tile(targets, every)
        parts = segmentation_losses(logits, targets, aim)
        parts = _with_cost_of_spikes(self.network, self.config, parts, currents, rates)
        return with_topology(parts, logits, targets, self.config)


def on_events(network: Network, config: TuneConfig) -> bool:
    """Whether the epochs with spikes run the integer network, or its float reference.

    There are no integers without rounding, and tuning's emulator has no synaptic filter.
    """
    return config.weight_bits is not None and not config.synapse_ms and runs_on_events(network)


def _activation(
    network: Network, config: TuneConfig, images: Any | None
) -> Callable[[str, Any], Any]:
    """Neurons of the rate epochs, with noise if configured and images are given to seed it.

    The noise is seeded by the images of the batch, which no two batches share, so that a resumed
    run has the same noise as an uninterrupted one.
    """
    curve = loihi_rate if config.activation == "loihi" else tf.nn.relu
    if images is None or not config.noise_window_steps:
        return lambda name, current: curve(current)
    batch = tf.bitcast(tf.reduce_sum(tf.cast(images, tf.float32)), tf.int32)
    number = {layer.name: index for index, layer in enumerate(network.layers)}

    def noisy(name: str, current: Any) -> Any:
        seed = tf.stack([batch, config.seed * 1000 + number[name]])
        return counted(curve(current), config.noise_window_steps, seed)

    return noisy


def _with_cost_of_spikes(
    network: Network,
    config: TuneConfig,
    parts: dict[str, Any],
    currents: Mapping[str, Any],
    rates: Mapping[str, Any],
) -> dict[str, Any]:
    """Segmentation loss plus the rate loss of every layer and the cost of synaptic operations."""
    rate_loss = tf.add_n(
        [
            (config.rate_weight if layer.on_chip else config.rate_weight_off_chip)
            * rate_range_loss(
                currents[layer.name],
                rate_min_hz=config.rate_min_hz,
                rate_max_hz=config.rate_max_hz,
                percentile=config.percentile,
            )
            for layer in network.layers
        ]
    )
    operations = synaptic_operations(network, rates)
    return parts | {
        "loss": parts["loss"] + rate_loss + config.synop_weight * operations,
        "cross_entropy": parts["loss"],
        "rate_loss": rate_loss,
        "synaptic_ops": operations,
    }
