"""What each way of saving energy brings, as a table and in the words of its picture."""

from __future__ import annotations

from collections.abc import Sequence

from spikeseg_core.config.tolerances import CLAIMED
from spikeseg_core.report.document import SCORE_TITLES, Table
from spikeseg_core.report.stated import significant
from spikeseg_core.sweep.levers import ENERGIES, Step

CAPTION = (
    "What each lever changes, alone and beside all others: energy of a section in mJ (modelled), "
    "paired by run; scores (measured), paired by section; 95% intervals. Each set of levers has "
    "the operating point that validation chooses."
)
TITLES = {"loihi_mj": "chips, mJ", "with_host_mj": "with host, mJ"}


def lever_table(steps: Sequence[Step]) -> Table:
    """Tabulate levers, a row each."""
    return Table(
        ["lever", "where", *TITLES.values(), *(SCORE_TITLES[score] for score in CLAIMED)],
        [
            [
                step.lever,
                step.where,
                *(_energy(step, energy) for energy in ENERGIES),
                *(f"{step.change[score]:+.4f}" for score in CLAIMED),
            ]
            for step in steps
        ],
        CAPTION,
    )


def _energy(step: Step, energy: str) -> str:
    if energy == "with_host_mj" and step.busy:
        return "busy"
    before, after = (significant(mean[energy]) for mean in (step.before, step.after))
    return f"{before} to {after}: {step.change[energy]:+.1f}"
