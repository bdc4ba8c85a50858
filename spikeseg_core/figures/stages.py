"""Scores from stage to stage: what each step on the way to the chip costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from spikeseg_core.figures.style import BLUE, GREY, clean, new_figure, save

_NAMES = {
    "pixel_accuracy": "pixel accuracy",
    "membrane_iou": "membrane IoU",
    "dice": "Dice",
    "v_rand": "V_Rand",
    "v_info": "V_Info",
}

SHOWN = ("test/pixel_accuracy", "test/membrane_iou", "test/v_rand", "test/v_info")


def stages_figure(
    scores: Mapping[str, Mapping[str, float]],
    path: Path,
    title: str = "Scores from stage to stage",
    metrics: Sequence[str] = SHOWN,
) -> Path:
    """Draw each metric over the stages, as points, since the axes do not start at zero.

    Parameters
    ----------
    scores : mapping of stage to metrics
        In the order of the stages; a stage without a metric is left out of its panel.
    path : Path
        Where the PNG goes.
    title : str
    metrics : sequence of str
        What to draw, one panel each.

    Returns
    -------
    Path
        ``path``.
    """
    stages = list(scores)
    figure = new_figure(3.2 * len(metrics), 3.4, title)
    panels = figure.subplots(1, len(metrics), squeeze=False)[0]
    for panel, metric in zip(panels, metrics, strict=True):
        points = [(x, scores[s][metric]) for x, s in enumerate(stages) if metric in scores[s]]
        panel.plot([x for x, _ in points], [y for _, y in points], color=BLUE, marker="o")
        for x, value in points:
            panel.annotate(
                f"{value:.4f}", (x, value), (0, 7), textcoords="offset points", ha="center",
                fontsize=7, color=GREY,
            )  # fmt: skip
        split, _, name = metric.rpartition("/")
        panel.set_title(f"{_NAMES.get(name, name)} ({split})" if split else name, fontsize=9)
        panel.set_xticks(range(len(stages)), stages, rotation=35, ha="right")
        panel.set_xlim(-0.5, len(stages) - 0.5)
        panel.margins(y=0.2)
        clean(panel)
    return save(figure, path)
