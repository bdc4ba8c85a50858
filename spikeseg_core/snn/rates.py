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


def neuron_table(
    network: Network, rates: Mapping[str, np.ndarray], config: TuneConfig
) -> pd.DataFrame:
    """Describe the rate of each neuron.

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
        One row per neuron of the layers that have rates, in the order of the network and of the
        layer's shape: ``layer``, ``on_chip``, ``row``, ``column``, ``channel``, ``mean_rate_hz``
        and ``percentile_rate_hz`` over tiles, and whether that percentile is in the range
        (``in_range``), 0 (``dead``), or at least ``SATURATED_HZ`` (``saturated``).
    """
    percentiles = neuron_percentiles(rates, config.percentile)
    layers = [layer for layer in network.layers if layer.name in percentiles]
    names = [layer.name for layer in layers]
    parts = []
    for layer in layers:
        p = percentiles[layer.name].ravel()
        row, column, channel = np.indices(network.shape(layer.name), np.int16).reshape(3, -1)
        # Rates are 1000 / n Hz kept in float32: the ends of the range are meant to be in it.
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
    """Describe the rates of each layer.

    Parameters
    ----------
    neurons : pandas.DataFrame
        From :func:`neuron_table`.

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
