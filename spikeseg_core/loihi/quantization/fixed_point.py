"""Loihi's integers as a function of the weights, with a gradient: fake quantization.

What NengoLoihi's builder and discretizer make of a core block
(:mod:`spikeseg_core.loihi.quantization.build`), in TensorFlow and for all cores of a layer at once,
so that training can see it. Per core: the largest weight of all its connections sets the scale; the
weight exponent is the largest that holds threshold and biases; each connection then gets an
exponent of its own, and mantissas of ``weight_bits``. Same numbers, same order of operations as
``nengo_loihi/builder/discretize.py`` (1.1.0), so the integers are the same (tested on every block
of random networks).

A kernel is shared by all positions of a layer, the scale only by those of a core. Cores that hold
the same channels see the same kernel unless their tile is so thin that some positions of the
kernel never reach it (:func:`core_parts`). Training takes the scale of the whole kernel for each
group of channels: exact for every tile with at least two rows and columns under 3 x 3 kernels and
four under 8 x 8 ones, as those of the presets (tested).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from spikeseg_core.errors import MappingError
from spikeseg_core.loihi.mapping.axis import axis_of, cuts
from spikeseg_core.loihi.mapping.fit import Tile
from spikeseg_core.network import DT, RATE_HZ_PER_UNIT, Network, Weights
from spikeseg_core.stack import nengo_loihi, tf

_discretize = nengo_loihi.builder.discretize

_EXPONENTS = np.arange(0, -8, -1)
"""Weight exponents of a core, in the order they are tried."""

_SMALLEST_EXPONENT = -6
"""Of one connection."""

_SMALLEST_WEIGHT = 1e-8
"""A core whose largest weight is below has no weights; it keeps its biases as they are."""

_THRESHOLD = np.float32(1 / DT)
"""Of every neuron, in NengoLoihi's units; weights are 1000 times, biases 100 times ours."""


@dataclass(frozen=True)
class FixedPoint:
    """One layer in Loihi's integers, and what they stand for.

    Attributes
    ----------
    kernels : list of int32 tensor (rows, columns, in_channels, channels)
        By connection: what a spike adds to the current, the mantissa shifted by its exponent.
    biases, thresholds : int32 tensor (channels,)
        Each a mantissa shifted by its exponent.
    exponents : list of int32 tensor (channels,)
        By connection: NengoLoihi's ``weight_exp``.
    fits : bool tensor (channels,)
        False where no weight exponent holds thresholds and biases; the integers mean nothing there.
    real_kernels, real_biases : list of float32 tensor, float32 tensor
        What the integers do, in the units of :class:`~spikeseg_core.network.Weights`: with them
        and a threshold of exactly one, a neuron in floating point behaves as the core's.
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
        Of every connection into the layer, in the units of
        :class:`~spikeseg_core.network.Weights`. Sides and source channels may differ.
    biases : float32 tensor (channels,)
    cores : int array (channels,)
        Core that holds each channel: from 0 on, rising (:func:`cores_of_channels`).
    weight_bits : int
        Bits of a weight, the sign included.
    synapse_ms : float
        Time constant of the synaptic low-pass in ms; 0: none.
    """
    built = [_as_built(kernel) for kernel in kernels]
    maxima = [tf.math.segment_max(tf.reduce_max(tf.abs(w), (0, 1, 2)), cores) for w in built]
    w_max = tf.reduce_max(tf.stack(maxima), axis=0)
    empty = w_max <= _SMALLEST_WEIGHT
    w_max = tf.where(empty, tf.ones_like(w_max), w_max)
    w_scale = 255.0 / tf.cast(w_max, tf.float64)
    bias = tf.cast(tf.cast(biases * RATE_HZ_PER_UNIT, tf.float32), tf.float64)
    b_max = tf.math.segment_max(tf.abs(bias), cores)

    # The largest exponent that holds every threshold and bias of the core.
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
    """Weights as NengoLoihi's builder hands them to a block: times 1000, with its rounding."""
    times_gain = tf.cast(kernel * np.float32(RATE_HZ_PER_UNIT), tf.float64)
    return tf.cast(times_gain / DT * (1 / RATE_HZ_PER_UNIT), tf.float32)


def _charge_of_a_spike(synapse_ms: float) -> float:
    """Charge that a spike adds to the voltage in the end, over what it adds to the current."""
    largest = 2**12 - 1
    decay = np.ones(1, np.float32)
    if synapse_ms > 0:
        decay[:] = -np.expm1(-DT / (synapse_ms * 1e-3))
    whole = np.round(np.clip(decay * largest - 1, 0, largest)).astype(np.int32)
    infactor = 1.0 / _discretize.decay_magnitude(whole, x0=2097152, offset=1)
    return float((1.0 / infactor)[0])


@dataclass(frozen=True)
class _Scale:
    """What the cores of a layer have settled on, spread over its channels."""

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
    # The chip shifts mantissas by this: to the right it loses bits, which are rounded before.
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
    """Say which core holds each channel, int ``(channels,)``, if a tile holds ``depth`` of them."""
    return np.arange(channels) // depth


# -- in training ----------------------------------------------------------------------------------


def rounded(
    kernels: Sequence[Any],
    biases: Any,
    cores: np.ndarray,
    weight_bits: int,
    synapse_ms: float = 0.0,
) -> tuple[list[Any], Any]:
    """Give a layer's weights as the chip realises them; gradients pass straight through.

    Parameters
    ----------
    kernels, biases, cores, weight_bits, synapse_ms
        As for :func:`fixed_point`.

    Returns
    -------
    kernels, biases : list of float32 tensor, float32 tensor
        In the units they came in.
    """
    found = fixed_point(kernels, biases, cores, weight_bits, synapse_ms)

    def straight_through(exact: Any, rounded: Any) -> Any:
        return exact + tf.stop_gradient(rounded - exact)

    return [
        straight_through(kernel, real)
        for kernel, real in zip(kernels, found.real_kernels, strict=True)
    ], straight_through(biases, found.real_biases)


# -- exactly, core by core ------------------------------------------------------------------------


@dataclass(frozen=True)
class CorePart:
    """What a core sees of its layer's weights.

    Attributes
    ----------
    channels : slice
        Channels that it holds.
    rows, columns : tuple of bool array (kernel,)
        By connection: the positions of the kernel that reach it.
    """

    channels: slice
    rows: tuple[np.ndarray, ...]
    columns: tuple[np.ndarray, ...]

    @property
    def is_whole(self) -> bool:
        """Whether every position of every kernel reaches it."""
        return all(used.all() for used in (*self.rows, *self.columns))


def core_parts(network: Network, name: str, tile: Tile) -> list[CorePart]:
    """Parts of a layer's kernels that its cores see, in the order of its blocks.

    Parameters
    ----------
    network : Network
        The architecture.
    name : str
        An on-chip layer.
    tile : Tile
        What it is cut into.
    """
    shape = network.shape(name)
    rows, columns = (
        [
            tuple(_positions(network, name, c, *part) for c in network.layer(name).inputs)
            for part in cuts(shape[axis], tile[axis])
        ]
        for axis in (0, 1)
    )
    return [
        CorePart(slice(*channels), r, c)
        for r in rows
        for c in columns
        for channels in cuts(shape[2], tile[2])
    ]


def _positions(network: Network, name: str, c: Any, start: int, stop: int) -> np.ndarray:
    """Positions of a kernel along one axis that reach targets ``start..stop``."""
    axis = axis_of(network, name, c)
    first, last = axis.reach()
    used = np.zeros(c.kernel, bool)
    for target in range(start, stop):
        sources = np.flatnonzero((first <= target) & (target < last))
        used[axis.kernel_position(sources, np.asarray(target))] = True
    return used


def fixed_point_of_cores(
    network: Network,
    weights: Weights,
    tiles: Mapping[str, Tile],
    *,
    weight_bits: int = 8,
    synapse_ms: float = 0.0,
) -> dict[str, list[tuple[CorePart, FixedPoint]]]:
    """Round a network core by core, exactly as its blocks will be.

    Parameters
    ----------
    network, weights, tiles
        As :func:`spikeseg_core.loihi.quantization.build.build_network` takes them.
    weight_bits, synapse_ms
        As for :func:`fixed_point`.

    Returns
    -------
    dict of str to list of (CorePart, FixedPoint)
        By on-chip layer, one for each core in the order of its blocks. The kernels are cut to the
        positions and channels of the part.

    Raises
    ------
    MappingError
        If the integers of a core cannot hold its thresholds and biases, or it has no weights.
    """
    found: dict[str, list[tuple[CorePart, FixedPoint]]] = {}
    for layer in network.chip_layers():
        kernels = [weights.kernel(layer.name, c.source) for c in layer.inputs]
        known: dict[bytes, FixedPoint] = {}
        found[layer.name] = []
        for part in core_parts(network, layer.name, tiles[layer.name]):
            key = repr((part.channels, part.rows, part.columns)).encode()
            if key not in known:
                channels = part.channels
                known[key] = fixed_point(
                    [
                        tf.constant(kernel[rows][:, columns][..., channels])
                        for kernel, rows, columns in zip(
                            kernels, part.rows, part.columns, strict=True
                        )
                    ],
                    tf.constant(weights.biases[layer.name][channels]),
                    np.zeros(channels.stop - channels.start, int),
                    weight_bits,
                    synapse_ms,
                )
                if not np.all(known[key].fits):
                    raise MappingError(
                        f"layer {layer.name!r}, channels {channels.start} to {channels.stop - 1}: "
                        "no weight exponent holds thresholds and biases; weights that are zero or "
                        "tiny beside the biases are the reason, tune again"
                    )
            found[layer.name].append((part, known[key]))
    return found
