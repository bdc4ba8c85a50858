"""Where accuracy is lost between the ANN and the chip: the losses of the steps add up."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

STEPS = (
    ("Loihi's rate curve", "ann_loihi_curve"),
    ("rate tuning", "rate_tuned"),
    ("conversion", "snn_rate"),
    ("spikes", "snn_spiking"),
    ("a step from layer to layer", "loihi/exact_weights"),
    ("integer weights", "loihi/one_scale_a_layer"),
    ("splitting into cores", "loihi"),
    ("presentation time", "benchmark/operating_point"),
)
"""Every step after the ANN and where it ends: a segmentation tag, or one of its variants
(``tag/variant``), whose metrics in the tag have that prefix (``variant/test/v_rand``).

The two before ``loihi`` are the float reference of the chip: first with exact weights, then with
integers that share one scale per layer
(:mod:`spikeseg_core.ann.float_reference`)."""

AS_TUNED = "loihi/as_tuned"
"""The deployed network itself, where it was tuned on events with the integers that it has on the
chip. Its spikes, its clock and its integers are there from the start, so it takes the place of
:data:`FLOAT_TWINS`, which are one step then (:data:`ON_INTEGERS`)."""

ON_INTEGERS = "spikes and integers"
"""Name of the step to :data:`AS_TUNED`."""

FLOAT_TWINS = ("snn_spiking", "loihi/exact_weights", "loihi/one_scale_a_layer")
"""Where steps end that simulate the chip in floating point, one difference after another."""

DEPLOYED = "loihi"
"""The last step that tolerances apply to: a shorter presentation after it is a choice."""

START = "ann"

SCORES = ("pixel_accuracy", "membrane_iou", "v_rand", "v_info")


def loss_table(
    stages: Mapping[str, Mapping[str, float | None]], split: str = "test"
) -> pd.DataFrame:
    """List how each step changed the scores.

    Parameters
    ----------
    stages : mapping of str to (mapping of str to float or None)
        Metrics (``test/v_rand``, ...) by segmentation stage tag. If a tag or variant is missing, or
        lacks one of ``SCORES``, its step is merged with the next one.

    Returns
    -------
    pandas.DataFrame
        One row per step, in order: ``step``, ``from``, ``to`` (as in ``STEPS``), and the change
        of each of ``SCORES``, negative where the step lost. Each column adds up
        to the last score minus the ANN's. Empty if the ANN or everything after it is missing. After
        tuning on events, ``ON_INTEGERS`` stands for the steps to ``FLOAT_TWINS``.
    """
    found: dict[str, dict[str, float]] = {}
    for place in (START, *(place for _, place in STEPS), AS_TUNED):
        tag, _, variant = place.partition("/")
        prefix = f"{variant}/{split}" if variant else split
        scores = {score: stages.get(tag, {}).get(f"{prefix}/{score}") for score in SCORES}
        known = {score: value for score, value in scores.items() if value is not None}
        if len(known) == len(SCORES):
            found[place] = known
    rows = []
    before, names = START, []
    for name, place in _chain(AS_TUNED in found) if START in found else ():
        names.append(name)
        if place not in found:
            continue
        change = {score: found[place][score] - found[before][score] for score in SCORES}
        rows.append({"step": ", ".join(names), "from": before, "to": place, **change})
        before, names = place, []
    return pd.DataFrame(rows, columns=["step", "from", "to", *SCORES])


def _chain(on_integers: bool) -> list[tuple[str, str]]:
    """Return :data:`STEPS`; if tuning was on integers, with one step for those to float twins."""
    if not on_integers:
        return list(STEPS)
    before = [place for _, place in STEPS].index(FLOAT_TWINS[0])
    rest = [step for step in STEPS[before:] if step[1] not in FLOAT_TWINS]
    return [*STEPS[:before], (ON_INTEGERS, AS_TUNED), *rest]


def to_deployed(table: pd.DataFrame) -> pd.DataFrame:
    """Return the steps up to the deployed network, to which tolerances apply.

    A shorter presentation after it is a choice, not a loss.
    """
    if table.empty:
        return table
    deployed = table.index[table["to"] == DEPLOYED]
    return table.loc[: deployed[-1]] if len(deployed) else table


def blame(table: pd.DataFrame, tolerance: Mapping[str, float]) -> list[str]:
    """Name, for every score that lost more than its tolerance, the step that lost most.

    Returns
    -------
    list of str
        A sentence for each score outside its tolerance. Shorter presentations than the deployed one
        are ignored.
    """
    table = to_deployed(table)
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
