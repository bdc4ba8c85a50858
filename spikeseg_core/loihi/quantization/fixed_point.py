"""Loihi's integers as a differentiable function of the weights: fake quantization.

This reproduces NengoLoihi's builder and discretizer (:mod:`spikeseg_core.loihi.quantization.build`)
in TensorFlow, for all cores of a layer at once, so that training sees the rounding. Per core:
the largest weight of all its connections sets the scale; the weight exponent is the largest for
which threshold and biases fit; each connection then gets its own exponent and mantissas of
``weight_bits``. Numbers and order of operations are those of
``nengo_loihi/builder/discretize.py`` (1.1.0), so the integers are the same (tested on every block
of random networks).

A kernel is shared by all positions of a layer, a scale only by those of a core. Cores with the same
channels see the same kernel unless their tile is so thin that some kernel positions never reach it.
Training uses the scale of the whole kernel for each group of channels. This is exact for tiles of
at least two rows and columns with 3 x 3 kernels, and four with 8 x 8 kernels, as in the presets
(tested).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from spikeseg_core.network import DT, RATE_HZ_PER_UNIT
from spikeseg_core.stack import nengo_loihi, tf

_discretize = nengo_loihi.builder.discretize

_EXPONENTS = np.arange(0, -8, -1)
"""Weight exponents of a core, in the order tried."""

_SMALLEST_EXPONENT = -6
"""Smallest exponent of one connection."""

_SMALLEST_WEIGHT = 1e-8
"""A core whose largest weight is below this counts as empty; its biases are not rounded."""

_THRESHOLD = np.float32(1 / DT)
"""Threshold in NengoLoihi's units; its weights are 1000 times ours, its biases 100 times."""


@dataclass(frozen=True)
class FixedPoint:
    """One layer in Loihi's integers, and the real weights they represent.

    Attributes
    ----------
    kernels : list of int32 tensor (rows, columns, in_channels, channels)
        Per connection, what a spike adds to the current: the mantissa shifted by its exponent.
    biases, thresholds : int32 tensor (channels,)
        Each a mantissa shifted by its exponent.
    exponents : list of int32 tensor (channels,)
        NengoLoihi's ``weight_exp``, per connection.
    fits : bool tensor (channels,)
        False where no weight exponent fits thresholds and biases; the integers are invalid there.
    real_kernels, real_biases : list of float32 tensor, float32 tensor
        The integers in the units of :class:`~spikeseg_core.network.Weights`: with them and a
        threshold of one, a floating-point neuron behaves like the core's.
    """

    kernels: Sequence[Any]
    biases: Any
    thresholds: Any
    exponents: Sequence[Any]
    fits: Any
    real_kernels: Sequence[Any]
    real_biases: Any


def fixed_point(
    kernels: Sequence[Any],
    biases: Any,
    cores: np.ndarray,
    weight_bits: int = 8,
    synapse_ms: float = 0.0,
) -> FixedPoint:
    """Round one layer as NengoLoihi's builder and discretizer do.

    Parameters
    ----------
    kernels : sequence of float32 tensor (rows, columns, in_channels, channels)
        Kernels of all connections into the layer, in the units of
        :class:`~spikeseg_core.network.Weights`. Sides and source channels may differ.
    biases : float32 tensor (channels,)
    cores : int array (channels,)
        Core of each channel, ascending from 0 (:func:`cores_of_channels`).
    synapse_ms : float
        Time constant of the synaptic low-pass in ms; 0 disables it.
    """
    built = [_as_built(kernel) for kernel in kernels]
    maxima = [tf.math.segment_max(tf.reduce_max(tf.abs(w), (0, 1, 2)), cores) for w in built]
    w_max = tf.reduce_max(tf.stack(maxima), axis=0)
    empty = w_max <= _SMALLEST_WEIGHT
    w_max = tf.where(empty, tf.ones_like(w_max), w_max)
    w_scale = 255.0 / tf.cast(w_max, tf.float64)
    bias = tf.cast(tf.cast(biases * RATE_HZ_PER_UNIT, tf.float32), tf.float64)
    b_max = tf.math.segment_max(tf.abs(bias), cores)

    # The largest exponent that fits every threshold and bias of the core.
    charge = _charge_of_a_spike(synapse_ms)
    v_scale = charge * w_scale[:, tf.newaxis] * 2.0 ** (6 + _EXPONENTS.astype(np.float64))
    held = (tf.round(float(_THRESHOLD) * v_scale) <= _discretize.VTH_MAX) & (
        tf.round(b_max[:, tf.newaxis] * v_scale) <= _discretize.BIAS_MAX
    )
    first = tf.argmax(tf.cast(held, tf.int32), axis=1, output_type=tf.int32)
    v_scale = tf.gather(v_scale, first, axis=1, batch_dims=1)
    w_exponent = tf.gather(_EXPONENTS.astype(np.int32), first)
    threshold = 64 * tf.round(tf.round(float(_THRESHOLD) * v_scale) / 64)

    def spread(per_core: Any) -> Any:
        return tf.gather(per_core, cores)

    scale = _Scale(spread(w_max), spread(w_scale), spread(w_exponent))
    whole = [
        _weights(w, spread(largest), scale, weight_bits)
        for w, largest in zip(built, maxima, strict=True)
    ]
    whole_bias = _biases(tf.round(bias * spread(v_scale)))
    unit = tf.cast(spread(threshold), tf.float32)  # a spike at threshold is worth one kernel unit
    is_empty = spread(empty)
    return FixedPoint(
        kernels=[tf.cast(w, tf.int32) for w, _ in whole],
        biases=tf.cast(whole_bias, tf.int32),
        thresholds=tf.cast(spread(threshold), tf.int32),
        exponents=[exponent for _, exponent in whole],
        fits=spread(tf.reduce_any(held, axis=1)) & ~is_empty,
        real_kernels=[
            tf.where(is_empty, tf.zeros_like(w), w * np.float32(charge) / unit) for w, _ in whole
        ],
        real_biases=tf.where(
            is_empty,
            biases,
            tf.cast(whole_bias, tf.float32) / unit / np.float32(RATE_HZ_PER_UNIT * DT),
        ),
    )


def _as_built(kernel: Any) -> Any:
    """Weights as NengoLoihi's builder passes them to a block: times 1000, with its rounding."""
    times_gain = tf.cast(kernel * np.float32(RATE_HZ_PER_UNIT), tf.float64)
    return tf.cast(times_gain / DT * (1 / RATE_HZ_PER_UNIT), tf.float32)


def _charge_of_a_spike(synapse_ms: float) -> float:
    """Total charge of a spike on the voltage, relative to its effect on the current."""
    largest = 2**12 - 1
    decay = np.ones(1, np.float32)
    if synapse_ms > 0:
        decay[:] = -np.expm1(-DT / (synapse_ms * 1e-3))
    whole = np.round(np.clip(decay * largest - 1, 0, largest)).astype(np.int32)
    infactor = 1.0 / _discretize.decay_magnitude(whole, x0=2097152, offset=1)
    return float((1.0 / infactor)[0])


@dataclass(frozen=True)
class _Scale:
    """Scales of the cores of a layer, spread over its channels."""

    w_max: Any
    w_scale: Any
    w_exponent: Any


def _weights(w: Any, largest: Any, scale: _Scale, weight_bits: int) -> tuple[Any, Any]:
    """``discretize_synapse`` and ``discretize_weights``; ``largest`` weight of each channel's core.

    Returns
    -------
    tuple of float32 tensor like ``w``, int32 tensor (channels,)
        Whole weights, and the connection's exponent.
    """
    shift = 8 - weight_bits + 1  # one bit goes to the sign
    mantissa = 2 ** (8 - shift) - 1
    some = largest > 1e-16
    ratio = tf.cast(scale.w_max / tf.where(some, largest, tf.ones_like(largest)), tf.float64)
    finer = tf.math.floor(tf.cast(tf.math.log(ratio) / np.log(2.0), tf.float32))
    finer = tf.where(some, tf.cast(finer, tf.int32), scale.w_exponent - _SMALLEST_EXPONENT)
    exponent = tf.maximum(scale.w_exponent - finer, _SMALLEST_EXPONENT)
    scaled = w * tf.cast(scale.w_scale, tf.float32) * _power_of_two(finer)
    m = tf.clip_by_value(tf.round(scaled / 2.0**shift), -mantissa, mantissa)
    # The chip shifts mantissas by this. Bits lost by shifting right are rounded before.
    moved = _power_of_two(shift + exponent)
    lossy = tf.clip_by_value(tf.round(m * moved) / moved, -mantissa, mantissa)
    m = tf.where(moved < 1, lossy, m)
    return 64 * tf.math.floor(m * moved), exponent


def _biases(bias: Any) -> Any:
    """``bias_to_manexp``: mantissas of 12 bits, exponents up to 7."""
    powers = 2.0 ** np.arange(8)
    beyond = tf.abs(bias)[:, tf.newaxis] / _discretize.BIAS_MAN_MAX > powers
    step = _power_of_two(tf.reduce_sum(tf.cast(beyond, tf.int32), axis=1))
    step = tf.cast(step, tf.float64)
    return tf.round(bias / step) * step


def _power_of_two(exponent: Any) -> Any:
    return tf.pow(2.0, tf.cast(exponent, tf.float32))


def cores_of_channels(channels: int, depth: int) -> np.ndarray:
    """Core of each channel, int ``(channels,)``, for tiles of ``depth`` channels."""
    return np.arange(channels) // depth


# -- in training ----------------------------------------------------------------------------------


def rounded(kernels: Sequence[Any], biases: Any, found: FixedPoint) -> tuple[list[Any], Any]:
    """Return a layer's weights as realised on the chip; gradients pass straight through.

    Parameters
    ----------
    kernels, biases
        The exact weights, of which :func:`fixed_point` made ``found``.

    Returns
    -------
    kernels, biases : list of float32 tensor, float32 tensor
        In the units of the arguments.
    """

    def straight_through(exact: Any, rounded: Any) -> Any:
        return exact + tf.stop_gradient(rounded - exact)

    return [
        straight_through(kernel, real)
        for kernel, real in zip(kernels, found.real_kernels, strict=True)
    ], straight_through(biases, found.real_biases)
