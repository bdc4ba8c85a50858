"""Colours, axes and file format shared by all pictures."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from spikeseg_core.storage import atomic_path

BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY = (
    "#00366E",
    "#A03408",
    "#17A074",
    "#BE79A8",
    "#EDAA1F",
    "#A6D8F5",
)
"""Okabe and Ito's hues, each with a lightness of its own: they stay apart in greyscale."""

GREY = "#666666"

SCORES = {
    "pixel_accuracy": "pixel accuracy",
    "membrane_iou": "membrane IoU",
    "v_rand": "V_Rand",
    "v_info": "V_Info",
}
"""Scores in words."""

NARROW = "_narrow"
"""End of the name of a picture's version for narrow screens."""

_DPI = 120

# Without it, ids inside an SVG differ from one writing to the next.
mpl.rcParams["svg.hashsalt"] = "spikeseg"


def new_figure(width: float, height: float, title: str = "") -> Figure:
    """Make an empty figure; width and height in inches."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    if title:
        figure.suptitle(title, fontsize=11, fontweight="bold", parse_math=False)
    return figure


def for_both_screens(draw: Callable[[Path, bool], Path], path: Path) -> tuple[Path, Path]:
    """Draw a picture for wide screens, and beside it one for narrow screens.

    Parameters
    ----------
    draw : callable
        Draws to a path, for a narrow screen or not.
    path : Path
        ``NAME.png``; the other one is ``NAME_narrow.png``.
    """
    return draw(path, False), draw(path.with_stem(f"{path.stem}{NARROW}"), True)


def clean(axes: Axes) -> None:
    """Show only the left and the lower axis, with a light grid behind."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=8)


def legend_below(figure: Figure, columns: int = 4) -> None:
    """Put one legend of all panels below them, where it covers no point."""
    entries = [
        entry
        for panel in figure.axes
        for entry in zip(*panel.get_legend_handles_labels(), strict=True)
    ]
    if not entries:
        return
    first = {str(label): handle for handle, label in reversed(entries)}
    labels = list(dict.fromkeys(str(label) for _, label in entries))
    figure.legend(
        handles=[first[label] for label in labels],
        labels=labels,
        loc="outside lower center",
        ncols=min(columns, len(labels)),
        fontsize=8,
        frameon=False,
    )


def short(value: float) -> str:
    """Write a value with two significant digits or all before the point, without exponent."""
    if abs(value) >= 10 or not value:
        return f"{value:,.0f}"
    places = max(0, 1 - math.floor(math.log10(abs(value))))
    return f"{value:.{places}f}"


def save(figure: Figure, path: Path, *, vector: bool = True) -> Path:
    """Write a PNG and, beside it, an SVG if wanted; returns the PNG's path.

    Both are written atomically, without date or version: equal figures give equal files.
    """
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=_DPI, format="png", metadata={"Software": None})
    if vector:
        no_date = {"Date": None, "Creator": None}
        with atomic_path(path.with_suffix(".svg")) as temporary:
            figure.savefig(temporary, dpi=_DPI, format="svg", metadata=no_date)
    return path
