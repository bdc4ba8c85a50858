"""Stage 8: energy and time per section on Loihi, CPU and GPU."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from spikeseg_core.config import PipelineConfig
from spikeseg_core.data.dataset import load_dataset
from spikeseg_core.energy.benchmark import run_benchmark
from spikeseg_core.energy.charts import draw_energy, draw_tornado
from spikeseg_core.energy.events import EventCounts
from spikeseg_core.network import load_network
from spikeseg_core.reporting import Reporter
from spikeseg_core.stages.base import StageResult
from spikeseg_core.storage import atomic_path, write_json

EVENTS = "events.npz"
"""What the deploy stage writes: :meth:`EventCounts.save`."""


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
        EventCounts.load(inputs["deploy"] / EVENTS),
        config=config.benchmark,
        batches=tuple(dict.fromkeys((1, config.benchmark.batch_size))),
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
