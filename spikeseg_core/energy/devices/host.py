"""The host of the chips: timing its layers, the lists of spikes that it sends, and its read-out.

The layers' currents and the read-out are computed in float32 by ONNX Runtime, the spikes by this
project's own loop.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from itertools import cycle

import numpy as np

from spikeseg_core.energy.devices.cpu import (
    ONNX,
    SHUFFLED,
    cpus,
    fastest_calls,
    thread_counts,
)
from spikeseg_core.energy.devices.meter import Power, Timer, figures_of_timing, meter_of
from spikeseg_core.energy.devices.onnx_runtime import session
from spikeseg_core.energy.figure import Figures
from spikeseg_core.energy.host import HostSpikes, HostTimes
from spikeseg_core.loihi.emulator.steady import SpikeLists
from spikeseg_core.loihi.run.base import host_currents, steady_input
from spikeseg_core.network import DT, IMAGE, RATE_HZ_PER_UNIT, Network, Weights
from spikeseg_core.network.onnx_graph import OnnxGraph

TILES = 16
"""Tiles whose currents, and whose read-outs, are computed in one call; their spikes are listed one
after the other, so that no branch is learned by heart."""

Work = Callable[[], object]


class _Spikes:
    """The spikes of the host's layers for ``n_steps`` steps of one tile after the other."""

    def __init__(
        self, network: Network, weights: Weights, tiles: np.ndarray, n_steps: int, threads: int
    ) -> None:
        self._layers = []
        for name in _layers(network):
            units = host_currents(network, weights, name, tiles)
            rise, initial = steady_input(network, name, units)
            lists = SpikeLists(initial.size, n_steps, threads)
            self._layers.append((cycle(rise.reshape(len(tiles), -1)), initial.ravel(), lists))

    def __call__(self) -> None:
        for rise, initial, lists in self._layers:
            lists.fill(next(rise), initial)


class Currents:
    """What the potentials of the host's neurons rise by in a step, for all tiles of a section.

    Parameters
    ----------
    tiles : ndarray
        Standardised tiles ``(n, tile, tile)``.
    """

    def __init__(self, network: Network, weights: Weights, tiles: np.ndarray, threads: int) -> None:
        graph, shape = OnnxGraph(), (len(tiles), 1, network.tile, network.tile)
        scale = RATE_HZ_PER_UNIT * DT  # in thresholds
        scaled = Weights(
            {name: scale * kernel for name, kernel in weights.kernels.items()},
            {name: scale * bias for name, bias in weights.biases.items()},
        )
        found = {
            graph.layer(network, scaled, name, {IMAGE: IMAGE}): network.shape(name)
            for name in _layers(network)
        }
        outputs = {name: (len(tiles), size[-1], *size[:-1]) for name, size in found.items()}
        model = graph.model("currents", {IMAGE: shape}, outputs)
        self._session = session(model.SerializeToString(), threads)
        self._tiles = tiles.astype(np.float32)[:, np.newaxis]

    def __call__(self) -> list[np.ndarray]:
        """Return the rise of every layer's neurons, float64 ``(n, channels, rows, columns)``."""
        found = self._session.run(None, {IMAGE: self._tiles})
        return [each.astype(np.float64) for each in found]


class ReadOut:
    """The read-out of the mean of spikes, for all tiles of a section.

    Parameters
    ----------
    units : ndarray
        Mean of the last ensemble's spikes in units of 100 Hz, ``(n, channels, rows, columns)``.
    shuffled : bool
        As for :class:`~spikeseg_core.network.onnx_graph.OnnxGraph`.
    """

    def __init__(
        self,
        network: Network,
        weights: Weights,
        units: np.ndarray,
        threads: int,
        *,
        shuffled: bool = False,
    ) -> None:
        graph, source = OnnxGraph(shuffled=shuffled), "spikes"
        logits = graph.readout(network, weights, source)
        side = network.tile
        shapes = {source: units.shape}, {logits: (len(units), 1, side, side)}
        self._session = session(graph.model("readout", *shapes).SerializeToString(), threads)
        self._fed = {source: units.astype(np.float32)}

    def __call__(self) -> np.ndarray:
        """Return the logits, float32 ``(n, tile, tile)``."""
        (logits,) = self._session.run(None, self._fed)
        return np.asarray(logits)[:, 0]


def measure_host(
    network: Network,
    weights: Weights,
    tiles: np.ndarray,
    steps: int,
    *,
    repeats: int,
    power: Power,
    timer: Timer,
) -> HostTimes:
    """Time what the CPU does for a tile on the chips, each part with the best thread count.

    Parameters
    ----------
    network, weights : Network, Weights
        As deployed.
    tiles : ndarray
        Standardised tiles ``(n, tile, tile)``.
    steps : int
        Steps of a presentation; spikes are timed for half as many too.
    repeats, power, timer
        As for :func:`~spikeseg_core.energy.devices.cpu.measure_cpu`.
    """
    shown = tiles[:TILES]
    rows, columns, channels = network.shape(network.readout.source)
    # Which rates are read out does not matter to a product of matrices.
    units = np.random.default_rng(0).random((len(shown), channels, rows, columns))
    fewer, meter = max(1, steps // 2), meter_of(power)
    readout = partial(ReadOut, network, weights, units)
    work: Mapping[str, Mapping[str, Callable[[int], Work]]] = {
        "spikes": {f"for {steps} steps": partial(_Spikes, network, weights, shown, steps)},
        "fewer spikes": {f"for {fewer} steps": partial(_Spikes, network, weights, shown, fewer)},
        "currents": {ONNX: partial(Currents, network, weights, shown)},
        "read-out": {ONNX: readout, SHUFFLED: partial(readout, shuffled=True)},
    }
    best = {name: _best(ways) for name, ways in work.items()}
    timings = timer.in_turn({name: call for name, (call, _) in best.items()}, repeats, meter)

    def figures(name: str, batch: int = 1) -> Figures:
        return figures_of_timing(
            timings[name],
            power,
            family="cpu",
            precision="fp32",
            batch=batch,
            tiles_per_section=1,
            note=best[name][1],
        )

    return HostTimes(
        layers=figures("currents", len(shown)),
        readout=figures("read-out", len(shown)),
        spikes=HostSpikes(
            (fewer, steps),
            (figures("fewer spikes"), figures("spikes")),
        ),
    )


def _layers(network: Network) -> list[str]:
    return [layer.name for layer in network.layers if not layer.on_chip]


def _best(ways: Mapping[str, Callable[[int], Work]]) -> tuple[Work, str]:
    """Return the fastest way to do a piece of work, tried in turn, and what it is."""
    calls = {(way, n): made(n) for way, made in ways.items() for n in thread_counts(cpus())}
    seconds = fastest_calls(calls, rounds=TILES)
    way, n = min(seconds, key=lambda key: seconds[key])
    return calls[way, n], f"{way}, {n} threads (best of 1 to {cpus()})"
