"""Spikes in the forward pass and rates in the backward pass, to train for the effects of spikes.

Loihi's rate curve holds for constant input. Between ensembles the input is spikes: they arrive in
bursts, the reset discards what is above the threshold, and inhibition below zero is lost. So in
the last part of tuning the forward pass is the spiking network itself, step by step, and each
neuron's gradient is that of a smooth rate curve at its mean input, combined with the measured
rates (after "tandem learning", Wu et al. 2021, arXiv 1907.01167).

The network only feeds forward, so each layer is simulated over all steps at once: one convolution
over all time steps, then one pass of the neurons over time. A shorter presentation is the beginning
of a longer one, so several cost no more than the longest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numba
import numpy as np

from spikeseg_core.ann.forward import Convolve, forward
from spikeseg_core.ann.neuron import measured_rate
from spikeseg_core.network import DT, IMAGE, Network
from spikeseg_core.network.initial_state import initial_potentials
from spikeseg_core.network.neuron import POTENTIAL_PER_UNIT, UNITS_PER_SPIKE, step
from spikeseg_core.stack import tf


def spiking_forward(
    network: Network,
    convolve: Convolve,
    tiles: Any,
    windows: Sequence[tuple[int, int]],
    *,
    delay: int,
    synapse_ms: float = 0.0,
) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """Run the spiking network on tiles in floating point; gradients flow back as through rates.

    Parameters
    ----------
    tiles : tensor (batch, tile, tile, 1)
        Standardised; the batch size must be known. Constant over the presentation.
    windows : sequence of (int, int)
        Time steps of 1 ms to average over: the first, and the one after the last.
    delay : int
        Steps a spike takes to the next layer: 1 on Loihi, 0 in NengoDL.
    synapse_ms : float
        Time constant of every synapse's low-pass; 0 disables it. The read-out is not filtered.

    Returns
    -------
    logits, currents, rates
        As from :func:`through_rates`.
    """
    measured = _float_rates(network, convolve, tiles, windows, delay=delay, synapse_ms=synapse_ms)
    return through_rates(network, convolve, tiles, measured)


def through_rates(
    network: Network, convolve: Convolve, tiles: Any, measured: Mapping[str, Any]
) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """Pass measured rates through the network once, so that gradients flow back.

    Parameters
    ----------
    tiles : tensor (batch, tile, tile, 1)
        Standardised.
    measured : mapping of str to tensor (windows * batch, rows, columns, channels)
        By layer, in units of 100 Hz: of all tiles in the first window, then in the second, ...

    Returns
    -------
    logits : tensor (windows * batch, tile, tile, 1)
        Read-out of the mean rates.
    currents : dict of str to tensor (windows * batch, rows, columns, channels)
        Mean input of every neuron in each window, in units of 100 Hz.
    rates : dict of str to tensor (windows * batch, rows, columns, channels)
        The measured rates, with the gradient of the smooth curve.
    """
    windows = measured[network.layers[0].name].shape[0] // tiles.shape[0]

    def activation(name: str, current: Any) -> Any:
        return measured_rate(current, measured[name])

    return forward(network, convolve, tf.tile(tiles, (windows, 1, 1, 1)), activation)


def _float_rates(
    network: Network,
    convolve: Convolve,
    tiles: Any,
    windows: Sequence[tuple[int, int]],
    *,
    delay: int,
    synapse_ms: float,
) -> dict[str, Any]:
    """Rates of every layer in each window, simulated in floating point; without gradients."""
    batch, steps = tiles.shape[0], max(end for _, end in windows)
    decay = np.float32(np.exp(-1000 * DT / synapse_ms) if synapse_ms else 0)
    spikes: dict[str, Any] = {}
    rates: dict[str, Any] = {}
    for layer in network.layers:
        shape = network.shape(layer.name)
        at_each_step = []
        for c in layer.inputs:
            if c.source == IMAGE:
                constant = convolve(layer.name, c, tiles)[:, tf.newaxis]
                repeated = tf.repeat(constant, steps, axis=1)
                at_each_step.append(tf.reshape(repeated, (batch * steps, *shape)))
            else:
                at_each_step.append(convolve(layer.name, c, spikes[c.source]))
        start = initial_potentials(network, layer.name).astype(np.float32).ravel()
        current = tf.reshape(tf.add_n(at_each_step), (batch, steps, -1))
        arriving, measured = tf.numpy_function(
            _integrate,
            [current, start, np.array(windows), delay, decay],
            (tf.float32, tf.float32),
            stateful=False,
        )
        spikes[layer.name] = tf.reshape(arriving, (batch * steps, *shape))
        rates[layer.name] = tf.reshape(measured, (len(windows) * batch, *shape))
    return rates


@numba.njit(cache=True, parallel=True)
def _integrate(
    current: np.ndarray, start: np.ndarray, windows: np.ndarray, delay: int, decay: np.float32
) -> tuple[np.ndarray, np.ndarray]:
    """Run neurons over time.

    ``current`` is ``(batch, steps, neurons)`` in units of 100 Hz, ``start`` the initial membrane
    potentials in thresholds, ``windows`` the first step and the step after the last of each mean.
    Spikes arrive ``delay`` steps later. ``decay`` is the share of the synaptic current that a step
    leaves (filtering a neuron's spikes once is the same as filtering them at every synapse).

    Returns what arrives at the next layer, ``(batch, steps, neurons)``, and the mean rate in each
    window, ``(windows, batch, neurons)``, in units of 100 Hz.
    """
    batch, steps, neurons = current.shape
    spikes = np.zeros_like(current)
    mean = np.zeros((windows.shape[0], batch, neurons), np.float32)
    per_unit, worth = np.float32(POTENTIAL_PER_UNIT), np.float32(UNITS_PER_SPIKE)
    zero, one = np.float32(0), np.float32(1)
    for tile in numba.prange(batch):
        potential = start.copy()
        arriving = np.zeros(neurons, np.float32)
        for t in range(steps):
            for n in range(neurons):
                potential[n], fires = step(potential[n], current[tile, t, n] * per_unit)
                arriving[n] = decay * arriving[n] + (one - decay) * (worth if fires else zero)
                if t + delay < steps:
                    spikes[tile, t + delay, n] = arriving[n]
                if fires:
                    for window in range(windows.shape[0]):
                        begin, end = windows[window]
                        if begin <= t < end:
                            mean[window, tile, n] += worth / np.float32(end - begin)
    return spikes, mean
