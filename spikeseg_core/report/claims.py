"""Ratios of energies over all folds as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from spikeseg_core.config.tolerances import CLAIMED
from spikeseg_core.report.document import SCORE_TITLES, Cell, Table
from spikeseg_core.report.stated import significant

CAPTION = (
    "Energy of a section, mJ, mean over folds, and the CPU's over Loihi's under every accounting "
    "of static power (modelled). Equal accuracy: the scores whose loss, paired over all sections, "
    "can be beyond its margin."
)

Rows = Mapping[tuple[str, str], Mapping[str, Mapping[str, Any]]]
"""Claims by Loihi's presentation, the baseline, and the accounting of static power."""


def claim_table(claimed: Sequence[Mapping[str, Any]]) -> Table:
    """Tabulate claims (:func:`~spikeseg_core.sweep.claims.over_folds`).

    A row is a presentation, without or with the host, and a baseline; a column an accounting.
    """
    accountings, rows = grouped(claimed)
    return Table(
        ["Loihi", "against", *accountings, "equal accuracy"],
        [
            [*key, *(_ratio(found.get(name)) for name in accountings), _equal(found)]
            for key, found in rows.items()
        ],
        CAPTION,
    )


def grouped(claimed: Sequence[Mapping[str, Any]]) -> tuple[list[str], Rows]:
    """Return all accountings, and the claims by row and accounting."""
    rows: dict[tuple[str, str], dict[str, Mapping[str, Any]]] = {}
    for claim in claimed:
        host = ", with host" if claim["host"] else ""
        other = claim["baseline_network"] != claim["network"]
        network = f", {claim['network']}" if other else ""
        key = f"Loihi, {claim['presentation']}{network}{host}", str(claim["baseline"])
        rows.setdefault(key, {})[str(claim["idle"])] = claim
    return list(dict.fromkeys(str(claim["idle"]) for claim in claimed)), rows


def _ratio(claim: Mapping[str, Any] | None) -> Cell:
    if claim is None:
        return None
    if claim["busy"]:
        return "busy"
    loihi, baseline = (significant(claim[name]) for name in ("loihi_mj", "baseline_mj"))
    return f"{significant(claim['ratio'], 2)} ({baseline} / {loihi})"


def _equal(found: Mapping[str, Mapping[str, Any]]) -> str:
    equal = next(iter(found.values()))["equal_accuracy"]
    if equal is None:
        return "not known"
    lost = [
        f"{SCORE_TITLES[score]} {equal[score]['mean']:+.4f} [{equal[score]['low']:+.4f}, "
        f"{equal[score]['high']:+.4f}]"
        for score in CLAIMED
        if equal[score]["low"] <= -equal[score]["margin"]
    ]
    return f"no: {', '.join(lost)}" if lost else "yes"
