"""The ANN on this machine: CPU and GPU, on tiles and on whole sections."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.special import expit

from spikeseg_core.config import BenchmarkConfig
from spikeseg_core.data.dataset import Dataset
from spikeseg_core.energy.devices.cpu import (
    WHOLE,
    Feed,
    Segmenter,
    cpu_power,
    measure_cpu,
    whole_sections,
)
from spikeseg_core.energy.devices.gpu import NvmlMeter, measure_gpu
from spikeseg_core.energy.devices.host import measure_host
from spikeseg_core.energy.devices.load import CpuLoad, LoadMeter, load_before
from spikeseg_core.energy.devices.meter import IdleMeter, Timer
from spikeseg_core.energy.figure import EnergyFigure
from spikeseg_core.energy.host import HostTimes
from spikeseg_core.errors import MeterError
from spikeseg_core.network import Network, Weights
from spikeseg_core.reporting import Reporter

REPRESENTATIVE_TILES = 64
"""Training tiles for int8 calibration and for timing."""

REPRESENTATIVE_SECTIONS = 8
"""Training sections for the same, for the network that takes whole sections."""

Segment = Callable[[np.ndarray], np.ndarray]
"""Standardised sections ``(n, height, width)`` to membrane probability of the same shape."""


@dataclass(frozen=True)
class Machine:
    """Measurements of CPU and GPU.

    Attributes
    ----------
    cpu, gpu : tuple of EnergyFigure
        Energy figures; empty for a GPU that could not be measured.
    host : HostTimes
        What the CPU takes as the host of the deployed network.
    segment : mapping of str to (mapping of str to callable)
        The networks that were timed, by device and precision, for scoring.
    threads : mapping of str to int
        Best thread count of the CPU, by name (``"int8 batch 1"``), with the device as a prefix for
        whole sections.
    runtimes : mapping of str to (mapping of str to float)
        By that name and runtime, the fastest call in ms: the best was chosen by it.
    why_no_gpu : str
        Why no GPU was measured; empty if one was.
    load : float
        Share of the CPUs that other processes used before, from 0 to 1.
    """

    cpu: tuple[EnergyFigure, ...]
    gpu: tuple[EnergyFigure, ...]
    host: HostTimes
    segment: Mapping[str, Mapping[str, Segment]]
    threads: Mapping[str, int]
    runtimes: Mapping[str, Mapping[str, float]]
    why_no_gpu: str
    load: float

    @property
    def busy(self) -> bool:
        """Whether a timing was disturbed by other work."""
        return any(figure.busy for figure in (*self.cpu, *self.gpu, *self.host.layers))


def disturbed_together(*groups: Sequence[EnergyFigure]) -> list[tuple[EnergyFigure, ...]]:
    """Mark all figures busy if one is: a timing in a quiet moment is no base of a comparison."""
    busy = any(figure.busy for group in groups for figure in group)
    return [tuple(replace(figure, busy=busy) for figure in group) for group in groups]


def measure_machine(
    network: Network,
    weights: Weights,
    dataset: Dataset,
    *,
    deployed: tuple[Network, Weights],
    steps: int,
    batches: Sequence[int],
    config: BenchmarkConfig,
    report: Reporter,
    load: LoadMeter | None = None,
) -> Machine:
    """Measure the ANN on this machine, on tiles and on whole sections.

    Parameters
    ----------
    deployed : (Network, Weights)
        The network whose first layers this machine computes for the chips.
    steps : int
        Steps for which a tile is presented.
    batches : sequence of int
        Tiles per call; must include 1 (online).
    config : BenchmarkConfig
        Repetitions, the power assumed without a meter, and the accepted load of other work.
    load : LoadMeter, optional
        Counts the CPU time of other processes; default: this machine's.
    """
    timer = Timer(config.busy_above, load or CpuLoad())
    before = load_before(timer.load)
    if before > timer.busy_above:
        report.say(
            f"the machine is busy: other work uses {before:.0%} of its CPUs, and "
            f"{timer.busy_above:.0%} is accepted; timings are repeated, and marked busy if that "
            f"does not help"
        )
    power = cpu_power(config)
    if not isinstance(power, IdleMeter):
        report.say(f"CPU energy is modelled, not measured: {power.why}")
    per_section = dataset.grid.tiles
    tiles = representative_tiles(dataset)
    training = dataset.split("train")[0][:REPRESENTATIVE_SECTIONS]
    whole, padded = whole_sections(network, training)
    feeds = (
        Feed(network, weights, tiles, per_section, tuple(batches)),
        Feed(whole, weights, padded, None, (1,)),
    )
    cpu = measure_cpu(feeds, repeats=config.repeats, power=power, timer=timer, report=report)
    host = measure_host(
        *deployed, tiles, dataset.grid, steps, repeats=config.repeats, power=power, timer=timer
    )
    gpu, why_no_gpu = _gpu(
        feeds[0].model, tiles, per_section, batches, repeats=config.repeats, timer=timer
    )
    if why_no_gpu:
        report.say(f"no GPU measured: {why_no_gpu}")
    height, width = dataset.section_shape

    def from_sections(segment: Segmenter) -> Segment:
        def run(images: np.ndarray) -> np.ndarray:
            logits = segment(whole_sections(network, images)[1])
            return np.asarray(expit(logits)[:, :height, :width])

        return run

    def from_tiles(segment: Segmenter) -> Segment:
        return lambda images: dataset.grid.stitch(expit(segment(dataset.grid.cut(images))))

    cpu_figures, gpu_figures, *of_host = disturbed_together(cpu.figures, gpu, *host.groups)
    found = Machine(
        cpu=cpu_figures,
        gpu=gpu_figures,
        host=host.with_groups(of_host),
        segment={
            device: {
                p: (from_sections if device == WHOLE else from_tiles)(net)
                for p, net in nets.items()
            }
            for device, nets in cpu.segmenters.items()
        },
        threads=cpu.threads,
        runtimes=cpu.runtimes,
        why_no_gpu=why_no_gpu,
        load=before,
    )
    if found.busy:
        report.say(
            "the machine stayed busy while it was timed: these figures are marked busy and are not "
            "compared; run `spikeseg benchmark` again when it is idle"
        )
    return found


def representative_tiles(dataset: Dataset, count: int = REPRESENTATIVE_TILES) -> np.ndarray:
    """Return evenly spaced standardised tiles ``(n, tile, tile)`` of the training split."""
    tiles = dataset.grid.cut(dataset.split("train")[0])
    chosen = np.unique(np.linspace(0, len(tiles) - 1, count).round().astype(int))
    return tiles[chosen]


def _gpu(
    model: Any,
    tiles: np.ndarray,
    per_section: int,
    batches: Sequence[int],
    *,
    repeats: int,
    timer: Timer,
) -> tuple[tuple[EnergyFigure, ...], str]:
    try:
        figures = measure_gpu(
            model,
            tiles,
            tiles_per_section=per_section,
            batches=batches,
            repeats=repeats,
            power=IdleMeter.of(NvmlMeter()),
            timer=timer,
        )
    except MeterError as error:
        return (), str(error)
    return figures, ""
