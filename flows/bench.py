"""`spikeseg bench`: measurements, each made by a module of the core."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from flows.pipeline import pipeline
from flows.settings import configured
from spikeseg_core.config import PipelineConfig
from tasks.lookup import stage_and_those_before
from tasks.terminal import TerminalReporter, share_console_with_prefect


def bench(what: str, preset: str, dataset: str, changes: Sequence[str]) -> dict[str, Any]:
    """Measure one thing.

    Parameters
    ----------
    what : {"emulator", "mapping", "energy", "pipeline"}
        What to measure.
    preset, dataset, changes
        Settings of the runs that it needs, as for ``spikeseg run``.
    """
    return BENCHMARKS[what](configured(preset, dataset, changes))


def energy(config: PipelineConfig) -> dict[str, Any]:
    """Energy of the newest deployed network on this machine, at batches of 1 to 64."""
    from spikeseg_core.bench.energy import bench_energy

    folders = {name: ref.folder for name, ref in stage_and_those_before("deploy").items()}
    return bench_energy(config, folders, TerminalReporter("energy"))


def minutes(config: PipelineConfig) -> dict[str, Any]:
    """Minutes of every stage of the pipeline, and of the same command again."""
    share_console_with_prefect()
    runs = {}
    for name in ("first", "again"):
        began = time.perf_counter()
        summary = pipeline(config)
        runs[name] = {
            "minutes": (time.perf_counter() - began) / 60,
            "stages": summary["minutes"],
            "reused": summary["reused"],
        }
    return {"preset": config.preset, "dataset": summary["dataset"].get("source"), **runs}


BENCHMARKS: dict[str, Callable[[PipelineConfig], dict[str, Any]]] = {
    "energy": energy,
    "pipeline": minutes,
}
