"""The neuron: its rate, the gradient of its rate, and its step.

All neurons integrate and fire without a leak. In a step the input ``J dt`` is added to the
membrane potential, which does not fall below 0; a neuron whose potential passes the threshold, 1,
spikes and starts again at 0. With a constant input its interspike interval is therefore a whole
number of steps, ``ceil(1 / (J dt))``: between 50 and 200 Hz that leaves 16 distinct rates.

On the chip it is NengoLoihi's ``LoihiSpikingRectifiedLinear`` in integers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, prange

from spikeseg_core.network.description import DT, RATE_HZ_PER_UNIT

POTENTIAL_PER_UNIT = RATE_HZ_PER_UNIT * DT
"""Increase of the potential in one step for an input of 1.0, in thresholds."""

UNITS_PER_SPIKE = 1 / POTENTIAL_PER_UNIT
"""Activation of one spike, for one step."""


def firing_rate(current_hz: Any) -> Any:
    """Rate for a constant input: the staircase ``(1 / dt) / ceil(1 / (J dt))``.

    Parameters
    ----------
    current_hz : array or tensor of float64
        Input ``J`` in Hz, above 0. The order of operations is nengo-loihi's (``loihi_rates``), so
        that intervals agree even if ``1 / (J dt)`` is a whole number.

    Returns
    -------
    array or tensor of float64
        In Hz.
    """
    interval_steps = -(-(1.0 / current_hz / DT) // 1.0)
    return 1.0 / DT / interval_steps


def rate_slope(current: Any) -> Any:
    """Slope of the curve through the middle of the staircase, ``1 / (1 / J + dt / 2)``.

    Parameters
    ----------
    current : array or tensor of float
        Input in units of 100 Hz, 0 or above.

    Returns
    -------
    array or tensor of float
    """
    middle = 1.0 + POTENTIAL_PER_UNIT / 2 * current
    return 1.0 / (middle * middle)


@njit(inline="always")
def step(potential, rise):  # type: ignore[no-untyped-def]
    """Advance one neuron by one step: the new potential, and whether it spikes."""
    potential += rise
    spikes = potential > 1
    return (0.0 if spikes | (potential < 0) else potential), spikes


def spike_trains(
    currents_hz: np.ndarray, n_steps: int, initial: np.ndarray | None = None
) -> np.ndarray:
    """Spikes of neurons under constant input, in float64 as in Nengo's reference simulator.

    Parameters
    ----------
    currents_hz : (n_tiles, ...) ndarray
        Input of every neuron in Hz, gain and bias included.
    n_steps : int
        Steps of 1 ms.
    initial : (...) ndarray, optional
        Membrane potential of every neuron before the first step, in thresholds; 0 by default.

    Returns
    -------
    (n_tiles, n_steps, ...) ndarray of uint8
        0 or 1. The emulator takes the spikes of step ``t`` as step ``t`` of its input.
    """
    rise = np.ascontiguousarray(currents_hz, np.float64).reshape(currents_hz.shape[0], -1) * DT
    start = np.zeros(rise.shape[1]) if initial is None else initial.astype(np.float64).ravel()
    spikes = np.zeros((rise.shape[0], n_steps, rise.shape[1]), np.uint8)
    _integrate(rise, start, spikes)
    return spikes.reshape(currents_hz.shape[0], n_steps, *currents_hz.shape[1:])


@njit(cache=True, parallel=True)
def _integrate(rise, start, spikes):  # type: ignore[no-untyped-def]
    for item in prange(rise.shape[0]):
        potential = start.copy()
        for t in range(spikes.shape[1]):
            for i in range(rise.shape[1]):
                potential[i], spikes[item, t, i] = step(potential[i], rise[item, i])


def nengo_neuron(initial: np.ndarray | None = None) -> Any:
    """Give the neuron as a Nengo object; an activation of 1.0 stands for ``RATE_HZ_PER_UNIT``.

    ``initial`` are the membrane potentials before the first step, in thresholds; 0 by default.
    """
    from spikeseg_core.stack import nengo_loihi

    return nengo_loihi.neurons.LoihiSpikingRectifiedLinear(
        amplitude=1 / RATE_HZ_PER_UNIT,
        initial_state={} if initial is None else {"voltage": initial.ravel()},
    )
