"""Stage 8: energy and time per section on Loihi, CPU and GPU."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from spikeseg_core.ann.unet import model_from_weights
from spikeseg_core.config import BenchmarkConfig, PipelineConfig
from spikeseg_core.data.dataset import Dataset, load_dataset
from spikeseg_core.energy.charts import draw_energy, draw_tornado
from spikeseg_core.energy.cpu import cpu_power, measure_cpu
from spikeseg_core.energy.events import EventCounts
from spikeseg_core.energy.figure import EnergyFigure, find
from spikeseg_core.energy.from_rates import events_from_rates
from spikeseg_core.energy.gpu import NvmlMeter, measure_gpu
from spikeseg_core.energy.meter import IdleMeter
from spikeseg_core.energy.report import EnergyReport, energy_report
from spikeseg_core.energy.sensitivity import Sensitivity, overtaking_batch, sensitivity
from spikeseg_core.errors import MeterError
from spikeseg_core.loihi.partition import Placement
from spikeseg_core.metrics import evaluate
from spikeseg_core.network import Network, Weights, load_network
from spikeseg_core.reporting import Reporter
from spikeseg_core.stages.base import StageResult
from spikeseg_core.stages.partition import PLACEMENT
from spikeseg_core.stages.quantize import RATES, load_mapping
from spikeseg_core.stages.segment import SCORED_SPLITS, SegmentTiles, segment_sections
from spikeseg_core.storage import atomic_path, load_arrays, write_json

EVENTS = "events.npz"
"""What the deploy stage writes: :meth:`EventCounts.save`."""

REPRESENTATIVE_TILES = 64
"""Tiles of the training split for int8's ranges and for timing."""


def run(
    config: PipelineConfig, inputs: Mapping[str, Path], folder: Path, report: Reporter
) -> StageResult:
    """Benchmark the deployed network against the ANN of the train stage, as ``config.benchmark``.

    Raises
    ------
    DataError
        If an input of an earlier stage is missing or damaged.
    """
    dataset = load_dataset(inputs["prepare"])
    mapped, _ = load_network(inputs["tune"])
    found = run_benchmark(
        dataset,
        mapped,
        load_network(inputs["train"]),
        events_of(mapped, inputs, config.presentation.steps, report),
        config=config.benchmark,
        batches=tuple(dict.fromkeys((1, config.benchmark.batch_size))),
        sections=config.deploy.sections,
        report=report,
    )
    write_json(folder / "energy.json", found.to_json())
    with atomic_path(folder / "energy.parquet") as temporary:
        found.report.table().to_parquet(temporary)
    name = f"{mapped.name}, one section of {dataset.section_shape[0]} x {dataset.section_shape[1]}"
    draw_energy(found.report.figures, f"Energy: {name}", folder / "energy.png")
    draw_tornado(found.sensitivity, f"What is not known: {name}", folder / "tornado.png")
    return StageResult(
        metrics={
            "benchmark": found.report.metrics(),
            **{f"cpu_{precision}": scores for precision, scores in found.accuracy.items()},
        },
        figures=(folder / "energy.png", folder / "tornado.png"),
        tables=(folder / "energy.parquet",),
        facts=found.to_json(),
    )


def events_of(
    network: Network, inputs: Mapping[str, Path], steps: int, report: Reporter
) -> EventCounts:
    """Return what the deploy stage counted, or what the converted network's rates give.

    NengoLoihi's emulator and the hardware do not count synaptic operations; then the rates do.

    Parameters
    ----------
    network : Network
        The network on the chips.
    inputs : mapping of str to Path
        Finished folders of ``deploy``, and for the rates ``convert``, ``quantize``, ``partition``.
    steps : int
        Time steps that a tile is presented for.
    report : Reporter
        Told when events are not counted.

    Raises
    ------
    DataError
        If a file is missing or damaged.
    """
    counted = inputs["deploy"] / EVENTS
    if counted.exists():
        return EventCounts.load(counted)
    report.say("the deployment counted no events: taken from the rates of the converted network")
    tiles, *_ = load_mapping(inputs["quantize"])
    rates = load_arrays(inputs["convert"] / RATES)
    placement = Placement.load(inputs["partition"] / PLACEMENT)
    return events_from_rates(network, tiles, rates, steps, placement)


@dataclass(frozen=True)
class Benchmark:
    """What :func:`run_benchmark` found.

    Attributes
    ----------
    report : EnergyReport
        Figures and ratios.
    sensitivity : Sensitivity
        How far the comparison moves with what is not known.
    accuracy : mapping of str to (mapping of str to float)
        Scores of the very networks that were timed on the CPU, by precision.
    overtaking : mapping of str to (int or None)
        Batch from which a conventional device needs less than Loihi, or than Loihi with its host;
        None if none that was timed.
    cpu_threads : mapping of str to int
        Best thread count, by precision and batch.
    why_no_gpu : str
        Why no GPU was measured; empty if one was.
    """

    report: EnergyReport
    sensitivity: Sensitivity
    accuracy: Mapping[str, Mapping[str, float]]
    overtaking: Mapping[str, int | None]
    cpu_threads: Mapping[str, int]
    why_no_gpu: str

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain dicts and lists."""
        return {
            "figures": [f.to_json() for f in self.report.figures],
            "ratios": dict(self.report.ratios),
            "accuracy": {"cpu": {p: dict(scores) for p, scores in self.accuracy.items()}},
            "sensitivity": self.sensitivity.to_json(),
            "overtaking_batch": dict(self.overtaking),
            "events_per_tile": dict(self.report.events),
            "loihi_parts_mj": dict(self.report.loihi_parts_mj),
            "cpu_threads": dict(self.cpu_threads),
            "why_no_gpu": self.why_no_gpu,
            **self.report.facts,
        }


def run_benchmark(
    dataset: Dataset,
    mapped: Network,
    ann: tuple[Network, Weights],
    events: EventCounts,
    *,
    config: BenchmarkConfig,
    batches: Sequence[int],
    sections: int | None,
    report: Reporter,
) -> Benchmark:
    """Measure or model the energy of one section on Loihi, CPU and GPU.

    Parameters
    ----------
    dataset : Dataset
        Training tiles for int8's ranges; validation and test sections to score.
    mapped : Network
        The network on the chips.
    ann : (Network, Weights)
        The conventional opponent, with rectified linear units.
    events : EventCounts
        What happens on the chips while one tile or more are presented.
    config : BenchmarkConfig
        Repeats, and the power to assume where there is no meter.
    batches : sequence of int
        Tiles a call on CPU and GPU; must hold 1, which is online.
    sections : int or None
        How many sections of a split are scored: as many as were deployed (None: all).
    report : Reporter
        Told of progress, and of meters that are missing.
    """
    model = model_from_weights(*ann, activation="relu")
    tiles = representative_tiles(dataset)
    per_section = dataset.grid.tiles
    power = cpu_power(config)
    if not isinstance(power, IdleMeter):
        report.say(f"CPU energy is modelled, not measured: {power.why}")
    cpu = measure_cpu(
        model,
        tiles,
        tiles_per_section=per_section,
        batches=batches,
        repeats=config.repeats,
        power=power,
        report=report,
    )
    gpu, why_no_gpu = _gpu(model, tiles, per_section, batches, config.repeats)
    if why_no_gpu:
        report.say(f"no GPU was measured: {why_no_gpu}")
    found = energy_report(mapped, events, per_section, cpu.figures, gpu=gpu)
    scored = replace(dataset, splits={s: dataset.splits[s][:sections] for s in SCORED_SPLITS})
    conventional = dict.fromkeys((f.device, f.precision) for f in (*cpu.figures, *gpu))
    return Benchmark(
        report=found,
        sensitivity=sensitivity(
            mapped, events, per_section, cpu.figures, fastest=cpu.fastest["int8 batch 1"]
        ),
        accuracy={p: _scores(segment, scored) for p, segment in cpu.segmenters.items()},
        overtaking={
            f"{device}_{precision}{suffix}": overtaking_batch(
                found.figures,
                device,
                precision,
                find(found.figures, loihi, "int8", 1).mj_per_section,
            )
            for device, precision in conventional
            for loihi, suffix in (("loihi", ""), ("loihi + host", "_with_host"))
        },
        cpu_threads=cpu.threads,
        why_no_gpu=why_no_gpu,
    )


def representative_tiles(dataset: Dataset, count: int = REPRESENTATIVE_TILES) -> np.ndarray:
    """Return evenly spread standardised tiles ``(n, tile, tile)`` of the training split."""
    tiles = dataset.grid.cut(dataset.split("train")[0])
    chosen = np.unique(np.linspace(0, len(tiles) - 1, count).round().astype(int))
    return tiles[chosen]


def _gpu(
    model: Any, tiles: np.ndarray, per_section: int, batches: Sequence[int], repeats: int
) -> tuple[tuple[EnergyFigure, ...], str]:
    try:
        power = IdleMeter.of(NvmlMeter())
        figures = measure_gpu(
            model,
            tiles,
            tiles_per_section=per_section,
            batches=batches,
            repeats=repeats,
            power=power,
        )
    except MeterError as error:
        return (), str(error)
    return figures, ""


def _scores(segment_tiles: SegmentTiles, dataset: Dataset) -> dict[str, float]:
    return evaluate(
        {
            split: (segment_sections(segment_tiles, dataset, split), dataset.split(split)[1])
            for split in SCORED_SPLITS
        }
    )
