"""Spikes of an ensemble that stays on the host and drives the chip."""

from __future__ import annotations

import numpy as np
from numba import njit, prange


def host_spikes(
    currents: np.ndarray, n_steps: int, dt: float = 0.001, start: np.ndarray | None = None
) -> np.ndarray:
    """Spikes of ``LoihiSpikingRectifiedLinear`` neurons under constant currents.

    The arithmetic is that of Nengo's reference simulator, in float64: ``v += current * dt``, a
    spike and ``v = 0`` where ``v > 1``, and no voltage below 0. The spikes of step ``t`` are what
    :meth:`Emulator.run` takes as step ``t`` of an input.

    Parameters
    ----------
    currents : (n_tiles, ...) ndarray
        Input current of every neuron in Hz, gain and bias included.
    n_steps : int
    dt : float
        Length of a step in seconds.
    start : (...) ndarray, optional
        Voltage of every neuron before the first step, in thresholds; at rest by default.

    Returns
    -------
    (n_tiles, n_steps, ...) ndarray of uint8
    """
    flat = np.ascontiguousarray(currents, dtype=np.float64).reshape(currents.shape[0], -1)
    spikes = np.zeros((flat.shape[0], n_steps, flat.shape[1]), np.uint8)
    voltages = np.zeros(flat.shape[1]) if start is None else start.astype(np.float64).ravel()
    _integrate(flat * dt, voltages, spikes)
    return spikes.reshape(currents.shape[0], n_steps, *currents.shape[1:])


@njit(cache=True, parallel=True)
def _integrate(rise, start, spikes):  # type: ignore[no-untyped-def]
    for item in prange(rise.shape[0]):
        voltage = start.copy()
        for t in range(spikes.shape[1]):
            for i in range(rise.shape[1]):
                v = voltage[i] + rise[item, i]
                spikes[item, t, i] = v > 1
                voltage[i] = 0.0 if v > 1 or v < 0 else v
