"""Stage 8: energy and time per section on Loihi, CPU and GPU."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from spikeseg_core.ann.unet import model_from_weights
from spikeseg_core.config import BenchmarkConfig, PipelineConfig
from spikeseg_core.data.dataset import Dataset, load_dataset
from spikeseg_core.energy.devices.cpu import Segmenter, cpu_power, measure_cpu, whole_sections
from spikeseg_core.energy.devices.gpu import NvmlMeter, measure_gpu, published_figures
from spikeseg_core.energy.devices.meter import IdleMeter
from spikeseg_core.energy.figure import EnergyFigure, find
from spikeseg_core.energy.report import PUBLISHED_GPU, EnergyReport, Presented, energy_report
from spikeseg_core.energy.sensitivity import Sensitivity, overtaking_batch, sensitivity
from spikeseg_core.energy.static_power import Opponent, best_online, idle_table
from spikeseg_core.errors import MeterError
from spikeseg_core.evaluation.scorer import evaluate
from spikeseg_core.evaluation.segment import SCORED_SPLITS
from spikeseg_core.figures.energy import draw_energy, draw_operating_points, draw_tornado
from spikeseg_core.loihi.cost.events import EventCounts
from spikeseg_core.loihi.cost.expected import events_from_rates
from spikeseg_core.loihi.cost.model import LoihiModel
from spikeseg_core.loihi.mapping.core_mapping import CoreMapping
from spikeseg_core.loihi.mapping.placement import Placement
from spikeseg_core.loihi.run.energy_probe import BoardEnergy, board_figures
from spikeseg_core.network import Network, Weights, load_network
from spikeseg_core.presentation.operating_point import OperatingPoints, find_operating_point
from spikeseg_core.reporting import Reporter
from spikeseg_core.stages.base import StageResult
from spikeseg_core.stages.deploy import BOARD_ENERGY, EVENTS, first_sections, load_mapped
from spikeseg_core.stages.partition import PLACEMENT
from spikeseg_core.stages.quantize import MAPPING, RATES
from spikeseg_core.stages.train import save_table
from spikeseg_core.storage import load_arrays, write_json

REPRESENTATIVE_TILES = 64
"""Tiles of the training split for int8's ranges and for timing."""

REPRESENTATIVE_SECTIONS = 8
"""The same, for the network that takes whole sections."""

EQUAL_ACCURACY = 0.005
"""Pixel accuracy on test that two networks may differ by and still be compared for energy."""

START, OPERATING_POINT = "loihi start", "loihi operating point"
POINTS = {START: "start", OPERATING_POINT: "chosen", "loihi equal accuracy": "equal_accuracy"}
"""Ways of presenting that have figures of their own, and what marks their points."""


def run(
    config: PipelineConfig, inputs: Mapping[str, Path], folder: Path, report: Reporter
) -> StageResult:
    """Benchmark the deployed network against the ANN of the train stage, as ``config.benchmark``.

    Writes ``energy.json`` (everything), ``energy.parquet`` (the figures), ``idle.parquet`` (every
    ratio under every definition of idle power) and, where the engine counts events,
    ``operating_points.parquet``; with pictures.

    Raises
    ------
    DataError
        If an input of an earlier stage is missing or damaged.
    """
    batches = tuple(dict.fromkeys((1, config.benchmark.batch_size)))
    found = run_benchmark(config, inputs, batches, report)
    write_json(folder / "energy.json", found.to_json())
    tables = {"energy": found.report.table(), "idle": found.idle}
    name = f"{found.network}, one section"
    pictures = [
        draw_energy(found.report.figures, f"Energy: {name}", folder / "energy.png"),
        draw_tornado(found.sensitivity, f"What is not known: {name}", folder / "tornado.png"),
    ]
    if found.points is not None:
        tables["operating_points"] = found.points.table
        pictures.append(
            draw_operating_points(
                found.points.table, f"Operating points: {name}", folder / "operating_points.png"
            )
        )
    return StageResult(
        metrics={"benchmark": found.metrics()}
        | {
            f"{device}_{precision}".replace(" ", "_"): scores
            for device, by_precision in found.accuracy.items()
            for precision, scores in by_precision.items()
            if device != "loihi"
        },
        figures=tuple(pictures),
        tables=tuple(save_table(table, folder / f"{n}.parquet") for n, table in tables.items()),
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
    tiles = CoreMapping.load(inputs["quantize"] / MAPPING).tiles
    rates = load_arrays(inputs["convert"] / RATES)
    placement = Placement.load(inputs["partition"] / PLACEMENT)
    return events_from_rates(network, tiles, rates, steps, placement)


@dataclass(frozen=True)
class Benchmark:
    """What :func:`run_benchmark` found.

    Attributes
    ----------
    network : str
        Name of the network that was deployed.
    report : EnergyReport
        Figures and ratios.
    sensitivity : Sensitivity
        How far the comparison moves with what is not known; of the operating point where there is
        one, else of the network as it was deployed.
    idle : pandas.DataFrame
        Ratios under every definition of idle power,
        :func:`~spikeseg_core.energy.static_power.idle_table`.
    points : OperatingPoints or None
        None where the engine did not count events.
    accuracy : mapping of str to (mapping of str to (mapping of str to float))
        Scores by device and precision, of the very networks that were timed and deployed, on the
        same sections.
    cpu_threads : mapping of str to int
        Best thread count, by device, precision and batch.
    why_no_gpu : str
        Why no GPU was measured; empty if one was.
    """

    network: str
    report: EnergyReport
    sensitivity: Sensitivity
    idle: pd.DataFrame
    points: OperatingPoints | None
    accuracy: Mapping[str, Mapping[str, Mapping[str, float]]]
    cpu_threads: Mapping[str, int]
    why_no_gpu: str

    def pixel_accuracy_differences(self) -> dict[str, float]:
        """Pixel accuracy on test of each way of presenting tiles, less that of the int8 CPU."""
        cpu = self.accuracy["cpu"]["int8"]["test/pixel_accuracy"]
        return {
            device: scores["int8"]["test/pixel_accuracy"] - cpu
            for device, scores in self.accuracy.items()
            if device.startswith("loihi")
        }

    def overtaking(self) -> dict[str, int | None]:
        """Smallest timed batch at which a conventional device needs less than Loihi; or None.

        By device and precision, with ``_operating_point`` and ``_with_host`` where Loihi is that.
        """
        figures = self.report.figures
        conventional = dict.fromkeys(
            (f.device, f.precision)
            for f in figures
            if f.basis != "published" and not f.device.startswith("loihi")
        )
        points = [] if self.points is None else [name for name in POINTS if name != START]
        loihi = ["loihi", *points]
        return {
            f"{device}_{precision}{way.removeprefix('loihi')}{host}".replace(" ", "_"): (
                overtaking_batch(
                    figures,
                    device,
                    precision,
                    find(figures, f"{way} + host" if host else way, "int8", 1),
                )
            )
            for device, precision in conventional
            for way in loihi
            for host in ("", "_with_host")
        }

    def metrics(self) -> dict[str, float]:
        """Flat names to values, for tracking."""
        least: dict[str, float] = {}
        for row in self.idle.to_dict("records"):
            name = re.sub("[^a-z0-9]+", "_", f"{row['loihi']} against {row['opponent']}".lower())
            least[name] = min(row["ratio"], least.get(name, row["ratio"]))
        idle = {f"energy/least_ratio_{name.strip('_')}": ratio for name, ratio in least.items()}
        points = {} if self.points is None else self.points.metrics()
        return self.report.metrics() | points | idle

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain dicts and lists."""
        differences = self.pixel_accuracy_differences()
        return {
            "figures": [f.to_json() for f in self.report.figures],
            "ratios": dict(self.report.ratios),
            "accuracy": {
                device: {precision: dict(scores) for precision, scores in by_precision.items()}
                for device, by_precision in self.accuracy.items()
            },
            "equal_accuracy": all(abs(d) <= EQUAL_ACCURACY for d in differences.values()),
            "pixel_accuracy_less_cpu_int8": differences,
            "ratios_by_idle": self.idle.to_dict("records"),
            "operating_point": None if self.points is None else self.points.to_json(),
            "sensitivity": self.sensitivity.to_json(),
            "overtaking_batch": self.overtaking(),
            "events_per_tile": dict(self.report.events),
            "loihi_parts_mj": dict(self.report.loihi_parts_mj),
            "cpu_threads": dict(self.cpu_threads),
            "why_no_gpu": self.why_no_gpu,
            **self.report.facts,
        }


def run_benchmark(
    config: PipelineConfig,
    inputs: Mapping[str, Path],
    batches: Sequence[int],
    report: Reporter,
) -> Benchmark:
    """Measure or model the energy of one section on Loihi, CPU and GPU.

    Parameters
    ----------
    config : PipelineConfig
        Of the run.
    inputs : mapping of str to Path
        Finished folders of the stages up to ``deploy``.
    batches : sequence of int
        Tiles a call on CPU and GPU; must hold 1, which is online.
    report : Reporter
        Told of progress, and of meters that are missing.

    Raises
    ------
    DataError
        If an input of an earlier stage is missing or damaged.
    """
    dataset = first_sections(load_dataset(inputs["prepare"]), config.deploy.sections)
    network, _ = load_network(inputs["tune"])
    events = events_of(network, inputs, config.presentation.steps, report)
    loihi = {"loihi": Presented(events, dataset.grid.tiles)}
    accuracy = {"loihi": {"int8": _deployed(dataset, inputs["deploy"])}}
    conventional = _conventional(
        load_network(inputs["train"]), dataset, batches, config.benchmark, report
    )
    figures, tiles = conventional.cpu, dataset.grid.tiles
    best = best_online(figures)
    points = None
    if events.basis == "counted":
        points = find_operating_point(
            load_mapped(inputs),
            dataset,
            config.presentation,
            config.benchmark,
            as_good_as=conventional.accuracy[best]["int8"],
            report=report,
        )
        for name, mark in POINTS.items():
            shown = points.shown[mark]
            loihi[name] = Presented(shown.events, shown.tiles, shown.checks)
            accuracy[name] = {"int8": points.scores(mark)}
    model = LoihiModel()
    board = [BoardEnergy.from_json(r) for r in _board_energy(inputs["deploy"])]
    compared = {name: shown for name, shown in loihi.items() if name != START}
    return Benchmark(
        network=network.name,
        report=energy_report(
            network,
            loihi,
            figures,
            others=(*conventional.gpu, *(board_figures(board, tiles) if board else ())),
            model=model,
        ),
        sensitivity=sensitivity(
            network,
            loihi.get(OPERATING_POINT, loihi["loihi"]),
            figures,
            fastest=conventional.fastest[best],
            model=model,
        ),
        idle=idle_table(
            compared,
            (
                *(Opponent.of(figures, device, "int8") for device in CPU_DEVICES),
                Opponent.of(published_figures(tiles, 0), PUBLISHED_GPU, "as published"),
            ),
            host=Opponent.of(figures, "cpu", "int8"),
            host_shares={name: shown.host_share(network) for name, shown in compared.items()},
            model=model,
        ),
        points=points,
        accuracy=accuracy | conventional.accuracy,
        cpu_threads=conventional.threads,
        why_no_gpu=conventional.why_no_gpu,
    )


def _deployed(dataset: Dataset, folder: Path) -> dict[str, float]:
    """Scores of the test sections as the deploy stage left them."""
    probability = load_arrays(folder / "probability_loihi.npz")["test"].astype(np.float32)
    return evaluate({"test": (probability, dataset.split("test")[1])})


def _board_energy(folder: Path) -> list[dict[str, Any]]:
    path = folder / BOARD_ENERGY
    found: list[dict[str, Any]] = json.loads(path.read_text()) if path.exists() else []
    return found


CPU_DEVICES = ("cpu", "cpu whole section")
"""The CPU fed with the very tiles that Loihi gets, and with whole sections, which saves it what
tiles overlap."""


@dataclass(frozen=True)
class _Conventional:
    """CPU and GPU: figures, scores by device and precision, threads, and what is missing."""

    cpu: tuple[EnergyFigure, ...]
    gpu: tuple[EnergyFigure, ...]
    accuracy: dict[str, dict[str, dict[str, float]]]
    threads: dict[str, int]
    fastest: dict[str, float]
    why_no_gpu: str


def _conventional(
    ann: tuple[Network, Weights],
    dataset: Dataset,
    batches: Sequence[int],
    config: BenchmarkConfig,
    report: Reporter,
) -> _Conventional:
    """Measure the ANN on this machine, on tiles and on whole sections."""
    power = cpu_power(config)
    if not isinstance(power, IdleMeter):
        report.say(f"CPU energy is modelled, not measured: {power.why}")
    tiles = representative_tiles(dataset)
    model = model_from_weights(*ann, activation="relu")
    training = dataset.split("train")[0][:REPRESENTATIVE_SECTIONS]
    whole_model, whole = whole_sections(*ann, training)
    by_tiles, by_sections = CPU_DEVICES
    found = {
        by_tiles: measure_cpu(
            model,
            tiles,
            tiles_per_section=dataset.grid.tiles,
            batches=batches,
            repeats=config.repeats,
            power=power,
            report=report,
        ),
        by_sections: measure_cpu(
            whole_model,
            whole,
            tiles_per_section=None,
            batches=(1,),
            repeats=config.repeats,
            power=power,
            device=by_sections,
            report=report,
        ),
    }
    gpu, why_no_gpu = _gpu(model, tiles, dataset.grid.tiles, batches, config.repeats)
    if why_no_gpu:
        report.say(f"no GPU was measured: {why_no_gpu}")
    height, width = dataset.section_shape

    def by_section(segment: Segmenter) -> Callable[[np.ndarray], np.ndarray]:
        return lambda images: expit(segment(whole_sections(*ann, images)[1]))[:, :height, :width]

    def by_tile(segment: Segmenter) -> Callable[[np.ndarray], np.ndarray]:
        return lambda images: dataset.grid.stitch(expit(segment(dataset.grid.cut(images))))

    segment = {by_tiles: by_tile, by_sections: by_section}
    return _Conventional(
        cpu=tuple(f for benchmark in found.values() for f in benchmark.figures),
        gpu=gpu,
        accuracy={
            device: {
                precision: _scores(segment[device](net), dataset)
                for precision, net in benchmark.segmenters.items()
            }
            for device, benchmark in found.items()
        },
        threads={
            f"{device} {name}".removeprefix("cpu ") if device == by_tiles else f"{device} {name}": n
            for device, benchmark in found.items()
            for name, n in benchmark.threads.items()
        },
        fastest={device: b.fastest["int8 batch 1"] for device, b in found.items()},
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


def _scores(segment: Callable[[np.ndarray], np.ndarray], dataset: Dataset) -> dict[str, float]:
    """Scores of whole sections, segmented by a function of standardised sections."""
    splits = {split: dataset.split(split) for split in SCORED_SPLITS}
    return evaluate({name: (segment(images), labels) for name, (images, labels) in splits.items()})
