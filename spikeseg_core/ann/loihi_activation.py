"""Loihi's rate curve as a Keras activation: exact forward, smooth backward.

A LoihiSpikingRectifiedLinear neuron adds its input to the voltage once a step and spikes when the
voltage passes 1, so its interspike interval is a whole number of steps, ``ceil(1 / (J dt))`` for
an input current of ``J`` spikes per second. Between 50 and 200 Hz that leaves 16 distinct rates.
"""

from __future__ import annotations

from typing import Any

from spikeseg_core.network import DT, RATE_HZ_PER_UNIT
from spikeseg_core.stack import keras, tf


def _staircase(x: Any) -> Any:
    """Rate of nengo-loihi's ``loihi_rates``, in units.

    In float64 and in the same order of operations as nengo-loihi, so that the interval is the
    same also where ``1 / (J dt)`` is a whole number.
    """
    current_hz = tf.cast(x, tf.float64) * RATE_HZ_PER_UNIT
    fires = current_hz > 0
    period = 1.0 / tf.where(fires, current_hz, tf.ones_like(current_hz))
    interval_steps = tf.math.ceil(period / DT)
    rate_hz = tf.where(fires, (1.0 / DT) / interval_steps, tf.zeros_like(current_hz))
    return tf.cast(rate_hz / RATE_HZ_PER_UNIT, x.dtype)


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
        gradient is that of the curve through the middle of the staircase,
        ``1 / (1 / J + dt / 2)`` for ``J > 0`` and zero below.
    """

    @tf.custom_gradient
    def staircase(current: Any) -> tuple[Any, Any]:
        def gradient(upstream: Any) -> Any:
            half_step = RATE_HZ_PER_UNIT * DT / 2
            slope = 1.0 / tf.square(1.0 + half_step * tf.nn.relu(current))
            return upstream * tf.where(current > 0, slope, tf.zeros_like(slope))

        return _staircase(current), gradient

    return staircase(tf.convert_to_tensor(x))


def counted(rate: Any, window_steps: int, seed: Any) -> Any:
    """Give rates as spikes counted over a window tell them: with the noise of counting.

    A neuron with a constant interval whose first spike comes at a random time spikes
    ``floor(rate * window + u)`` times in a window, ``u`` uniform in [0, 1): on average the rate,
    in steps of one spike a window (10 Hz in 100 steps), never beside it by more than one. Training
    with noise that stands for spikes is Hunsberger & Eliasmith's (arXiv 1510.08829, 1611.05141;
    theirs is Gaussian, made for the filtered spikes of LIF neurons).

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
    spikes_per_unit = RATE_HZ_PER_UNIT * DT * window_steps
    phase = tf.random.stateless_uniform(tf.shape(rate), seed, dtype=rate.dtype)
    spikes = tf.floor(rate * spikes_per_unit + phase)
    return rate + tf.stop_gradient(spikes / spikes_per_unit - rate)
