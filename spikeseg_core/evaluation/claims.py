"""What may be claimed: energy ratios under every accounting, each with its equality of accuracy.

Loihi and a conventional device do the same work only if they segment equally well. Both segment the
same sections, so the difference is paired section by section; it is equal accuracy if the lower end
of its 95 % interval is above minus the margin, in every score.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from spikeseg_core.config.tolerances import CLAIMED
from spikeseg_core.energy.comparison import Comparison
from spikeseg_core.energy.figure import Presentation, select
from spikeseg_core.evaluation.accounting import DEPLOYED
from spikeseg_core.metrics.intervals import difference

COLUMNS = ("idle", "host", "loihi_mj", "baseline_mj", "ratio")
"""Columns of :func:`~spikeseg_core.energy.baseline.accounting_table` that a claim repeats."""


def presentation_tag(way: str) -> str:
    """Name the scores of sections of Loihi in a presentation: ``benchmark/operating_point``."""
    return DEPLOYED if way == "deployed" else f"benchmark/{way.replace(' ', '_')}"


def claims(
    found: Comparison,
    loihi: Mapping[Presentation, pd.DataFrame],
    conventional: Mapping[str, pd.DataFrame],
    network: str,
) -> list[dict[str, Any]]:
    """List the ratios of Loihi and the CPU's int8 runs under every accounting.

    Parameters
    ----------
    loihi, conventional : mapping of str to DataFrame
        Scores of every section, as :attr:`spikeseg_core.evaluation.segment.Segmentation.sections`,
        by presentation, and by device.
    network : str
        Name of the network, which both run.

    Returns
    -------
    list of dict
        ``network``, ``presentation``; ``baseline``, ``baseline_network``, ``baseline_feed``
        (``tiles`` or ``sections``); ``scores``, the names of both segmentations, Loihi's first;
        ``idle``, the accounting; ``host``, whether it is charged to Loihi; ``loihi_mj`` and
        ``baseline_mj`` per section, ``ratio``; ``basis``; ``busy``; ``equal_accuracy``
        (:func:`equal_accuracy`), None if there are no scores of sections.
    """
    cpu = select(found.figures, family="cpu", precision="int8", batch=1, component="total")
    online = {f"{figure.label}, {figure.precision}": figure for figure in cpu}
    rows = []
    for row in found.by_accounting.to_dict("records"):
        baseline = online.get(row["baseline"])
        if baseline is None:
            continue  # published, of another network
        scores = loihi.get(row["presentation"]), conventional.get(baseline.device)
        rows.append(
            {
                "network": network,
                "presentation": row["presentation"],
                "baseline": row["baseline"],
                "baseline_network": network,
                "baseline_feed": baseline.feed,
                "scores": [presentation_tag(row["presentation"]), baseline.scores],
                **{name: row[name] for name in COLUMNS},
                "basis": "modelled",
                "busy": baseline.busy,
                "equal_accuracy": equal_accuracy(*scores),
            }
        )
    return rows


def equal_accuracy(
    loihi: pd.DataFrame | None, conventional: pd.DataFrame | None
) -> dict[str, Any] | None:
    """Compare two segmentations of the same test sections, paired by section.

    Returns
    -------
    dict or None
        ``equal``; ``sections``, how many; and by score ``mean``, ``low`` and ``high`` of Loihi's
        less the other's, and ``margin``. None without scores, or with fewer than two sections.
    """
    if loihi is None or conventional is None:
        return None
    ours, theirs = (
        scores[scores["split"] == "test"].set_index("section")[list(CLAIMED)]
        for scores in (loihi, conventional)
    )
    if len(ours) < 2:
        return None
    theirs = theirs.loc[ours.index]
    found = {
        score: difference(theirs[score].to_numpy(), ours[score].to_numpy()) for score in CLAIMED
    }
    return {
        "equal": all(each.low > -CLAIMED[score] for score, each in found.items()),
        "sections": len(ours),
        **{score: each.to_json() | {"margin": CLAIMED[score]} for score, each in found.items()},
    }
