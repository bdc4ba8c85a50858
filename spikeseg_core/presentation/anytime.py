"""How good the segmentation is, and what it has cost, after fewer time steps.

For each number of steps the window that is read out over is the one with the least cross-entropy
on the validation split: it moves less from one window to the next than any of the scores.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit

from spikeseg_core.data.dataset import Dataset
from spikeseg_core.evaluation.scorer import evaluate
from spikeseg_core.figures.anytime import anytime_figure
from spikeseg_core.loihi.cost.model import loihi_energy
from spikeseg_core.loihi.run.base import Deployment

SCORES = ("pixel_accuracy", "membrane_iou", "v_rand", "v_info")

TOLERANCE = {"pixel_accuracy": 0.002, "v_rand": 0.01, "v_info": 0.003}
"""What a shorter presentation may lose on the validation split to be good enough: the noise of
these scores from one run to the next."""

_SMALLEST = 1e-6  # probability: a pixel that is wrong for sure must not cost infinitely much


def anytime_table(deployments: Mapping[str, Deployment], dataset: Dataset) -> pd.DataFrame:
    """Score every presentation time the deployments have read-outs of.

    Parameters
    ----------
    deployments : mapping of str to Deployment
        By split, ``validation`` and ``test`` among them, with read-outs and counted events.
    dataset : Dataset
        The sections that were shown.

    Returns
    -------
    pandas.DataFrame
        A row for each number of ``steps``, rising: ``readout_window`` (chosen on validation) and
        its ``validation/cross_entropy``; ``SCORES`` of both splits as in
        :func:`~spikeseg_core.evaluation.scorer.evaluate`, and ``loihi_dynamic_mj`` and
        ``loihi_total_mj`` of one test section (modelled, silicon-fitted constants).
    """
    entropy = window_table(deployments["validation"], dataset)
    counted = deployments["test"].events
    assert counted is not None  # only the fast engine has read-outs, and it counts
    rows = []
    best = entropy.sort_values("validation/cross_entropy", kind="stable").groupby("steps").first()
    for row in best.reset_index().to_dict("records"):
        steps, window = int(row["steps"]), float(row["readout_window"])
        probabilities = {
            split: dataset.grid.stitch(expit(found.readouts[steps, window]))
            for split, found in deployments.items()
        }
        scores = evaluate({s: (p, dataset.split(s)[1]) for s, p in probabilities.items()})
        energy = loihi_energy(counted.until(steps))
        per_section = len(dataset.grid.origins)
        rows.append(
            {
                "steps": steps,
                "readout_window": window,
                "validation/cross_entropy": float(row["validation/cross_entropy"]),
                **{f"{s}/{name}": scores[f"{s}/{name}"] for s in deployments for name in SCORES},
                "loihi_dynamic_mj": energy.dynamic_mj * per_section,
                "loihi_total_mj": energy.total_mj * per_section,
            }
        )
    return pd.DataFrame(rows)


def window_table(validation: Deployment, dataset: Dataset) -> pd.DataFrame:
    """Compare read-out windows on the validation split.

    Parameters
    ----------
    validation : Deployment
        Of the validation split, with read-outs.
    dataset : Dataset
        The sections that were shown.

    Returns
    -------
    pandas.DataFrame
        A row for each read-out: ``steps``, ``readout_window``, and ``validation/cross_entropy``,
        mean over the pixels of whole sections.
    """
    _, labels = dataset.split("validation")
    rows = []
    for (steps, window), logits in validation.readouts.items():
        membrane = np.clip(dataset.grid.stitch(expit(logits)), _SMALLEST, 1 - _SMALLEST)
        right = np.where(labels == 1, membrane, 1 - membrane)
        entropy = -np.mean(np.log(right), dtype=np.float64)
        rows.append(
            {"steps": steps, "readout_window": window, "validation/cross_entropy": float(entropy)}
        )
    return pd.DataFrame(rows).sort_values(["steps", "readout_window"], ignore_index=True)


def shortest_good_enough(table: pd.DataFrame, tolerance: Mapping[str, float] | None = None) -> int:
    """Choose a presentation time on the validation split.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`anytime_table`; its last row is the whole presentation.
    tolerance : mapping of str to float, optional
        How much each score may be lower than after the whole presentation; ``TOLERANCE`` by
        default.

    Returns
    -------
    int
        The fewest steps whose validation scores, and those of all longer ones, are within it.
    """
    allowed = TOLERANCE if tolerance is None else tolerance
    columns = [f"validation/{name}" for name in allowed]
    scores = table[columns].to_numpy()
    good: np.ndarray = (scores >= scores[-1] - np.array([*allowed.values()])).all(axis=1)
    first = len(good) - int(np.argmin(good[::-1])) if not good.all() else 0
    return int(table["steps"].iloc[first])


def draw(table: pd.DataFrame, chosen: int, path: Path) -> Path:
    """Draw the table: scores and energy against steps, the chosen time marked."""
    splits: Sequence[str] = ("validation", "test")
    return anytime_figure(
        table["steps"].to_numpy(),
        {name: {s: table[f"{s}/{name}"].to_numpy() for s in splits} for name in SCORES},
        {
            "dynamic": table["loihi_dynamic_mj"].to_numpy(),
            "total": table["loihi_total_mj"].to_numpy(),
        },
        chosen,
        path,
    )
