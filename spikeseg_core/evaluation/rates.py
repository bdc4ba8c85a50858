"""What every stage that has firing rates says of them: metrics, tables, histograms."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from spikeseg_core.config import TuneConfig
from spikeseg_core.figures.rates import rate_histogram
from spikeseg_core.network import Network
from spikeseg_core.snn.rates import neuron_table, rate_metrics, rate_table
from spikeseg_core.stages.base import StageResult
from spikeseg_core.stages.train import save_table


def report_rates(
    tag: str,
    network: Network,
    rates: Mapping[str, np.ndarray],
    config: TuneConfig,
    folder: Path,
    *,
    name: str = "rates",
    before: pd.DataFrame | None = None,
) -> StageResult:
    """Describe the rates of a stage's neurons.

    Parameters
    ----------
    tag : str
        Segmentation stage tag that the metrics get.
    network : Network
        Says which layers are on the chip.
    rates : mapping of str to array (tiles, rows, columns, channels)
        Rates in Hz, by layer.
    config : TuneConfig
        The wanted range and percentile.
    folder : Path
        Gets ``<name>.parquet`` (a row per layer), ``<name>_neurons.parquet`` (a row per neuron) and
        ``<name>.png``.
    name : str
        Of the files.
    before : pandas.DataFrame, optional
        Neurons as they were, from the same table of another stage: outlines in the histogram.
    """
    neurons = neuron_table(network, rates, config)
    table = rate_table(neurons)
    picture = rate_histogram(
        _by_layer(neurons),
        folder / f"{name}.png",
        band=(config.rate_min_hz, config.rate_max_hz),
        title=f"Firing rates, {tag}",
        quantity=f"percentile {config.percentile:g} of a neuron's rate over tiles",
        before=None if before is None else _by_layer(before),
    )
    return StageResult(
        metrics={tag: rate_metrics(table)},
        figures=(picture,),
        tables=(
            save_table(table, folder / f"{name}.parquet"),
            save_table(neurons, folder / f"{name}_neurons.parquet"),
        ),
    )


def _by_layer(neurons: pd.DataFrame) -> dict[str, np.ndarray]:
    groups = neurons.groupby("layer", observed=True, sort=False)["percentile_rate_hz"]
    return {str(layer): rates.to_numpy() for layer, rates in groups}
