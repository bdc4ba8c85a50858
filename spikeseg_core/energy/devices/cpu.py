"""The CPU at its best: float32 and int8, best runtime and thread count, warmed up."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, Protocol, TypeVar

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
    seconds_of,
)
from spikeseg_core.energy.devices.onnx_runtime import OnnxNet, to_onnx
from spikeseg_core.energy.devices.openvino_runtime import OpenVinoNet, can_load
from spikeseg_core.energy.devices.tflite import PRECISIONS, Precision, TfliteNet, to_tflite
from spikeseg_core.energy.devices.yardstick import Yardstick
from spikeseg_core.energy.figure import EnergyFigure
from spikeseg_core.errors import MeterError
from spikeseg_core.network import Network, Weights
from spikeseg_core.reporting import SILENT, Reporter

Segmenter = Callable[[np.ndarray], np.ndarray]
"""Standardised tiles ``(n, tile, tile)`` to logits of the same shape."""

WHOLE = "cpu whole section"
"""Device of whole sections, in names of thread counts."""

ROUNDS_OF_CHOICE = 3
"""Least number of turns of each runtime and thread count."""

CALLS_OF_A_TURN = 2
"""The first meets the caches of another network, and OpenVINO's threads, which spin for 1 ms."""

SECONDS_OF_CHOICE = 0.15
"""Least time spent with each: of calls that take 1 ms, three do not tell which is faster."""


class Net(Protocol):
    """The ANN in one runtime, with one thread count."""

    def __call__(self, tiles: np.ndarray) -> np.ndarray:
        """Run one batch, ``(batch, tile, tile)`` float32 to logits of the same shape."""

    def segment_tiles(self, tiles: np.ndarray) -> np.ndarray:
        """Run any number of standardised tiles ``(n, tile, tile)`` to logits of the same shape."""


TFLITE = "TensorFlow Lite with XNNPACK"
ONNX = "ONNX Runtime"
OPENVINO = "OpenVINO"
SHUFFLED = ", transposed convolutions as shuffled channels"

OF_ONNX: Mapping[str, tuple[Callable[[bytes, int, int], Net], bool]] = {
    ONNX: (OnnxNet, False),
    ONNX + SHUFFLED: (OnnxNet, True),
    OPENVINO: (OpenVinoNet, False),
    OPENVINO + SHUFFLED: (OpenVinoNet, True),
}
"""Runtimes that read ONNX, and whether transposed convolutions are written as shuffled channels."""


@dataclass(frozen=True)
class Feed:
    """One way of giving sections to the CPU.

    Attributes
    ----------
    network, weights : Network, Weights
        The ANN, whose tile is what is given.
    tiles : ndarray
        Standardised tiles ``(n, tile, tile)`` of the training split, which calibrate int8; these
        are also timed.
    tiles_per_section : int or None
        None if whole sections are given.
    batches : tuple of int
        Tiles per call; 1 is online.
    """

    network: Network
    weights: Weights
    tiles: np.ndarray
    tiles_per_section: int | None
    batches: tuple[int, ...]

    @cached_property
    def model(self) -> Any:
        """The ANN in Keras: standardised tiles ``(batch, tile, tile, 1)`` to logits."""
        return model_from_weights(self.network, self.weights, activation="relu")

    def nets(self, precision: Precision, batch: int) -> dict[str, Callable[[int], Net]]:
        """Return the ANN in TensorFlow Lite and each of :data:`OF_ONNX` that loads, by runtime."""
        made: dict[str, Callable[[int], Net]] = {
            TFLITE: partial(TfliteNet, to_tflite(self.model, precision, batch, self.tiles))
        }
        for runtime, (net, shuffled) in OF_ONNX.items():
            if net is not OpenVinoNet or can_load():
                made[runtime] = partial(net, self._onnx(precision, shuffled=shuffled), batch)
        return made

    def _onnx(self, precision: Precision, *, shuffled: bool) -> bytes:
        key = precision, shuffled
        if key not in self._written:
            self._written[key] = to_onnx(
                self.network, self.weights, precision, self.tiles, shuffled=shuffled
            )
        return self._written[key]

    @cached_property
    def _written(self) -> dict[tuple[Precision, bool], bytes]:
        """What does not depend on the batch is written once."""
        return {}


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
    runtimes : mapping of str to (mapping of str to float)
        By name and runtime, the fastest call with any thread count when the best was chosen, ms.
    """

    figures: tuple[EnergyFigure, ...]
    segmenters: Mapping[str, Mapping[str, Segmenter]]
    threads: Mapping[str, int]
    runtimes: Mapping[str, Mapping[str, float]]


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
    net: Net
    runtime: str
    threads: int
    tried: Mapping[str, float]

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
    runtimes: dict[str, Mapping[str, float]] = {}
    batches = sorted({batch for feed in feeds for batch in feed.batches})
    yardstick = Yardstick(cpus())
    for done, batch in enumerate(batches):
        report.progress(done, len(batches), f"CPU, batch {batch}")
        cases = {
            case.name: case
            for feed in feeds
            if batch in feed.batches
            for case in (_case(feed, precision, batch) for precision in PRECISIONS)
        }
        calls = {name: case.call for name, case in cases.items()}
        timings = timer.in_turn(calls, repeats, meter_of(power), yardstick)
        for name, timing in timings.items():
            case = cases[name]
            found = figures_of_timing(
                timing,
                power,
                family="cpu",
                precision=case.precision,
                batch=batch,
                tiles_per_section=case.feed.tiles_per_section,
                note=f"{case.runtime}, {case.threads} threads (best of {len(case.tried)} runtimes "
                f"and 1 to {cpus()} threads)",
            )
            figures += found
            device = found[0].device
            segmenters.setdefault(device, {})[case.precision] = case.net.segment_tiles
            threads[name], runtimes[name] = case.threads, case.tried
    report.progress(len(batches), len(batches), "CPU timed")
    return CpuBenchmark(tuple(figures), segmenters, threads, runtimes)


def _case(feed: Feed, precision: Precision, batch: int) -> _Case:
    shown = np.resize(feed.tiles, (batch, *feed.tiles.shape[1:])).astype(np.float32)
    made = feed.nets(precision, batch)
    nets = {(runtime, n): net(n) for runtime, net in made.items() for n in thread_counts(cpus())}
    seconds = fastest_calls({key: partial(net, shown) for key, net in nets.items()})
    best = min(seconds, key=lambda key: seconds[key])
    tried = {
        runtime: 1e3 * min(s for (of, _), s in seconds.items() if of == runtime) for runtime in made
    }
    return _Case(feed, precision, batch, shown, nets[best], *best, tried)


def whole_sections(network: Network, sections: np.ndarray) -> tuple[Network, np.ndarray]:
    """Return the network for whole sections, and the sections padded to its input.

    The network is fully convolutional, so a CPU does not need overlapping tiles. The input is a
    square whose side can be halved as often as the network does; smaller sections are mirrored.

    Parameters
    ----------
    sections : ndarray
        Standardised sections ``(n, height, width)``.

    Returns
    -------
    Network, ndarray
        The network; ``(n, side, side)``.
    """
    unit = network.tile // min(network.sizes.values())
    side = -(-max(sections.shape[1:]) // unit) * unit
    missing = [(0, side - size) for size in sections.shape[1:]]
    padded = np.pad(sections, ((0, 0), *missing), mode="symmetric")
    return replace(network, tile=side), padded


Key = TypeVar("Key", bound=Hashable)


def fastest_calls(calls: Mapping[Key, Callable[[], object]]) -> dict[Key, float]:
    """Call all in turns, and return the seconds of each one's fastest call: the least disturbed."""
    fastest = dict.fromkeys(calls, np.inf)
    for call in calls.values():  # warms up
        call()
    done, spent = 0, 0.0
    while done < ROUNDS_OF_CHOICE or spent < SECONDS_OF_CHOICE * len(calls):
        for key, call in (item for item in calls.items() for _ in range(CALLS_OF_A_TURN)):
            seconds = seconds_of(call)
            fastest[key] = min(fastest[key], seconds)
            spent += seconds
        done += 1
    return fastest


def thread_counts(cpus: int) -> list[int]:
    """Thread counts to try: powers of two, and all CPUs."""
    return sorted({*(2**i for i in range(cpus.bit_length()) if 2**i <= cpus), cpus})


def cpus() -> int:
    """CPUs that this process may use."""
    return len(os.sched_getaffinity(0))
