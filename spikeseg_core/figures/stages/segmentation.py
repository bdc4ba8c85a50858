"""Pictures of the stages that segment: a section, spike rates, training curves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from spikeseg_core.config import PipelineConfig, TuneConfig
from spikeseg_core.data.dataset import load_dataset
from spikeseg_core.figures.curves import training_curves
from spikeseg_core.figures.rates import rate_histogram
from spikeseg_core.figures.sections import sections_figure
from spikeseg_core.figures.style import for_both_screens
from spikeseg_core.stages.artifacts import HISTORY, probability, rates_by_neuron
from spikeseg_core.storage import load_arrays

Pictures = tuple[Path, ...]
Inputs = Mapping[str, Path]


def draw_train(config: PipelineConfig, inputs: Inputs, folder: Path) -> Pictures:
    """Draw the first test section and the training curves."""
    return *_section("ann", inputs["prepare"], folder), *_curves("training", folder)


def draw_tune(config: PipelineConfig, inputs: Inputs, folder: Path) -> Pictures:
    """Draw a test section and the rates, after and before tuning, and the curves."""
    before, after = "ann_loihi_curve", "rate_tuned"
    return (
        *_section(after, inputs["prepare"], folder),
        *_rates(config.tune, folder, after, before=before),
        *_curves("tuning", folder),
        *_section(before, inputs["prepare"], folder),
        *_rates(config.tune, folder, before),
    )


def draw_convert(config: PipelineConfig, inputs: Inputs, folder: Path) -> Pictures:
    """Draw a test section segmented with rates and with spikes, and the rates."""
    return (
        *_section("snn_rate", inputs["prepare"], folder),
        *_section("snn_spiking", inputs["prepare"], folder),
        *_rates(config.tune, folder),
    )


def draw_deploy(config: PipelineConfig, inputs: Inputs, folder: Path) -> Pictures:
    """Draw a test section, and the rates if the target reports them."""
    section = _section("loihi", inputs["prepare"], folder)
    if not (folder / rates_by_neuron()).exists():
        return section
    return *section, *_rates(config.tune, folder)


def _section(tag: str, dataset: Path, folder: Path) -> Pictures:
    """Draw the first test section twice, for wide and for narrow screens."""
    prepared = load_dataset(dataset)
    images, labels = prepared.split("test")
    found = load_arrays(folder / probability(tag))["test"][0].astype(np.float32)
    return for_both_screens(
        lambda path, narrow: sections_figure(
            images[0],
            labels[0],
            found,
            path,
            columns=2 if narrow else 4,
            pixel_nm=prepared.pixel_nm,
        ),
        folder / f"sections_{tag}.png",
    )


def _rates(
    config: TuneConfig, folder: Path, tag: str = "", *, before: str | None = None
) -> Pictures:
    """Draw the distribution of spike rates, and that of the tag ``before`` as outlines."""
    rates = _by_layer(folder / rates_by_neuron(tag))
    earlier = None if before is None else _by_layer(folder / rates_by_neuron(before))
    return for_both_screens(
        lambda path, narrow: rate_histogram(
            rates,
            path,
            band=(config.rate_min_hz, config.rate_max_hz),
            quantity=f"percentile {config.percentile:g} of a neuron's rate over tiles",
            before=earlier,
            narrow=narrow,
        ),
        folder / (f"rates_{tag}.png" if tag else "rates.png"),
    )


def _curves(name: str, folder: Path) -> Pictures:
    history = pd.read_parquet(folder / HISTORY)
    columns = {str(name): history[name].tolist() for name in history.columns}
    return for_both_screens(
        lambda path, narrow: training_curves(columns, path, narrow=narrow), folder / f"{name}.png"
    )


def _by_layer(table: Path) -> dict[str, np.ndarray]:
    neurons = pd.read_parquet(table)
    groups = neurons.groupby("layer", observed=True, sort=False)["percentile_rate_hz"]
    return {str(layer): rates.to_numpy() for layer, rates in groups}
