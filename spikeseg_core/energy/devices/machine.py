"""The ANN on this machine: CPU and GPU, on tiles and on whole sections."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit

from spikeseg_core.ann.unet import model_from_weights
from spikeseg_core.config import BenchmarkConfig
from spikeseg_core.data.dataset import Dataset
from spikeseg_core.energy.devices.cpu import Segmenter, cpu_power, measure_cpu, whole_sections
from spikeseg_core.energy.devices.gpu import NvmlMeter, measure_gpu
from spikeseg_core.energy.devices.meter import IdleMeter
from spikeseg_core.energy.figure import EnergyFigure
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
    segment : mapping of str to (mapping of str to callable)
        The networks that were timed, by device and precision, for scoring.
    threads : mapping of str to int
        Best thread count of the CPU, by name (``"int8 batch 1"``), with the device as a prefix for
        whole sections.
    fastest : mapping of str to float
        Time of the fastest online int8 call over the median, by device.
    why_no_gpu : str
        Why no GPU was measured; empty if one was.
    """

    cpu: tuple[EnergyFigure, ...]
    gpu: tuple[EnergyFigure, ...]
    segment: Mapping[str, Mapping[str, Segment]]
    threads: Mapping[str, int]
    fastest: Mapping[str, float]
    why_no_gpu: str


def measure_machine(
    network: Network,
    weights: Weights,
    dataset: Dataset,
    *,
    batches: Sequence[int],
    config: BenchmarkConfig,
    report: Reporter,
) -> Machine:
    """Measure the ANN on this machine, on tiles and on whole sections.

    Parameters
    ----------
    batches : sequence of int
        Tiles per call; must include 1 (online).
    config : BenchmarkConfig
        Repetitions, and the power assumed without a meter.
    """
    power = cpu_power(config)
    if not isinstance(power, IdleMeter):
        report.say(f"CPU energy is modelled, not measured: {power.why}")
    per_section = dataset.grid.tiles
    tiles = representative_tiles(dataset)
    model = model_from_weights(network, weights, activation="relu")
    training = dataset.split("train")[0][:REPRESENTATIVE_SECTIONS]
    whole_model, whole = whole_sections(network, weights, training)
    cases = ((model, tiles, per_section, batches), (whole_model, whole, None, (1,)))
    by_tiles, by_sections = (
        measure_cpu(
            net,
            shown,
            tiles_per_section=count,
            batches=sizes,
            repeats=config.repeats,
            power=power,
            report=report,
        )
        for net, shown, count, sizes in cases
    )
    gpu, why_no_gpu = _gpu(model, tiles, per_section, batches, config.repeats)
    if why_no_gpu:
        report.say(f"no GPU measured: {why_no_gpu}")
    height, width = dataset.section_shape

    def from_sections(segment: Segmenter) -> Segment:
        def run(images: np.ndarray) -> np.ndarray:
            logits = segment(whole_sections(network, weights, images)[1])
            return np.asarray(expit(logits)[:, :height, :width])

        return run

    def from_tiles(segment: Segmenter) -> Segment:
        return lambda images: dataset.grid.stitch(expit(segment(dataset.grid.cut(images))))

    tile_device, section_device = (found.figures[0].device for found in (by_tiles, by_sections))
    return Machine(
        cpu=(*by_tiles.figures, *by_sections.figures),
        gpu=gpu,
        segment={
            tile_device: {p: from_tiles(net) for p, net in by_tiles.segmenters.items()},
            section_device: {p: from_sections(net) for p, net in by_sections.segmenters.items()},
        },
        threads={
            **by_tiles.threads,
            **{f"{section_device} {name}": n for name, n in by_sections.threads.items()},
        },
        fastest={
            tile_device: by_tiles.fastest["int8 batch 1"],
            section_device: by_sections.fastest["int8 batch 1"],
        },
        why_no_gpu=why_no_gpu,
    )


def representative_tiles(dataset: Dataset, count: int = REPRESENTATIVE_TILES) -> np.ndarray:
    """Return evenly spaced standardised tiles ``(n, tile, tile)`` of the training split."""
    tiles = dataset.grid.cut(dataset.split("train")[0])
    chosen = np.unique(np.linspace(0, len(tiles) - 1, count).round().astype(int))
    return tiles[chosen]


def _gpu(
    model: Any, tiles: np.ndarray, per_section: int, batches: Sequence[int], repeats: int
) -> tuple[tuple[EnergyFigure, ...], str]:
    try:
        figures = measure_gpu(
            model,
            tiles,
            tiles_per_section=per_section,
            batches=batches,
            repeats=repeats,
            power=IdleMeter.of(NvmlMeter()),
        )
    except MeterError as error:
        return (), str(error)
    return figures, ""
