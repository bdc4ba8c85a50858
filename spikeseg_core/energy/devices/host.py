"""The host of the chips: timing the lists of spikes that it sends them."""

from __future__ import annotations

import time
from itertools import cycle

import numpy as np

from spikeseg_core.energy.devices.cpu import THREAD_ROUNDS, cpus, thread_counts
from spikeseg_core.energy.devices.meter import Power, Timer, figures_of_timing, meter_of
from spikeseg_core.energy.host import HostSpikes
from spikeseg_core.loihi.emulator.steady import SpikeLists
from spikeseg_core.loihi.run.base import host_currents, steady_input
from spikeseg_core.network import Network, Weights

TILES = 16
"""Tiles that are shown in turn, so that no branch is learned by heart."""


class _Presentation:
    """The spikes of the host's layers for ``n_steps`` steps of one tile after the other."""

    def __init__(
        self, network: Network, weights: Weights, tiles: np.ndarray, n_steps: int, threads: int
    ) -> None:
        self._layers = []
        for layer in network.layers:
            if not layer.on_chip:
                units = host_currents(network, weights, layer.name, tiles)
                rise, initial = steady_input(network, layer.name, units)
                lists = SpikeLists(initial.size, n_steps, threads)
                self._layers.append((cycle(rise.reshape(len(tiles), -1)), initial.ravel(), lists))

    def __call__(self) -> None:
        for rise, initial, lists in self._layers:
            lists.fill(next(rise), initial)


def measure_host_spikes(
    network: Network,
    weights: Weights,
    tiles: np.ndarray,
    steps: int,
    *,
    repeats: int,
    power: Power,
    timer: Timer,
) -> HostSpikes:
    """Time how long the CPU takes to list the spikes of a tile, with the best thread count.

    Parameters
    ----------
    network, weights : Network, Weights
        As deployed.
    tiles : ndarray
        Standardised tiles ``(n, tile, tile)``.
    steps : int
        Steps of a presentation; half as many are timed too.
    repeats, power, timer
        As for :func:`~spikeseg_core.energy.devices.cpu.measure_cpu`.
    """

    def shown(n_steps: int, threads: int) -> _Presentation:
        return _Presentation(network, weights, tiles[:TILES], n_steps, threads)

    threads = _best_threads({n: shown(steps, n) for n in thread_counts(cpus())})
    lengths = (max(1, steps // 2), steps)
    timings = timer.in_turn({str(n): shown(n, threads) for n in lengths}, repeats, meter_of(power))
    few, many = (
        figures_of_timing(
            timings[str(n)],
            power,
            family="cpu",
            precision="fp32",
            batch=1,
            tiles_per_section=1,
            note=f"measured for {n} steps, {threads} threads (best of 1 to {cpus()})",
        )
        for n in lengths
    )
    return HostSpikes(lengths, (few, many))


def _best_threads(calls: dict[int, _Presentation]) -> int:
    """Return the thread count with the fastest call, tried in turn."""
    fastest = dict.fromkeys(calls, np.inf)
    for call in calls.values():
        call()  # compiles
    for _ in range(THREAD_ROUNDS * TILES):
        for n, call in calls.items():
            start = time.perf_counter()
            call()
            fastest[n] = min(fastest[n], time.perf_counter() - start)
    return min(fastest, key=lambda n: fastest[n])
