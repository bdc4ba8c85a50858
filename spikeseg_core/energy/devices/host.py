"""The host of the chips: timing the parts of its work for a section."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from spikeseg_core.data.tiles import TileGrid
from spikeseg_core.energy.devices.cpu import ONNX, cpus, fastest_calls, thread_counts
from spikeseg_core.energy.devices.host_work import Blend, Currents, ReadOut, Spikes
from spikeseg_core.energy.devices.meter import Power, Timer, figures_of_timing, meter_of
from spikeseg_core.energy.host import HostSpikes, HostTimes
from spikeseg_core.network import Network, Weights

OWN = "own loops"

Work = Callable[[], object]


def measure_host(
    network: Network,
    weights: Weights,
    tiles: np.ndarray,
    grid: TileGrid,
    steps: int,
    *,
    repeats: int,
    power: Power,
    timer: Timer,
) -> HostTimes:
    """Time what the CPU does for a section on the chips, each part with the best thread count.

    All tiles of a section are computed in one call of each part.

    Parameters
    ----------
    network, weights : Network, Weights
        As deployed.
    tiles : ndarray
        Standardised tiles ``(n, tile, tile)``; if there are fewer than a section has, they repeat.
    grid : TileGrid
        How a section is cut into tiles.
    steps : int
        Steps of a presentation; spikes are timed for half as many too.
    repeats, power, timer
        As for :func:`~spikeseg_core.energy.devices.cpu.measure_cpu`.
    """
    shown = np.resize(tiles, (grid.tiles, *tiles.shape[1:]))
    rows, columns, channels = network.shape(network.readout.source)
    # Which rates are read out does not matter to a product of matrices.
    units = np.random.default_rng(0).random((len(shown), channels, rows, columns))
    fewer, meter = max(1, steps // 2), meter_of(power)
    currents = partial(Currents, network, weights, shown)
    readout = partial(ReadOut, network, weights, units)
    (of_section := currents(1))()
    (read := readout(1))()
    best = {
        "currents": _best(ONNX, currents),
        f"spikes of {fewer} steps": _best(OWN, partial(Spikes, network, of_section.rises, fewer)),
        f"spikes of {steps} steps": _best(OWN, partial(Spikes, network, of_section.rises, steps)),
        "read-out": _best(ONNX, readout),
        "blending": _best(OWN, partial(Blend, network, grid, read.blocks)),
    }
    timings = timer.in_turn({name: call for name, (call, _) in best.items()}, repeats, meter)
    layers, few, many, reading, blending = (
        figures_of_timing(
            timings[name],
            power,
            family="cpu",
            precision="fp32",
            batch=grid.tiles,
            tiles_per_section=1,
            note=f"{name}: {how}",
        )
        for name, (_, how) in best.items()
    )
    return HostTimes(layers, reading, blending, HostSpikes((fewer, steps), (few, many)))


def _best(way: str, made: Callable[[int], Work]) -> tuple[Work, str]:
    """Return the work with the fastest thread count, tried in turn, and what it is."""
    calls = {n: made(n) for n in thread_counts(cpus())}
    seconds = fastest_calls(calls)
    n = min(seconds, key=lambda key: seconds[key])
    return calls[n], f"{way}, {n} threads (best of 1 to {cpus()})"
