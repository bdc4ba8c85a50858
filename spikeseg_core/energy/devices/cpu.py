"""The CPU at its best: float32 and int8, best thread count, warmed up."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from spikeseg_core.ann.unet import model_from_weights
from spikeseg_core.config import BenchmarkConfig
from spikeseg_core.energy.devices.meter import (
    IdleMeter,
    Power,
    RaplMeter,
    StatedPower,
    Timer,
    figures_of_timing,
    meter_of,
)
from spikeseg_core.energy.devices.tflite import PRECISIONS, Precision, TfliteNet, to_tflite
from spikeseg_core.energy.figure import EnergyFigure
from spikeseg_core.errors import MeterError
from spikeseg_core.network import Network, Weights
from spikeseg_core.reporting import SILENT, Reporter

Segmenter = Callable[[np.ndarray], np.ndarray]
"""Standardised tiles ``(n, tile, tile)`` to logits of the same shape."""

WHOLE = "cpu whole section"
"""Device of whole sections, in names of thread counts."""

THREAD_ROUNDS = 3
"""Calls with each thread count, in turn."""


@dataclass(frozen=True)
class Feed:
    """One way of giving sections to the CPU.

    Attributes
    ----------
    model : keras.Model
        The ANN: standardised tiles ``(batch, tile, tile, 1)`` to logits.
    tiles : ndarray
        Standardised tiles ``(n, tile, tile)`` of the training split, which calibrate int8; these
        are also timed.
    tiles_per_section : int or None
        None if whole sections are given.
    batches : tuple of int
        Tiles per call; 1 is online.
    """

    model: Any
    tiles: np.ndarray
    tiles_per_section: int | None
    batches: tuple[int, ...]

    @property
    def title(self) -> str:
        """What is given."""
        return "whole sections" if self.tiles_per_section is None else "tiles"


@dataclass(frozen=True)
class CpuBenchmark:
    """Result of :func:`measure_cpu`.

    Attributes
    ----------
    figures : tuple of EnergyFigure
        Dynamic, static and total for each precision, feed and batch.
    segmenters : mapping of str to (mapping of str to callable)
        The networks that were timed, by :attr:`EnergyFigure.device` and precision, for scoring on
        the same sections.
    threads : mapping of str to int
        Best thread count, by name (``"int8 batch 1"``), with the device as a prefix for whole
        sections.
    """

    figures: tuple[EnergyFigure, ...]
    segmenters: Mapping[str, Mapping[str, Segmenter]]
    threads: Mapping[str, int]


def cpu_power(config: BenchmarkConfig) -> Power:
    """Return RAPL with its idle power if it can be read, otherwise stated power with the reason."""
    try:
        return IdleMeter.of(RaplMeter())
    except MeterError as error:
        return StatedPower(config.cpu_dynamic_watts, config.cpu_total_watts, str(error))


@dataclass(frozen=True)
class _Case:
    """A network that is timed, as it is fed."""

    feed: Feed
    precision: Precision
    batch: int
    shown: np.ndarray
    net: TfliteNet
    threads: int

    @property
    def name(self) -> str:
        whole = f"{WHOLE} " if self.feed.tiles_per_section is None else ""
        return f"{whole}{self.precision} batch {self.batch}"

    def call(self) -> np.ndarray:
        return self.net(self.shown)


def measure_cpu(
    feeds: Sequence[Feed],
    *,
    repeats: int,
    power: Power,
    timer: Timer,
    report: Reporter = SILENT,
) -> CpuBenchmark:
    """Time the plain network on this machine's CPU and convert time to energy.

    Cases of one batch size, which are compared with each other, are timed in turn.

    Parameters
    ----------
    feeds : sequence of Feed
        Ways of feeding the CPU.
    repeats : int
        Least number of timed calls per case; the median is used.
    power : IdleMeter or StatedPower
        Converts time to energy (:func:`cpu_power`).
    timer : Timer
        Times them, and looks at the load of the machine.
    """
    figures: list[EnergyFigure] = []
    segmenters: dict[str, dict[str, Segmenter]] = {}
    threads: dict[str, int] = {}
    batches = sorted({batch for feed in feeds for batch in feed.batches})
    for done, batch in enumerate(batches):
        report.progress(done, len(batches), f"CPU, batch {batch}")
        cases = {
            case.name: case
            for feed in feeds
            if batch in feed.batches
            for case in (_case(feed, precision, batch) for precision in PRECISIONS)
        }
        timings = timer.in_turn({n: c.call for n, c in cases.items()}, repeats, meter_of(power))
        for name, timing in timings.items():
            case = cases[name]
            found = figures_of_timing(
                timing,
                power,
                family="cpu",
                precision=case.precision,
                batch=batch,
                tiles_per_section=case.feed.tiles_per_section,
                note=f"TensorFlow Lite with XNNPACK, {case.threads} threads (best of 1 to "
                f"{cpus()})",
            )
            figures += found
            device = found[0].device
            segmenters.setdefault(device, {})[case.precision] = case.net.segment_tiles
            threads[name] = case.threads
    report.progress(len(batches), len(batches), "CPU timed")
    return CpuBenchmark(tuple(figures), segmenters, threads)


def _case(feed: Feed, precision: Precision, batch: int) -> _Case:
    content = to_tflite(feed.model, precision, batch, feed.tiles)
    shown = np.resize(feed.tiles, (batch, *feed.tiles.shape[1:])).astype(np.float32)
    count, net = best_threads(content, shown)
    return _Case(feed, precision, batch, shown, net, count)


def whole_sections(
    network: Network, weights: Weights, sections: np.ndarray
) -> tuple[Any, np.ndarray]:
    """Return the ANN for whole sections, and the sections padded to its input.

    The network is fully convolutional, so a CPU does not need overlapping tiles. The input is a
    square whose side can be halved as often as the network does; smaller sections are mirrored.

    Parameters
    ----------
    sections : ndarray
        Standardised sections ``(n, height, width)``.

    Returns
    -------
    keras.Model, ndarray
        The model; ``(n, side, side)``.
    """
    unit = network.tile // min(network.sizes.values())
    side = -(-max(sections.shape[1:]) // unit) * unit
    missing = [(0, side - size) for size in sections.shape[1:]]
    model = model_from_weights(replace(network, tile=side), weights, activation="relu")
    return model, np.pad(sections, ((0, 0), *missing), mode="symmetric")


def best_threads(content: bytes, tiles: np.ndarray) -> tuple[int, TfliteNet]:
    """Return the fastest thread count for ``tiles``, and the network with that many threads.

    The counts are tried in turn, and the fastest call of each counts: it is the least disturbed.
    """
    nets = {n: TfliteNet(content, n) for n in thread_counts(cpus())}
    times: dict[int, list[float]] = {n: [] for n in nets}
    for _ in range(1 + THREAD_ROUNDS):  # the first one warms up
        for n, net in nets.items():
            start = time.perf_counter()
            net(tiles)
            times[n].append(time.perf_counter() - start)
    best = min(times, key=lambda n: min(times[n][1:]))
    return best, nets[best]


def thread_counts(cpus: int) -> list[int]:
    """Thread counts to try: powers of two, and all CPUs."""
    return sorted({*(2**i for i in range(cpus.bit_length()) if 2**i <= cpus), cpus})


def cpus() -> int:
    """CPUs that this process may use."""
    return len(os.sched_getaffinity(0))
