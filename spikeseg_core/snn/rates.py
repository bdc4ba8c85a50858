"""Spike rates: per neuron over tiles, then per layer and for the whole chip."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from spikeseg_core.config import TuneConfig
from spikeseg_core.network import Network

SATURATED_HZ = 500.0
"""A neuron that spikes at least every second step can hardly distinguish inputs."""


@dataclass(frozen=True)
class RateReport:
    """Spike rates of a network over tiles: their metrics, and tables per layer and per neuron."""

    metrics: Mapping[str, float]
    layers: pd.DataFrame
    neurons: pd.DataFrame


def report_rates(
    network: Network, rates: Mapping[str, np.ndarray], config: TuneConfig
) -> RateReport:
    """Describe the rates of a network's neurons; arguments as for :func:`neuron_table`."""
    neurons = neuron_table(network, rates, config)
    layers = rate_table(neurons)
    return RateReport(rate_metrics(layers), layers, neurons)


def neuron_table(
    network: Network, rates: Mapping[str, np.ndarray], config: TuneConfig
) -> pd.DataFrame:
    """Tabulate the rate of each neuron.

    Parameters
    ----------
    rates : mapping of str to array (tiles, rows, columns, channels)
        Rates in Hz, by layer.

    Returns
    -------
    pandas.DataFrame
        One row per neuron of the layers that have rates, in the order of the network and of the
        layer's shape: ``layer``, ``on_chip``, ``row``, ``column``, ``channel``, ``mean_rate_hz``
        and ``percentile_rate_hz`` over tiles, and whether that percentile is in the range
        (``in_range``), 0 (``dead``), or at least ``SATURATED_HZ`` (``saturated``).
    """
    layers = [layer for layer in network.layers if layer.name in rates]
    names = [layer.name for layer in layers]
    parts = []
    for layer in layers:
        p = np.percentile(rates[layer.name], config.percentile, axis=0).ravel()
        row, column, channel = np.indices(network.shape(layer.name), np.int16).reshape(3, -1)
        # Rates are 1000 / n Hz in float32; the range includes its ends.
        inside = (p >= config.rate_min_hz - 1e-3) & (p <= config.rate_max_hz + 1e-3)
        parts.append(
            pd.DataFrame(
                {
                    "layer": pd.Categorical(np.full(p.size, layer.name), names),
                    "on_chip": layer.on_chip,
                    "row": row,
                    "column": column,
                    "channel": channel,
                    "mean_rate_hz": rates[layer.name].mean(axis=0, dtype=np.float64).ravel(),
                    "percentile_rate_hz": p,
                    "in_range": inside,
                    "dead": p <= 0,
                    "saturated": p >= SATURATED_HZ,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def rate_table(neurons: pd.DataFrame) -> pd.DataFrame:
    """Tabulate the rates of each layer, from :func:`neuron_table`.

    Returns
    -------
    pandas.DataFrame
        One row per layer: ``layer``, ``on_chip``, ``neurons``, ``mean_rate_hz`` (over neurons and
        tiles), ``percentile_rate_hz`` (median over neurons), and the shares of neurons that are in
        the range (``share_in_range``), ``dead`` or ``saturated``.
    """
    found = neurons.groupby("layer", observed=True, sort=False).agg(
        on_chip=("on_chip", "first"),
        neurons=("on_chip", "size"),
        mean_rate_hz=("mean_rate_hz", "mean"),
        percentile_rate_hz=("percentile_rate_hz", "median"),
        share_in_range=("in_range", "mean"),
        dead=("dead", "mean"),
        saturated=("saturated", "mean"),
    )
    return found.reset_index().astype({"layer": str, "percentile_rate_hz": float})


def rate_metrics(table: pd.DataFrame) -> dict[str, float]:
    """Averages over all on-chip neurons, from :func:`rate_table`.

    Returns
    -------
    dict
        ``spikes/mean_rate_hz``, ``spikes/share_in_range``, ``spikes/dead``, ``spikes/saturated``
        over the neurons on the chip, and ``spikes/host_mean_rate_hz`` over those on the host
        if there are any.
    """
    chip, host = table[table.on_chip], table[~table.on_chip]
    columns = ("mean_rate_hz", "share_in_range", "dead", "saturated")
    metrics = {f"spikes/{c}": float(np.average(chip[c], weights=chip.neurons)) for c in columns}
    if len(host):
        mean = np.average(host.mean_rate_hz, weights=host.neurons)
        metrics["spikes/host_mean_rate_hz"] = float(mean)
    return metrics
