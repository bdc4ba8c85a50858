"""Histograms of spike rates by layer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from spikeseg_core.figures.style import BLUE, GREY, ORANGE, clean, new_figure, save

_BINS = 60
_LEAST = 1e-3  # lower end of the logarithmic axis, in per cent of the neurons
MOST_IN_A_COLUMN = 6
"""Layers; more stand in two columns, so that a page shows them at a size one can read."""


def rate_histogram(
    rates_by_layer: Mapping[str, np.ndarray],
    path: Path,
    band: tuple[float, float] = (50.0, 200.0),
    title: str = "",
    quantity: str = "spike rate",
    *,
    before: Mapping[str, np.ndarray] | None = None,
    narrow: bool = False,
) -> Path:
    """Draw the distribution of spike rates in each layer.

    Parameters
    ----------
    rates_by_layer : mapping of layer name to array
        One rate per neuron, Hz, in any shape.
    band : (float, float)
        Target range in Hz, shaded.
    quantity : str
        Label of the axis, such as "99.9th percentile of the spike rate".
    before : mapping of layer name to array, optional
        Earlier rates of the same layers, drawn dotted.
    """
    low, high = band
    rates = {layer: np.ravel(np.asarray(r, dtype=float)) for layer, r in rates_by_layer.items()}
    earlier = {layer: np.ravel(np.asarray(r, dtype=float)) for layer, r in (before or {}).items()}
    everything = [*rates.values(), *earlier.values()]
    top = max([1.25 * high, *(float(r.max()) for r in everything if r.size)])
    bins = np.linspace(0, top, _BINS + 1)

    columns = 1 if narrow or len(rates) <= MOST_IN_A_COLUMN else 2
    rows = -(-len(rates) // columns)
    width = 5 if narrow else 8 if columns == 1 else 11
    figure = new_figure(width, 1.2 + 1.15 * rows, title)
    panels = figure.subplots(rows, columns, sharex=True, squeeze=False).T.ravel()
    for unused in panels[len(rates) :]:
        unused.set_axis_off()
    for panel, (layer, values) in zip(panels, rates.items(), strict=False):
        panel.axvspan(low, high, color=ORANGE, alpha=0.18, linewidth=0)
        panel.stairs(_share(values, bins), bins, baseline=_LEAST, color=BLUE, linewidth=1.4)
        if layer in earlier:
            panel.stairs(
                _share(earlier[layer], bins), bins, baseline=_LEAST, color=GREY, linestyle=":"
            )
        panel.set_yscale("log")
        panel.set_ylim(_LEAST, 100)
        panel.set_ylabel(layer, rotation=0, ha="right", va="center", fontsize=9)
        clean(panel)
        panel.set_title(_summary(values, band), loc="right", fontsize=8, color=GREY, pad=2)
    for lowest in panels[[min(rows, len(rates)) - 1, len(rates) - 1]]:
        lowest.tick_params(labelbottom=True)
    outlined = "; dotted: before" if earlier else ""
    between = "\n" if narrow else "; "
    figure.supxlabel(f"{quantity} (Hz){between}shaded: {low:g}-{high:g} Hz{outlined}", fontsize=9)
    figure.supylabel("neurons (%)", fontsize=9)
    return save(figure, path)


def _share(values: np.ndarray, bins: np.ndarray) -> np.ndarray:
    """Percentage of the neurons in each bin, clipped to the lower end of the axis."""
    percent = np.histogram(values, bins)[0] / max(values.size, 1) * 100
    return np.maximum(percent, _LEAST)


def _summary(values: np.ndarray, band: tuple[float, float]) -> str:
    if not values.size:
        return "no neurons"
    inside = np.mean((values >= band[0]) & (values <= band[1]))
    return (
        f"{values.size:,} neurons, median of the percentile {np.median(values):.0f} Hz, "
        f"{inside:.1%} in the target range, {np.mean(values == 0):.1%} silent"
    )
