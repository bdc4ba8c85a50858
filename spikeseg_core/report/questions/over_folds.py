"""Parts of Q2 and Q5: what a cross-validation that benchmarked energies says of all folds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from spikeseg_core.config.tolerances import CLAIMED
from spikeseg_core.report.claims import grouped
from spikeseg_core.report.cross_validation import newest, stated_interval
from spikeseg_core.report.document import SCORE_TITLES, Cell, Table
from spikeseg_core.report.evidence import Evidence
from spikeseg_core.report.levers import TITLES
from spikeseg_core.report.stated import Link, Name, say, stated
from spikeseg_core.sweep.levers import ENERGIES

_SCORES: list[Cell] = [SCORE_TITLES[score] for score in CLAIMED]


def ratios(evidence: Evidence) -> tuple[list[Table], list[Link]]:
    """Tabulate the CPU's energy over Loihi's, mean over folds, and whether accuracy is equal.

    A row is a presentation, without or with the host, and a baseline; nothing if no
    cross-validation of the preset benchmarked energies.
    """
    found = newest(evidence, "claims")
    if found is None:
        return [], []
    table, run = found
    accountings, rows = grouped(table["claims"])
    return [
        Table(
            caption=say(
                "Energy of a conventional device over Loihi's by accounting of static power, "
                "{over}. Then whether Loihi is as good: its scores less the device's, paired by "
                "section; the lower end of the interval may lose {margins}.",
                over=_over(table),
                margins=_margins(),
            ),
            heading=["Loihi", "baseline", *map(Name, accountings), *_SCORES],
            rows=[
                [
                    *map(Name, key),
                    *(_ratio(by_idle.get(idle)) for idle in accountings),
                    *_scores(next(iter(by_idle.values()))["equal_accuracy"]),
                ]
                for key, by_idle in rows.items()
            ],
        )
    ], [run]


def saved(evidence: Evidence) -> tuple[list[Table], list[Link]]:
    """Tabulate what each way of saving energy changes, alone and beside all others."""
    found = newest(evidence, "levers")
    if found is None:
        return [], []
    table, run = found
    return [
        Table(
            caption=say(
                "What each way of saving energy changes when it is added to the presentation as "
                "deployed, and when it is taken away from all others, {over}: energy of a section, "
                "paired by fold, and scores, paired by section.",
                over=_over(table),
            ),
            heading=["way", "where", *map(Name, TITLES.values()), *_SCORES],
            rows=[
                [
                    step["lever"],
                    step["where"],
                    *(_saved(step, energy) for energy in ENERGIES),
                    *(
                        stated_interval(step["change"][score], "measured", "+.3f")
                        for score in CLAIMED
                    ),
                ]
                for step in table["levers"]
            ],
        )
    ], [run]


def _over(table: Mapping[str, Any]) -> Cell:
    return say(
        "mean over {folds} folds of {sections} sections",
        folds=stated(table["folds"], "set", ".0f"),
        sections=stated(table["sections"], "measured", ".0f"),
    )


def _margins() -> Cell:
    return say(
        "{pixels} of pixel accuracy, {rand} of V_Rand and {info} of V_Info",
        pixels=stated(CLAIMED["pixel_accuracy"], "set", "g"),
        rand=stated(CLAIMED["v_rand"], "set", "g"),
        info=stated(CLAIMED["v_info"], "set", "g"),
    )


def _ratio(claim: Mapping[str, Any] | None) -> Cell:
    if claim is None:
        return None
    return "busy" if claim["busy"] else stated(claim["ratio"], "modelled", "s2")


def _scores(equal: Mapping[str, Any] | None) -> Sequence[Cell]:
    if equal is None:
        return [None] * len(_SCORES)
    return [stated_interval(equal[score], "measured", "+.3f") for score in CLAIMED]


def _saved(step: Mapping[str, Any], energy: str) -> Cell:
    if energy == "with_host_mj" and step["busy"]:
        return "busy"
    return stated_interval(step["change"][energy], "modelled", "+.1f")
