"""The CPU at its best: float32 and int8, best thread count, warmed up."""

from __future__ import annotations

import os
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
    figures_of_timing,
    meter_of,
    time_calls,
)
from spikeseg_core.energy.devices.tflite import PRECISIONS, TfliteNet, to_tflite
from spikeseg_core.energy.figure import EnergyFigure
from spikeseg_core.errors import MeterError
from spikeseg_core.network import Network, Weights
from spikeseg_core.reporting import SILENT, Reporter

Segmenter = Callable[[np.ndarray], np.ndarray]
"""Standardised tiles ``(n, tile, tile)`` to logits of the same shape."""


@dataclass(frozen=True)
class CpuBenchmark:
    """Result of :func:`measure_cpu`.

    Attributes
    ----------
    figures : tuple of EnergyFigure
        Dynamic, static and total for each precision and batch.
    segmenters : mapping of str to callable
        The networks that were timed, by precision, for scoring on the same sections.
    threads : mapping of str to int
        Best thread count, by name (``"int8 batch 1"``).
    fastest : mapping of str to float
        Time of the fastest call over the median, by the same names; far below 1 if other work on
        the machine disturbed the timing.
    """

    figures: tuple[EnergyFigure, ...]
    segmenters: Mapping[str, Segmenter]
    threads: Mapping[str, int]
    fastest: Mapping[str, float]


def cpu_power(config: BenchmarkConfig) -> Power:
    """Return RAPL with its idle power if it can be read, otherwise stated power with the reason."""
    try:
        return IdleMeter.of(RaplMeter())
    except MeterError as error:
        return StatedPower(config.cpu_dynamic_watts, config.cpu_total_watts, str(error))


def measure_cpu(
    model: Any,
    representative: np.ndarray,
    *,
    tiles_per_section: int | None,
    batches: Sequence[int],
    repeats: int,
    power: Power,
    report: Reporter = SILENT,
) -> CpuBenchmark:
    """Time the plain network on this machine's CPU and convert time to energy.

    Parameters
    ----------
    model : keras.Model
        The ANN: standardised tiles ``(batch, tile, tile, 1)`` to logits.
    representative : ndarray
        Standardised tiles ``(n, tile, tile)`` of the training split; these are also timed.
    batches : sequence of int
        Tiles per call; 1 is online.
    repeats : int
        Timed calls per case; the median is used.
    power : IdleMeter or StatedPower
        Converts time to energy (:func:`cpu_power`).
    """
    figures: list[EnergyFigure] = []
    segmenters: dict[str, Segmenter] = {}
    threads: dict[str, int] = {}
    fastest: dict[str, float] = {}
    fed = "whole sections" if tiles_per_section is None else "tiles"
    cases = [(precision, batch) for precision in PRECISIONS for batch in batches]
    for done, (precision, batch) in enumerate(cases):
        name = f"{precision} batch {batch}"
        report.progress(done, len(cases), f"CPU, {fed}, {name}")
        content = to_tflite(model, precision, batch, representative)
        tiles = np.resize(representative, (batch, *representative.shape[1:])).astype(np.float32)
        count, net = best_threads(content, tiles)
        timing = time_calls(lambda n=net, t=tiles: n(t), repeats, meter_of(power))  # type: ignore[misc]
        figures += figures_of_timing(
            timing,
            power,
            family="cpu",
            precision=precision,
            batch=batch,
            tiles_per_section=tiles_per_section,
            note=f"TensorFlow Lite with XNNPACK, {count} threads (best of 1 to {_cpus()})",
        )
        segmenters[precision] = net.segment_tiles
        threads[name] = count
        fastest[name] = timing.fastest / timing.seconds
    report.progress(len(cases), len(cases), f"CPU timed, {fed}")
    return CpuBenchmark(tuple(figures), segmenters, threads, fastest)


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
    """Return the fastest thread count for ``tiles``, and the network with that many threads."""
    nets = {n: TfliteNet(content, n) for n in thread_counts(_cpus())}
    times = {n: time_calls(lambda n=n: nets[n](tiles), 1).seconds for n in nets}  # type: ignore[misc]
    best = min(times, key=lambda n: times[n])
    return best, nets[best]


def thread_counts(cpus: int) -> list[int]:
    """Thread counts to try: powers of two, and all CPUs."""
    return sorted({*(2**i for i in range(cpus.bit_length()) if 2**i <= cpus), cpus})


def _cpus() -> int:
    return len(os.sched_getaffinity(0))
