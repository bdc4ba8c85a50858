"""Where accuracy went between the ANN and the chip: the losses of the steps, which add up."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

STEPS = (
    ("Loihi's rate curve", "ann_loihi_curve"),
    ("rate tuning", "rate_tuned"),
    ("conversion", "snn_rate"),
    ("spikes", "snn_spiking"),
    ("integers on cores", "loihi"),
)
"""Every step after the ANN, with the segmentation stage tag it ends at."""

START = "ann"

SCORES = ("pixel_accuracy", "membrane_iou", "v_rand", "v_info")


def loss_table(
    stages: Mapping[str, Mapping[str, float | None]], split: str = "test"
) -> pd.DataFrame:
    """Tell what each step of the way changed.

    Parameters
    ----------
    stages : mapping of str to (mapping of str to float or None)
        Metrics (``test/v_rand``, ...) by segmentation stage tag. A tag that is missing, or lacks
        one of ``SCORES``, joins its step to the next one.
    split : str
        Split whose scores are compared.

    Returns
    -------
    pandas.DataFrame
        A row for each step, in order: ``step``, ``from``, ``to`` (tags), and the change of each of
        ``SCORES``, negative where the step lost. The columns add up to the last stage's score less
        the ANN's. Empty where the ANN or all that follows is missing.
    """
    found: dict[str, dict[str, float]] = {}
    for tag, values in stages.items():
        scores = {score: values.get(f"{split}/{score}") for score in SCORES}
        known = {score: value for score, value in scores.items() if value is not None}
        if len(known) == len(SCORES):
            found[tag] = known
    rows = []
    before, names = START, []
    for name, tag in STEPS if START in found else ():
        names.append(name)
        if tag not in found:
            continue
        change = {score: found[tag][score] - found[before][score] for score in SCORES}
        rows.append({"step": ", ".join(names), "from": before, "to": tag, **change})
        before, names = tag, []
    return pd.DataFrame(rows, columns=["step", "from", "to", *SCORES])


def blame(table: pd.DataFrame, tolerance: Mapping[str, float]) -> list[str]:
    """Say of every score that lost more than it may which step lost most.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`loss_table`.
    tolerance : mapping of str to float
        By score, how much lower the last stage may be than the ANN.

    Returns
    -------
    list of str
        A sentence for each score outside its tolerance; empty if all is well.
    """
    sentences = []
    for score, allowed in tolerance.items():
        lost = -float(table[score].sum())
        if len(table) and lost > allowed:
            worst = table.iloc[int(table[score].argmin())]
            sentences.append(
                f"{score} is {lost:.4f} below the ANN's, {allowed:g} is tolerated; the step "
                f"'{worst['step']}' lost most ({-worst[score]:.4f})"
            )
    return sentences
