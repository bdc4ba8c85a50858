"""What spikes cost in training: the loss that keeps rates in a range, and synaptic operations.

Patel et al. 2021 (arXiv 2106.08921), in the form of the authors' NengoLoihi example:
``1/2 * sum_n (max(0, r_min - r_n) + max(0, r_n - r_max))^2`` with ``r_n`` the p-th percentile of
neuron ``n``'s rate. Three choices are ours:

* ``r_n`` is taken over the batch and over a small window of neighbouring neurons of the channel,
  which share their weights and see the same kind of image. A batch of 8 tiles and a window of
  4 x 4 give 128 samples, about what a neuron sees in all tiles of a few sections; with 8 samples
  every neuron that responds to something rare would count as silent.
* The mean over neurons replaces the sum, so a weight means the same in every layer. Rates are
  in units of 100 Hz: if all neurons are 50 Hz outside the range, the loss is 1/8 per layer.
* The gradient reaches neurons that do not fire (it is that of the current, not of the rate), so
  dead neurons can recover.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from spikeseg_core.ann.neuron import loihi_rate
from spikeseg_core.network import RATE_HZ_PER_UNIT, Network
from spikeseg_core.network.neuron import POTENTIAL_PER_UNIT
from spikeseg_core.stack import tf

WINDOW = 4
"""Side of the window of neighbouring neurons that are pooled, where it divides the layer."""


def rate_range_loss(
    currents: Any, *, rate_min_hz: float, rate_max_hz: float, percentile: float
) -> Any:
    """Penalise neurons whose percentile rate leaves the range.

    Parameters
    ----------
    currents : tensor (batch, rows, columns, channels)
        Input currents of one layer, in units of 100 Hz.

    Returns
    -------
    scalar tensor
        ``1/2 * mean_n (...)^2``, in (100 Hz)^2.
    """
    rates = percentile_rates(currents, percentile)
    too_low = tf.nn.relu(rate_min_hz / RATE_HZ_PER_UNIT - rates)
    too_high = tf.nn.relu(rates - rate_max_hz / RATE_HZ_PER_UNIT)
    return 0.5 * tf.reduce_mean(tf.square(too_low + too_high))


def percentile_rates(currents: Any, percentile: float) -> Any:
    """Percentile of Loihi's rate over the batch and windows of neighbouring neurons.

    Parameters
    ----------
    currents : tensor (batch, rows, columns, channels)
        Input currents of one layer, in units of 100 Hz; the shape must be known.
    percentile : float
        0-100, interpolated linearly between samples.

    Returns
    -------
    tensor (windows * channels,)
        In units of 100 Hz. Its gradient is that of the currents it was taken from.
    """
    batch, rows, columns, channels = currents.shape
    high, wide = _window(rows), _window(columns)
    samples = tf.reshape(currents, (batch, rows // high, high, columns // wide, wide, channels))
    count = batch * high * wide
    samples = tf.reshape(tf.transpose(samples, (1, 3, 5, 0, 2, 4)), (-1, count))
    position = percentile / 100 * (count - 1)
    lower = math.floor(position)
    largest = tf.math.top_k(samples, k=count - lower).values
    largest += tf.stop_gradient(loihi_rate(largest) - largest)
    upper = largest[:, max(0, count - lower - 2)]
    return largest[:, -1] + (position - lower) * (upper - largest[:, -1])


def synaptic_operations(network: Network, rates: Mapping[str, Any]) -> Any:
    """Count the synaptic operations on the chips: a spike adds each of its synapses' weights once.

    They are most of Loihi's dynamic energy. A neuron before a wide layer costs several times as
    much as one before a narrow layer.

    Parameters
    ----------
    rates : mapping of str to tensor (batch, rows, columns, channels)
        By layer, in units of 100 Hz; gradients flow back through it.

    Returns
    -------
    scalar tensor
        Synaptic operations per time step and neuron on chip, mean over the batch.
    """
    operations = tf.add_n(
        [
            tf.reduce_mean(rates[layer.name])
            * (network.fan_out(layer.name) * network.neurons(layer.name) * POTENTIAL_PER_UNIT)
            for layer in network.layers
        ]
    )
    return operations / network.neurons_on_chip


def _window(size: int) -> int:
    return math.gcd(size, WINDOW)
