"""How fast the neurons fire: per neuron over tiles, then per layer and for the whole chip."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from spikeseg_core.config import TuneConfig
from spikeseg_core.network import Network

SATURATED_HZ = 500.0
"""A neuron that spikes at every second step or more can hardly tell inputs apart."""


def neuron_percentiles(rates: Mapping[str, np.ndarray], percentile: float) -> dict[str, np.ndarray]:
    """Percentile of every neuron's rate over tiles.

    Parameters
    ----------
    rates : mapping of str to array (tiles, rows, columns, channels)
        Rates in Hz, by layer.
    percentile : float
        0-100, interpolated linearly between tiles.

    Returns
    -------
    dict of str to array (rows, columns, channels)
        In Hz.
    """
    return {name: np.percentile(r, percentile, axis=0) for name, r in rates.items()}


def rate_table(
    network: Network, rates: Mapping[str, np.ndarray], config: TuneConfig
) -> pd.DataFrame:
    """Describe the rates of each layer.

    Parameters
    ----------
    network : Network
        Says which layers are on the chip.
    rates : mapping of str to array (tiles, rows, columns, channels)
        Rates in Hz, by layer.
    config : TuneConfig
        The wanted range and the percentile that has to lie in it.

    Returns
    -------
    pandas.DataFrame
        One row per layer that has rates: ``layer``, ``on_chip``, ``neurons``, ``mean_rate_hz``
        (over neurons and tiles), ``percentile_rate_hz`` (median over neurons), and the shares of
        neurons whose percentile is in the range (``share_in_range``), 0 (``dead``), or at least
        ``SATURATED_HZ`` (``saturated``).
    """
    percentiles = neuron_percentiles(rates, config.percentile)
    rows = []
    for layer in network.layers:
        if layer.name not in percentiles:
            continue
        p = percentiles[layer.name]
        # Rates are 1000 / n Hz kept in float32: the ends of the range are meant to be in it.
        inside = (p >= config.rate_min_hz - 1e-3) & (p <= config.rate_max_hz + 1e-3)
        rows.append(
            {
                "layer": layer.name,
                "on_chip": layer.on_chip,
                "neurons": p.size,
                "mean_rate_hz": float(rates[layer.name].mean(dtype=np.float64)),
                "percentile_rate_hz": float(np.median(p)),
                "share_in_range": float(inside.mean()),
                "dead": float((p <= 0).mean()),
                "saturated": float((p >= SATURATED_HZ).mean()),
            }
        )
    return pd.DataFrame(rows)


def rate_metrics(table: pd.DataFrame) -> dict[str, float]:
    """Averages over all on-chip neurons, from :func:`rate_table`.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per layer.

    Returns
    -------
    dict
        ``spikes/mean_rate_hz``, ``spikes/share_in_range``, ``spikes/dead``, ``spikes/saturated``
        over the neurons on the chip, and ``spikes/host_mean_rate_hz`` over those on the host
        where there are any.
    """
    chip, host = table[table.on_chip], table[~table.on_chip]
    columns = ("mean_rate_hz", "share_in_range", "dead", "saturated")
    metrics = {f"spikes/{c}": float(np.average(chip[c], weights=chip.neurons)) for c in columns}
    if len(host):
        mean = np.average(host.mean_rate_hz, weights=host.neurons)
        metrics["spikes/host_mean_rate_hz"] = float(mean)
    return metrics
