"""Claims of energy over all folds: mean energies, and accuracy that is paired over all sections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import pandas as pd

from spikeseg_core.evaluation.claims import equal_accuracy

KEY = (
    *("network", "presentation", "baseline", "baseline_network", "baseline_feed"),
    *("idle", "host", "basis"),
)
"""What a claim is about."""

Claims = Sequence[Mapping[str, Any]]
"""As from :func:`spikeseg_core.evaluation.claims.claims`."""

Study = tuple[Sequence[Claims], Mapping[str, pd.DataFrame]]
"""Claims of every run, and test scores of every section by segmentation."""


def over_folds(
    by_run: Sequence[Claims], scores: Mapping[str, pd.DataFrame]
) -> list[dict[str, Any]]:
    """Join the claims of all folds and seeds.

    Parameters
    ----------
    by_run : sequence of sequence of mapping
        The claims of every run. What not all of them claim is left out.
    scores : mapping of str to DataFrame
        Test scores of every section, whose number is the index, by segmentation.

    Returns
    -------
    list of dict
        As of one run, and ``runs``, how many. ``loihi_mj`` and ``baseline_mj`` are means over runs,
        ``ratio`` is theirs, with ``ratio_low`` and ``ratio_high``, the least and the greatest of a
        run; ``equal_accuracy`` is over all sections.
    """
    found: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for claim in chain.from_iterable(by_run):
        found.setdefault(tuple(claim[name] for name in KEY), []).append(claim)
    return [
        _joined(dict(zip(KEY, key, strict=True)), claims, scores)
        for key, claims in found.items()
        if len(claims) == len(by_run)
    ]


def against(ours: Study, theirs: Study) -> list[dict[str, Any]]:
    """Claim the energies of one study's Loihi against the CPU that runs the other one's network.

    A smaller network that segments as well is the stronger opponent. Only whole sections are
    compared: as tiles, the CPU is charged for as many as Loihi, which may differ.

    Parameters
    ----------
    ours, theirs : (sequence of sequence of mapping, mapping of str to DataFrame)
        Both arguments of :func:`over_folds`, of runs on the same folds in the same order.

    Returns
    -------
    list of dict
        As from :func:`over_folds`; ``baseline`` says whose network it runs. Empty if the networks
        are the same.
    """
    (runs, scores), (other_runs, other_scores) = ours, theirs
    if len(runs) != len(other_runs):
        return []
    crossed = [_crossed(*both) for both in zip(runs, other_runs, strict=True)]
    return over_folds(crossed, {**scores, **{_of_other(tag): s for tag, s in other_scores.items()}})


def _crossed(claims: Claims, others: Claims) -> list[dict[str, Any]]:
    """Replace the baseline of every claim of a run by the other run's."""
    theirs = {
        (claim["baseline"], claim["idle"]): claim
        for claim in others
        if claim["baseline_feed"] == "sections"
    }
    found = []
    for claim in claims:
        other = theirs.get((claim["baseline"], claim["idle"]))
        if other is None or other["baseline_network"] == claim["network"]:
            continue
        if claim["baseline_feed"] != "sections":
            continue
        found.append(
            {
                **claim,
                "baseline": f"{claim['baseline']}, {other['baseline_network']}",
                "baseline_network": other["baseline_network"],
                "scores": [claim["scores"][0], _of_other(other["scores"][1])],
                "baseline_mj": other["baseline_mj"],
                "ratio": other["baseline_mj"] / claim["loihi_mj"],
                "busy": claim["busy"] or other["busy"],
            }
        )
    return found


def _of_other(tag: str) -> str:
    return f"other/{tag}"


def _joined(
    about: dict[str, Any], claims: Claims, scores: Mapping[str, pd.DataFrame]
) -> dict[str, Any]:
    loihi, baseline = (
        sum(claim[name] for claim in claims) / len(claims) for name in ("loihi_mj", "baseline_mj")
    )
    ratios = [claim["ratio"] for claim in claims]
    return about | {
        "runs": len(claims),
        "loihi_mj": loihi,
        "baseline_mj": baseline,
        "ratio": baseline / loihi,
        "ratio_low": min(ratios),
        "ratio_high": max(ratios),
        "busy": any(claim["busy"] for claim in claims),
        "equal_accuracy": equal_accuracy(*(_tested(scores, tag) for tag in claims[0]["scores"])),
    }


def _tested(scores: Mapping[str, pd.DataFrame], tag: str) -> pd.DataFrame | None:
    if tag not in scores:
        return None
    return scores[tag].rename_axis("section").reset_index().assign(split="test")
