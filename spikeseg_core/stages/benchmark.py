"""Stage 8: energy and time per section on Loihi, CPU and GPU."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from spikeseg_core.config import PipelineConfig
from spikeseg_core.energy.baseline import Baseline
from spikeseg_core.energy.comparison import compare
from spikeseg_core.energy.devices.loihi import Presented, board_figures
from spikeseg_core.energy.devices.machine import measure_machine
from spikeseg_core.energy.figure import Presentation, score_tag
from spikeseg_core.energy.host import Host
from spikeseg_core.evaluation.claims import claims, presentation_tag
from spikeseg_core.evaluation.scorer import evaluate
from spikeseg_core.evaluation.segment import score_sections, scorers_of
from spikeseg_core.loihi.cost.model import LoihiModel
from spikeseg_core.network import load_network
from spikeseg_core.presentation.levers import lever_tag, priced_levers
from spikeseg_core.presentation.operating_point import OperatingPoints, find_operating_point
from spikeseg_core.reporting import Reporter
from spikeseg_core.stages import artifacts as files
from spikeseg_core.stages.base import StageResult
from spikeseg_core.stages.deployed import load_board_energy, load_events, load_search, load_sections
from spikeseg_core.stages.files import load_section_scores, save_section_scores
from spikeseg_core.storage import load_arrays, save_table, write_json


def run(
    config: PipelineConfig, inputs: Mapping[str, Path], folder: Path, report: Reporter
) -> StageResult:
    """Benchmark the deployed network against the ANN of the train stage, as configured.

    The presentations of the deploy stage are priced here, and the operating point is chosen;
    nothing is emulated. Writes ``energy.json`` (everything), ``energy.parquet`` (the figures),
    ``idle.parquet`` (every ratio under every static-power accounting) and, if the engine counts
    events, ``operating_points.parquet`` and ``anytime.parquet``.

    Raises
    ------
    DataError
        If an input of an earlier stage is missing or damaged.
    """
    return run_benchmark(config, inputs, (1, config.benchmark.batch_size), folder, report)


def run_benchmark(
    config: PipelineConfig,
    inputs: Mapping[str, Path],
    batches: Sequence[int],
    folder: Path,
    report: Reporter,
) -> StageResult:
    """Benchmark with ``batches`` tiles per call on CPU and GPU, including 1 (online)."""
    dataset, deployed = load_sections(config, inputs), inputs["deploy"]
    network, weights = load_network(inputs["tune"])
    scorers = scorers_of(dataset)
    machine = measure_machine(
        *load_network(inputs["train"]),
        dataset,
        deployed=(network, weights),
        steps=config.presentation.steps,
        batches=tuple(dict.fromkeys(batches)),
        config=config.benchmark,
        report=report,
    )
    scored = {
        device: {p: score_sections(segment, dataset, scorers) for p, segment in nets.items()}
        for device, nets in machine.segment.items()
    }
    accuracy = {
        device: {p: one.overall for p, one in by_precision.items()}
        for device, by_precision in scored.items()
    }
    best = Baseline.best(machine.cpu).total
    events = load_events(network, inputs, config.presentation.steps, report)
    probability = load_arrays(deployed / files.probability("loihi"))["test"].astype(np.float32)
    loihi: dict[Presentation, Presented] = {"deployed": Presented(events, dataset.grid.tiles)}
    scores: dict[Presentation, dict[str, float]] = {
        "deployed": evaluate({"test": (probability, scorers["test"])})
    }
    points: OperatingPoints | None = None
    model = LoihiModel(sparse=network.sparse)
    host = Host(network, machine.cpu, machine.host)
    if tried := load_search(deployed):
        points = find_operating_point(
            tried,
            host,
            as_good_as=accuracy[best.device]["int8"],
            deployed=config.presentation,
            report=report,
            model=model,
        )
    levers = points.levers if points else {}
    board = load_board_energy(deployed)
    found = compare(
        loihi | (points.presented() if points else {}),
        host,
        others=(*machine.gpu, *(board_figures(board, dataset.grid.tiles) if board else ())),
        loihi_scores=scores | (points.scores() if points else {}),
        accuracy=accuracy,
        fastest=best.fastest or 1.0,
        model=model,
    )
    by_section: dict[Presentation, pd.DataFrame] = {
        "deployed": load_section_scores(deployed, "loihi"),
        **(points.sections if points else {}),
    }
    conventional = {
        device: nets["int8"].sections for device, nets in scored.items() if "int8" in nets
    }
    facts = found.to_json() | {
        "network": network.name,
        "claims": claims(found, by_section, conventional, network.name),
        "levers": priced_levers(levers, host, model),
        "operating_point": points.to_json() if points else None,
        "cpu_threads": dict(machine.threads),
        "cpu_runtimes": {name: dict(tried) for name, tried in machine.runtimes.items()},
        "why_no_gpu": machine.why_no_gpu,
        "busy": machine.busy,
        "load": machine.load,
    }
    write_json(folder / files.ENERGY, facts)
    tables = {files.ENERGY_TABLE: found.table(), files.IDLE: found.by_accounting}
    if points:
        tables |= {files.OPERATING_POINTS: points.table, files.ANYTIME: points.anytime()}
    save_section_scores(
        folder,
        {
            presentation_tag(way): sections
            for way, sections in by_section.items()
            if way != "deployed"
        }
        | {score_tag(device, "int8"): sections for device, sections in conventional.items()}
        | {lever_tag(opened): lever.sections for opened, lever in levers.items()},
    )
    return StageResult(
        metrics={
            "benchmark": {"busy": float(machine.busy), "load": machine.load}
            | found.metrics()
            | found.least_ratios()
            | (points.metrics() if points else {}),
            **found.scores(),
        },
        tables=tuple(save_table(table, folder / name) for name, table in tables.items()),
        facts=facts,
    )
