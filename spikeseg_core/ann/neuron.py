"""The neuron of :mod:`spikeseg_core.network.neuron` in TensorFlow: exact rate, smooth gradient."""

from __future__ import annotations

from typing import Any

from spikeseg_core.network import RATE_HZ_PER_UNIT
from spikeseg_core.network.neuron import POTENTIAL_PER_UNIT, firing_rate, rate_slope
from spikeseg_core.stack import keras, tf

SOFTNESS = 0.2
"""Input range, in units of 100 Hz, over which the gradient of :func:`measured_rate` sets in: spikes
reach a neuron irregularly, so it may fire although its mean input is below zero."""


@keras.utils.register_keras_serializable("spikeseg")
def loihi_rate(x: Any) -> Any:
    """Rate of Loihi's integrate-and-fire neuron for a constant input, both in units of 100 Hz.

    Parameters
    ----------
    x : tensor of float
        Input current, any shape; 1.0 drives an ideal neuron at ``RATE_HZ_PER_UNIT``.

    Returns
    -------
    tensor of float
        ``loihi_rates(RATE_HZ_PER_UNIT * x) / RATE_HZ_PER_UNIT``, as nengo-loihi defines it. Its
        gradient is that of the curve through the middle of the staircase, and zero for ``x <= 0``.
    """

    @tf.custom_gradient
    def staircase(current: Any) -> tuple[Any, Any]:
        def gradient(upstream: Any) -> Any:
            slope = rate_slope(tf.nn.relu(current))
            return upstream * tf.where(current > 0, slope, tf.zeros_like(slope))

        current_hz = tf.cast(current, tf.float64) * RATE_HZ_PER_UNIT
        fires = current_hz > 0
        rate_hz = firing_rate(tf.where(fires, current_hz, tf.ones_like(current_hz)))
        units = tf.where(fires, rate_hz, tf.zeros_like(rate_hz)) / RATE_HZ_PER_UNIT
        return tf.cast(units, current.dtype), gradient

    return staircase(tf.convert_to_tensor(x))


@tf.custom_gradient
def measured_rate(current: Any, measured: Any) -> tuple[Any, Any]:
    """Return the measured rate, with the gradient of the smooth curve at the mean current.

    Parameters
    ----------
    current, measured : tensor of float
        Mean input and measured rate of every neuron, in units of 100 Hz.
    """

    def gradient(upstream: Any) -> tuple[Any, None]:
        slope = tf.sigmoid(current / SOFTNESS) * rate_slope(tf.nn.relu(current))
        return upstream * slope, None

    return tf.identity(measured), gradient


def counted(rate: Any, window_steps: int, seed: Any) -> Any:
    """Add to rates the noise of counting spikes over a window.

    A neuron with a constant interval whose first spike comes at a random time spikes
    ``floor(rate * window + u)`` times in a window, ``u`` uniform in [0, 1): on average the rate,
    in steps of one spike per window (10 Hz in 100 steps), and never off by more than one spike.
    Training with noise in place of spikes is due to Hunsberger & Eliasmith (arXiv 1510.08829,
    1611.05141; theirs is Gaussian, for the filtered spikes of LIF neurons).

    Parameters
    ----------
    rate : tensor of float
        In units of 100 Hz.
    window_steps : int
        Length of the window.
    seed : int tensor (2,)
        Seed of this call.

    Returns
    -------
    tensor of float
        Of the same shape; its gradient is that of ``rate``.
    """
    spikes_per_unit = POTENTIAL_PER_UNIT * window_steps
    phase = tf.random.stateless_uniform(tf.shape(rate), seed, dtype=rate.dtype)
    spikes = tf.floor(rate * spikes_per_unit + phase)
    return rate + tf.stop_gradient(spikes / spikes_per_unit - rate)
