"""Segmented sections: probability, mask, and errors where the truth is known."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Patch
from mpl_toolkits.axes_grid1.anchored_artists import AnchoredSizeBar

from spikeseg_core.figures.style import BLUE, GREEN, ORANGE, VERMILLION, new_figure, save

_TINT = 0.65
"""Share of an overlay's colour where the section beneath is to be seen."""
_PAINT = 0.95
"""The same where colours have to be told apart, in greyscale too."""
_PALEST = 0.6
"""Grey of the darkest pixel beneath them."""
MOST_SHOWN = 1024
"""Pixels of a section along each axis from which on a picture has every second, third, ..."""
GREY_RANGE = (0.5, 99.5)
"""Percentiles of the grey values drawn as black and as white."""
_LONGEST_BAR = 0.3
"""Largest share of a section's width that its scale bar takes."""

PixelSize = tuple[float, float] | None
"""Height and width of a pixel, nm; None if unknown."""


def sections_figure(
    image: np.ndarray,
    truth: np.ndarray,
    probability: np.ndarray,
    path: Path,
    *,
    threshold: float = 0.5,
    columns: int = 4,
    pixel_nm: PixelSize = None,
) -> Path:
    """Draw a section, its truth, the membrane probability and an overlay.

    Parameters
    ----------
    image : array (h, w)
        Grey values, or the standardized section.
    truth : array (h, w)
        1 = membrane, 0 = interior.
    probability : array (h, w)
        Membrane probability in [0, 1].
    threshold : float
        Pixels above it count as membrane in the overlay.
    columns : int
        Panels side by side.
    pixel_nm : (float, float), optional
        Height and width of a pixel, nm, for a scale bar.
    """
    low, high = np.percentile(image, GREY_RANGE)
    called, membrane = probability > threshold, truth == 1
    # Paler than the section, so that all three colours stand out, in greyscale too.
    overlay = _PALEST + (1 - _PALEST) * grey_picture(image)
    kinds = (
        ("found", GREEN, called & membrane),
        ("missed", BLUE, ~called & membrane),
        ("false", ORANGE, called & ~membrane),
    )
    for _, colour, where in kinds:
        lay_over(overlay, where, colour, _PAINT)

    rows = 4 // columns
    figure = new_figure(3.25 * columns, 0.6 + 3.3 * rows)
    panels = figure.subplots(rows, columns).ravel()
    height, width = truth.shape
    panels[0].imshow(image, cmap="gray", vmin=low, vmax=high)
    scale_bar(panels[0], width, pixel_nm)
    panels[0].set_title(f"section, {width} x {height} px", fontsize=9)
    panels[1].imshow(membrane, cmap="gray_r", vmin=0, vmax=1)
    panels[1].set_title("truth (black: membrane)", fontsize=9)
    shown = panels[2].imshow(probability, cmap="gray_r", vmin=0, vmax=1)
    panels[2].set_title("membrane probability", fontsize=9)
    figure.colorbar(shown, ax=panels[2], fraction=0.046, pad=0.02).ax.tick_params(labelsize=7)
    panels[3].imshow(overlay)
    panels[3].set_title(f"membrane above {threshold:g}, share of pixels", fontsize=9)
    panels[3].legend(
        handles=[
            Patch(color=colour, label=f"{name} {where.mean():.1%}") for name, colour, where in kinds
        ],
        loc="upper center",
        bbox_to_anchor=(0.5, -0.01),
        ncols=3,
        fontsize=8,
        frameon=False,
    )
    for panel in panels:
        panel.set_axis_off()
    return save(figure, path)


def overview_figure(
    image: np.ndarray,
    truth: np.ndarray,
    found: Mapping[str, np.ndarray],
    path: Path,
    *,
    columns: int = 4,
    title: str = "",
    pixel_nm: PixelSize = None,
) -> Path:
    """Draw a section, its truth, and what several networks found in it, all alike: membrane dark.

    Parameters
    ----------
    image, truth : array (h, w)
        As in :func:`sections_figure`.
    found : mapping of str to array (h, w)
        Membrane probability in [0, 1] by the name of the network.
    columns : int
        Panels side by side.
    pixel_nm : (float, float), optional
        Height and width of a pixel, nm, for a scale bar.
    """
    shown = {"section": (grey_picture(image)[..., 0], "gray"), "truth": (truth == 1, "gray_r")}
    shown |= {name: (probability, "gray_r") for name, probability in found.items()}
    rows = -(-len(shown) // columns)
    figure = new_figure(3.1 * columns, 3.3 * rows + (0.5 if title else 0), title)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for panel in panels:
        panel.set_axis_off()
    for panel, (name, (pixels, colours)) in zip(panels, shown.items(), strict=False):
        panel.imshow(pixels, cmap=colours, vmin=0, vmax=1)
        panel.set_title(name, fontsize=12)
    scale_bar(panels[0], image.shape[1], pixel_nm)
    return save(figure, path)


def segmented_figure(
    sections: Sequence[tuple[str, np.ndarray, np.ndarray]],
    threshold: float,
    path: Path,
    title: str,
) -> Path:
    """Draw one section per row: the image, the membrane probability, and the mask as an overlay.

    Parameters
    ----------
    sections : sequence of (name, image, probability)
        Image (h, w) of grey values and probability (h, w) in [0, 1].
    threshold : float
        Pixels at or above it count as membrane.
    """
    figure = new_figure(11, 0.5 + 3.6 * len(sections), title)
    rows = figure.subplots(len(sections), 3, squeeze=False)
    for panels, (name, image, probability) in zip(rows, sections, strict=True):
        size, share = f"{image.shape[1]} x {image.shape[0]} px", (probability >= threshold).mean()
        step = -(-max(image.shape) // MOST_SHOWN)
        image, probability = image[::step, ::step], probability[::step, ::step]  # noqa: PLW2901
        grey = grey_picture(image)
        overlay = grey.copy()
        lay_over(overlay, probability >= threshold, VERMILLION)
        panels[0].imshow(grey)
        panels[0].set_title(f"{name}, {size}", fontsize=9, parse_math=False)
        shown = panels[1].imshow(probability, cmap="gray_r", vmin=0, vmax=1)
        panels[1].set_title("membrane probability", fontsize=9)
        figure.colorbar(shown, ax=panels[1], fraction=0.046, pad=0.02).ax.tick_params(labelsize=7)
        panels[2].imshow(overlay)
        panels[2].set_title(
            f"mask at threshold {threshold:g}: {share:.1%} of the pixels", fontsize=9
        )
        for panel in panels:
            panel.set_axis_off()
    return save(figure, path, vector=False)


def labelled_figure(
    sections: Sequence[tuple[str, np.ndarray, np.ndarray]],
    path: Path,
    title: str,
    *,
    columns: int = 2,
    pixel_nm: PixelSize = None,
) -> Path:
    """Draw sections, each beside itself with its label as an overlay.

    Parameters
    ----------
    sections : sequence of (name, image, label)
        Image (h, w) of grey values and label (h, w), 1 = membrane.
    columns : int
        Sections side by side.
    pixel_nm : (float, float), optional
        Height and width of a pixel, nm, for a scale bar.
    """
    rows = -(-len(sections) // columns)
    figure = new_figure(6.2 * columns, 0.5 + 3.3 * rows, title)
    pairs = figure.subplots(rows, 2 * columns, squeeze=False).reshape(-1, 2)
    for panel in pairs.ravel():
        panel.set_axis_off()
    for panels, (name, image, label) in zip(pairs, sections, strict=False):
        grey = grey_picture(image)
        overlay, membrane = grey.copy(), label == 1
        lay_over(overlay, membrane, VERMILLION)
        panels[0].imshow(grey)
        scale_bar(panels[0], image.shape[1], pixel_nm)
        panels[0].set_title(
            f"{name}, {image.shape[1]} x {image.shape[0]} px", fontsize=9, parse_math=False
        )
        panels[1].imshow(overlay)
        panels[1].set_title(f"membrane as labelled: {membrane.mean():.1%}", fontsize=9)
    return save(figure, path, vector=False)


def scale_bar(panel: Axes, width: int, pixel_nm: PixelSize) -> None:
    """Draw a bar of a round length into the corner of a section, if its pixel size is known.

    Parameters
    ----------
    width : int
        Width of the section, px.
    """
    if pixel_nm is None:
        return
    longest = _LONGEST_BAR * width * pixel_nm[1]
    power = 10 ** math.floor(math.log10(longest))
    length = max(step * power for step in (1, 2, 5) if step * power <= longest)
    told = f"{length:g} nm" if length < 1000 else f"{length / 1000:g} µm"
    bar = AnchoredSizeBar(
        panel.transData,
        length / pixel_nm[1],
        told,
        "lower right",
        size_vertical=width / 100,
        sep=3,
        fontproperties=FontProperties(size=8),
    )
    bar.patch.set(alpha=0.85, linewidth=0)
    panel.add_artist(bar)


def grey_picture(image: np.ndarray) -> np.ndarray:
    """Turn a section (h, w) into a grey picture (h, w, 3) in [0, 1], clipping the extremes."""
    low, high = np.percentile(image, GREY_RANGE)
    grey = np.clip((image - low) / max(high - low, 1e-9), 0, 1)
    return np.repeat(grey[..., np.newaxis], 3, axis=2)


def lay_over(picture: np.ndarray, where: np.ndarray, colour: str, share: float = _TINT) -> None:
    """Tint the pixels (h, w) of a picture (h, w, 3), in place; ``share`` is the colour's."""
    picture[where] = share * np.array(to_rgb(colour)) + (1 - share) * picture[where]
