"""``spikeseg bench energy``: the energy benchmark over many batch sizes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from spikeseg_core.config import PipelineConfig
from spikeseg_core.data.dataset import load_dataset
from spikeseg_core.metrics import evaluate
from spikeseg_core.network import load_network
from spikeseg_core.reporting import SILENT, Reporter
from spikeseg_core.stages.benchmark import events_of, run_benchmark
from spikeseg_core.storage import load_arrays

BATCHES = (1, 2, 4, 8, 16, 32, 64)


def bench_energy(
    config: PipelineConfig, inputs: Mapping[str, Path], report: Reporter = SILENT
) -> dict[str, Any]:
    """Benchmark a deployed network at batch sizes 1 to 64.

    Parameters
    ----------
    config : PipelineConfig
        Of the run; its ``benchmark`` is read.
    inputs : mapping of str to Path
        Finished folders of the stages up to ``deploy``.
    report : Reporter
        Told of progress.

    Returns
    -------
    dict
        ``figures``: objects with ``device``, ``precision``, ``batch``, ``component``,
        ``mj_per_section``, ``basis``, ``source`` and more; ``accuracy`` by device and precision, on
        the same sections;
        ``ratios``; ``sensitivity``; ``overtaking_batch``; and what they were made from.

    Raises
    ------
    DataError
        If an input of an earlier stage is missing or damaged.
    """
    mapped, _ = load_network(inputs["tune"])
    dataset = load_dataset(inputs["prepare"])
    found = run_benchmark(
        dataset,
        mapped,
        load_network(inputs["train"]),
        events_of(mapped, inputs, config.presentation.steps, report),
        config=config.benchmark,
        batches=BATCHES,
        sections=config.deploy.sections,
        report=report,
    ).to_json()
    deployed = load_arrays(inputs["deploy"] / "probability_loihi.npz")["test"].astype(np.float32)
    labels = dataset.split("test")[1][: len(deployed)]
    found["accuracy"]["loihi"] = {"int8": evaluate({"test": (deployed, labels)})}
    return found
