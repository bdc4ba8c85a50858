"""Stage 4: convert to a spiking network in NengoDL, and run it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np

from spikeseg_core.config import PipelineConfig
from spikeseg_core.data.dataset import load_dataset
from spikeseg_core.evaluation.segment import segment_and_score
from spikeseg_core.network import load_network
from spikeseg_core.reporting import Reporter
from spikeseg_core.snn.convert import convert
from spikeseg_core.snn.rates import report_rates
from spikeseg_core.stages.artifacts import RATES
from spikeseg_core.stages.base import StageResult
from spikeseg_core.stages.files import save_rates, save_section_scores, save_segmentation
from spikeseg_core.storage import save_arrays


def run(
    config: PipelineConfig, inputs: Mapping[str, Path], folder: Path, report: Reporter
) -> StageResult:
    """Convert the tuned network; run it with rates, then with spikes.

    Writes ``rates.npz``: by layer, the mean spike rate of every neuron in Hz over the tiles of the
    validation split, ``(rows, columns, channels)``. The mapping is optimized for them, so they must
    not depend on the test split.

    Raises
    ------
    ConfigError
        If the converted network differs from the tuned one.
    """
    dataset = load_dataset(inputs["prepare"])
    network, weights = load_network(inputs["tune"])
    net = convert(network, weights, config.presentation.synapse_ms)
    report.say(f"NengoDL: {net.neurons} neurons, the tuned network's weights")

    spike_rates: list[Mapping[str, np.ndarray]] = []

    def segment(tiles: np.ndarray, spiking: bool) -> np.ndarray:
        found = net.segment_tiles(
            tiles,
            config.presentation,
            spiking=spiking,
            batch_tiles=config.convert.batch_tiles,
            report=report,
        )
        if spiking:
            spike_rates.append(found.rates)
        return found.logits

    by_rate = segment_and_score(partial(segment, spiking=False), dataset)
    by_spikes = segment_and_score(partial(segment, spiking=True), dataset)
    save_segmentation(folder, "snn_rate", by_rate)
    save_segmentation(folder, "snn_spiking", by_spikes)
    save_section_scores(folder, {"snn_rate": by_rate.sections, "snn_spiking": by_spikes.sections})
    validation, test = spike_rates  # in the order of SCORED_SPLITS
    save_arrays(folder / RATES, {name: r.mean(axis=0) for name, r in validation.items()})
    rates = report_rates(network, test, config.tune)
    return StageResult(
        metrics={
            "snn_rate": by_rate.metrics,
            "snn_spiking": {**by_spikes.metrics, **rates.metrics},
        },
        tables=save_rates(folder, rates),
        facts={"neurons": net.neurons, "steps": config.presentation.steps},
    )
