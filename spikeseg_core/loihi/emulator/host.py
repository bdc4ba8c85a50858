"""Spikes of an ensemble that stays on the host and drives the chip."""

from __future__ import annotations

import numpy as np
from numba import njit, prange


def host_spikes(currents: np.ndarray, n_steps: int, dt: float = 0.001) -> np.ndarray:
    """Spikes of ``LoihiSpikingRectifiedLinear`` neurons under constant currents, from rest.

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

    Returns
    -------
    (n_tiles, n_steps, ...) ndarray of uint8
    """
    flat = np.ascontiguousarray(currents, dtype=np.float64).reshape(currents.shape[0], -1)
    spikes = np.zeros((flat.shape[0], n_steps, flat.shape[1]), np.uint8)
    _integrate(flat * dt, spikes)
    return spikes.reshape(currents.shape[0], n_steps, *currents.shape[1:])


@njit(cache=True, parallel=True)
def _integrate(rise, spikes):  # type: ignore[no-untyped-def]
    for item in prange(rise.shape[0]):
        voltage = np.zeros(rise.shape[1])
        for t in range(spikes.shape[1]):
            for i in range(rise.shape[1]):
                v = voltage[i] + rise[item, i]
                spikes[item, t, i] = v > 1
                voltage[i] = 0.0 if v > 1 or v < 0 else v
