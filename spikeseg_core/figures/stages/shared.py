"""Pictures that several stages have: a segmented section, spike rates, training curves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from spikeseg_core.config import TuneConfig
from spikeseg_core.data.dataset import load_dataset
from spikeseg_core.figures.curves import training_curves
from spikeseg_core.figures.rates import rate_histogram
from spikeseg_core.figures.sections import sections_figure
from spikeseg_core.stages.artifacts import HISTORY, probability, rates_by_neuron
from spikeseg_core.storage import load_arrays


def draw_section(tag: str, dataset: Path, folder: Path) -> Path:
    """Draw the first test section as a stage segmented it, ``sections_<tag>.png``."""
    images, labels = load_dataset(dataset).split("test")
    found = load_arrays(folder / probability(tag))["test"][0].astype(np.float32)
    return sections_figure(
        images[0], labels[0], found, folder / f"sections_{tag}.png", f"{tag}, first test section"
    )


def draw_rates(
    title: str, config: TuneConfig, folder: Path, tag: str = "", *, before: str | None = None
) -> Path:
    """Draw how neurons spread over spike rates; outlined, the rates of the tag ``before``."""
    table = folder / rates_by_neuron(tag)
    return rate_histogram(
        _by_layer(table),
        folder / (f"rates_{tag}.png" if tag else "rates.png"),
        band=(config.rate_min_hz, config.rate_max_hz),
        title=f"Firing rates, {title}",
        quantity=f"percentile {config.percentile:g} of a neuron's rate over tiles",
        before=None if before is None else _by_layer(folder / rates_by_neuron(before)),
    )


def draw_curves(title: str, folder: Path) -> Path:
    """Draw the metrics of a training against the epoch, ``<title>.png`` in lower case."""
    history = pd.read_parquet(folder / HISTORY)
    columns = {str(name): history[name].tolist() for name in history.columns}
    return training_curves(columns, folder / f"{title.lower()}.png", title)


def _by_layer(table: Path) -> dict[str, np.ndarray]:
    neurons = pd.read_parquet(table)
    groups = neurons.groupby("layer", observed=True, sort=False)["percentile_rate_hz"]
    return {str(layer): rates.to_numpy() for layer, rates in groups}
