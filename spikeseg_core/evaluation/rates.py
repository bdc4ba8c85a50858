"""What every stage that has firing rates says of them: metrics and tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from spikeseg_core.config import TuneConfig
from spikeseg_core.network import Network
from spikeseg_core.snn.rates import neuron_table, rate_metrics, rate_table


@dataclass(frozen=True)
class RateReport:
    """Firing rates of a network over tiles.

    Attributes
    ----------
    metrics : mapping of str to float
        ``spikes/mean_rate_hz`` and so on.
    layers, neurons : pandas.DataFrame
        From :func:`~spikeseg_core.snn.rates.rate_table` and
        :func:`~spikeseg_core.snn.rates.neuron_table`.
    """

    metrics: Mapping[str, float]
    layers: pd.DataFrame
    neurons: pd.DataFrame


def report_rates(
    network: Network, rates: Mapping[str, np.ndarray], config: TuneConfig
) -> RateReport:
    """Describe the rates of a network's neurons.

    Parameters
    ----------
    network : Network
        Says which layers are on the chip.
    rates : mapping of str to array (tiles, rows, columns, channels)
        Rates in Hz, by layer.
    config : TuneConfig
        The wanted range and percentile.
    """
    neurons = neuron_table(network, rates, config)
    layers = rate_table(neurons)
    return RateReport(rate_metrics(layers), layers, neurons)
