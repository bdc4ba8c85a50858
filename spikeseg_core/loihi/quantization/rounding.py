"""Rounding the weights of one core to Loihi's integers, in plain numpy.

The numbers and the order of operations are those of NengoLoihi 1.1.0
(``builder/discretize.py``), so the integers are the same; tested on random networks.
:mod:`spikeseg_core.loihi.quantization.fixed_point` does the same in TensorFlow, for tuning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from spikeseg_core.errors import MappingError
from spikeseg_core.network import DT, RATE_HZ_PER_UNIT

THRESHOLD_MAX = (2**17 - 1) * 2**6
"""Largest threshold: a mantissa of 17 bits, shifted by 6."""

BIAS_MANTISSA_MAX = 2**12 - 1
BIAS_MAX = BIAS_MANTISSA_MAX * 2**7
"""Largest bias: a mantissa of 12 bits, shifted by up to 7."""

DECAY_U, DECAY_V, REFRACTORY_STEPS = 4094, 0, 1
"""Currents last one step, voltages do not leak, a spike takes one step."""

VOLTAGE_MAX, VOLTAGE_MIN = 2**23 - 1, -(2**23) + 1

_EXPONENTS = range(0, -8, -1)
_SMALLEST_EXPONENT = -6
_THRESHOLD = float(np.float32(1 / DT))
_CHARGE_START = 2097152  # the current whose decay NengoLoihi sums up


@dataclass(frozen=True)
class CoreIntegers:
    """A core in integers.

    Attributes
    ----------
    weights : list of list of int32 ndarray
        As given, shifted by their exponent.
    exponents : list of int
        Weight exponent of every connection.
    biases : int32 ndarray
        Of every compartment.
    threshold : int
        Of all compartments.
    """

    weights: list[list[np.ndarray]]
    exponents: list[int]
    biases: np.ndarray
    threshold: int


def as_built(kernel: np.ndarray) -> np.ndarray:
    """Weights as NengoLoihi's builder passes them on: float32, times 1000, with its rounding."""
    times_gain = (kernel.astype(np.float32) * np.float32(RATE_HZ_PER_UNIT)).astype(np.float64)
    return (times_gain / DT * (1 / RATE_HZ_PER_UNIT)).astype(np.float32)


def round_core(
    name: str, weights: Sequence[Sequence[np.ndarray]], biases: np.ndarray, weight_bits: int = 8
) -> CoreIntegers:
    """Round everything that a core holds.

    Parameters
    ----------
    name : str
        Of its layer, for messages.
    weights : sequence of sequence of float32 ndarray
        Sets of weights by connection, from :func:`as_built`.
    biases : float32 ndarray
        Of every compartment, in units of 100 Hz.

    Raises
    ------
    MappingError
        If no exponent fits thresholds and biases, which are too large for the weights.
    """
    largest = [max((np.abs(w).max() for w in sets), default=np.float32(0)) for sets in weights]
    w_max = np.float32(max(largest, default=0))
    bias = (biases * np.float32(RATE_HZ_PER_UNIT)).astype(np.float32).astype(np.float64)
    scale = _scales(name, w_max, float(np.abs(bias).max(initial=0)))
    rounded, exponents = [], []
    for sets, own in zip(weights, largest, strict=True):
        whole, its = _round_connection(sets, own, scale, weight_bits)
        rounded.append(whole)
        exponents.append(its)
    threshold = int(np.round(np.round(_THRESHOLD * scale.voltage) / 64)) * 64
    whole_biases = _round_biases(np.round(bias * scale.voltage))
    return CoreIntegers(rounded, exponents, whole_biases, threshold)


class _Scale(NamedTuple):
    """Largest weight of a core, scale of its weights, their exponent, scale of its voltages."""

    largest: np.float32
    weights: float
    exponent: int
    voltage: float


def _scales(name: str, w_max: np.float32, b_max: float) -> _Scale:
    if w_max > 1e-8:
        w_scale = 255.0 / float(w_max)
        for exponent in _EXPONENTS:
            v_scale = _charge() * w_scale * 2.0 ** (6 + exponent)
            if _fits(_THRESHOLD * v_scale, THRESHOLD_MAX) and _fits(b_max * v_scale, BIAS_MAX):
                return _Scale(w_max, w_scale, exponent, v_scale)
        raise MappingError(
            f"layer {name!r}: a core has biases of up to {b_max:.3g} Hz and weights of at most "
            f"{float(w_max) / 1000:.3g}, which no weight exponent of Loihi can hold together; "
            "scale the layer's inputs up, or train it with smaller biases"
        )
    if b_max <= 1e-8:
        return _Scale(w_max, 0.0, 0, min(THRESHOLD_MAX, 2**21 - 1) / (_THRESHOLD + 1))
    v_scale = BIAS_MAX / b_max
    while np.round(_THRESHOLD * v_scale) > THRESHOLD_MAX:
        v_scale /= 2
    return _Scale(w_max, 0.0, 0, v_scale)


def _fits(value: float, limit: int) -> bool:
    return bool(np.round(value) <= limit)


def _charge() -> float:
    """Sum of the current that a spike leaves, relative to its weight."""
    r = (2**12 - 1 - DECAY_U) / 2**12
    q = 0.494  # expected loss per step by rounding, as NengoLoihi has it
    n = -np.log1p(_CHARGE_START * (1 - r) / q) / np.log(r)
    whole = (1 - r ** (n + 1)) / (1 - r)
    lost = q / ((1 - r) * _CHARGE_START) * (n + 1 - whole)
    return float(1.0 / (1.0 / (whole - lost)))


def _round_connection(
    sets: Sequence[np.ndarray],
    own: np.float32,
    scale: _Scale,
    weight_bits: int,
) -> tuple[list[np.ndarray], int]:
    """Whole weights of one connection, and its exponent."""
    if own > 1e-16:
        finer = int(np.floor(np.log2(scale.largest / own)))
        its = max(scale.exponent - finer, _SMALLEST_EXPONENT)
    else:
        its, finer = _SMALLEST_EXPONENT, scale.exponent - _SMALLEST_EXPONENT
    shift = 8 - weight_bits + 1  # one bit goes to the sign
    most = 2 ** (8 - shift) - 1
    moved = 2.0 ** (shift + its)
    whole = []
    for w in sets:
        scaled = w * np.float32(scale.weights) * np.float32(2.0**finer)
        m = np.clip(np.round(scaled / np.float32(2.0**shift)), -most, most)
        if moved < 1:  # bits lost by shifting right are rounded before
            m = np.clip(np.trunc(np.round(m * moved) / moved), -most, most)
        whole.append((64 * np.floor(m * moved)).astype(np.int32))
    return whole, its


def _round_biases(bias: np.ndarray) -> np.ndarray:
    """Mantissas of 12 bits, exponents up to 7."""
    exponent = np.ceil(np.log2(np.maximum(np.abs(bias) / BIAS_MANTISSA_MAX, 1)))
    return (np.round(bias / 2.0**exponent) * 2.0**exponent).astype(np.int32)
